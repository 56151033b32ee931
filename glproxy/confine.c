#include "glproxy/confine.h"

#include "base/scope.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* By name, so that a call that this architecture or libseccomp lacks is left out. */
static const char *const denied[] = {
	/* other programs, and becoming one */
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"pidfd_getfd", "kcmp", "personality",
	/* other privileges, other namespaces, other trees of files */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "capset",
	"setns", "unshare", "chroot", "pivot_root", "mount", "umount2", "move_mount", "open_tree",
	"fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "open_by_handle_at",
	"name_to_handle_at", "mknod", "mknodat", "quotactl", "quotactl_fd", "acct",
	/* the machine */
	"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
	"swapon", "swapoff", "sethostname", "setdomainname", "settimeofday", "clock_settime",
	"clock_adjtime", "adjtimex", "iopl", "ioperm", "syslog", "vhangup",
	/* parts of the kernel that are often attacked and never needed here */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "add_key", "request_key", "keyctl", "lookup_dcookie", "fanotify_init"};

static void release(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

static int deny(scmp_filter_ctx filter, const char *name)
{
	const int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
}

/* X servers are reached by Unix sockets, the kernel's devices by netlink's. */
static int deny_network(scmp_filter_ctx filter)
{
	static const int families[] = {AF_INET, AF_INET6, AF_PACKET, AF_VSOCK, AF_ALG};
	for (size_t i = 0; i < array_len(families); i++) {
		const int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
			1, SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
		if (status)
			return status;
	}
	return 0;
}

int confine(struct err *err)
{
	__attribute__((cleanup(release))) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int status = filter ? deny_network(filter) : -ENOMEM;
	for (size_t i = 0; !status && i < array_len(denied); i++)
		status = deny(filter, denied[i]);
	/* Sets no_new_privs as well. */
	if (!status)
		status = seccomp_load(filter);
	return status ? err_set(err, "the kernel takes no system call filter (%d)", status) : 0;
}
