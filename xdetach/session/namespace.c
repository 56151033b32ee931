#define _GNU_SOURCE
#include "xdetach/session/namespace.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define LAST_PID "/proc/sys/kernel/ns_last_pid"

/* ---- in the keeper ---- */

static int map_own_ids(uid_t uid, gid_t gid, struct err *err)
{
	char line[64];
	if (io_put("/proc/self/setgroups", "deny", err) < 0)
		return -1;
	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	if (io_put("/proc/self/uid_map", line, err) < 0)
		return -1;
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return io_put("/proc/self/gid_map", line, err);
}

static int enter_user_namespace(struct err *err)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	if (unshare(CLONE_NEWUSER) < 0)
		return err_errno(
			err, "this user may not make user namespaces (see `glckpt doctor`)");
	return map_own_ids(uid, gid, err);
}

static int bind(const char *from, const char *to, struct err *err)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return err_errno(err, "%s on %s", from, to);
	return 0;
}

static int make_run_folder(const char *run_dir, const char *name, mode_t mode, char *path,
	size_t size, struct err *err)
{
	snprintf(path, size, "%s/%s", run_dir, name);
	if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
		return err_errno(err, "%s", path);
	return 0;
}

static int mount_private_folders(const char *run_dir, struct err *err)
{
	char x11[4096], shm[4096];
	if (make_run_folder(run_dir, "x11", 01777, x11, sizeof(x11), err) < 0 ||
		make_run_folder(run_dir, "shm", 0700, shm, sizeof(shm), err) < 0)
		return -1;
	if (mkdir(NAMESPACE_X11, 01777) == 0)
		chmod(NAMESPACE_X11, 01777);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "making / private");
	if (bind(x11, NAMESPACE_X11, err) < 0 || bind(NAMESPACE_SHM, shm, err) < 0)
		return -1;
	if (mount("tmpfs", NAMESPACE_SHM, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return err_errno(err, "tmpfs on %s", NAMESPACE_SHM);
	if (mkdir(NAMESPACE_PRIVATE, 0700) < 0)
		return err_errno(err, "%s", NAMESPACE_PRIVATE);
	return 0;
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void namespace_clock_now(struct namespace_clock *clock)
{
	clock->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	clock->boottime_ns = clock_ns(CLOCK_BOOTTIME);
}

static void put_offset(char *line, size_t size, const char *name, int64_t want, int64_t now)
{
	int64_t offset = want ? want - now : 0;
	int64_t seconds = offset / 1000000000;
	int64_t ns = offset % 1000000000;
	if (ns < 0) {
		ns += 1000000000;
		seconds--;
	}
	snprintf(line, size, "%s %lld %lld\n", name, (long long)seconds, (long long)ns);
}

static int enter_time_namespace(const struct namespace_clock *want, struct err *err)
{
	char monotonic[96], boottime[96], both[192];
	struct namespace_clock now;
	namespace_clock_now(&now);
	if (unshare(CLONE_NEWTIME) < 0)
		return err_errno(err, "making a time namespace");
	put_offset(monotonic, sizeof(monotonic), "monotonic", want->monotonic_ns, now.monotonic_ns);
	put_offset(boottime, sizeof(boottime), "boottime", want->boottime_ns, now.boottime_ns);
	snprintf(both, sizeof(both), "%s%s", monotonic, boottime);
	return io_put("/proc/self/timens_offsets", both, err);
}

int namespace_enter(const char *run_dir, const struct namespace_clock *clock, struct err *err)
{
	if (geteuid() != 0 && enter_user_namespace(err) < 0)
		return -1;
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, "making a mount namespace");
	if (mount_private_folders(run_dir, err) < 0)
		return err_context(err, "mount");
	if (enter_time_namespace(clock, err) < 0)
		return -1;
	if (unshare(CLONE_NEWPID) < 0)
		return err_errno(err, "making a PID namespace");
	return 0;
}

/* ---- in PID 1 ---- */

static int mount_devpts(struct err *err)
{
	static const char options[] = "newinstance,ptmxmode=0666,mode=0620";
	struct stat st;
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options) < 0)
		return err_errno(err, "devpts");
	if (lstat("/dev/ptmx", &st) == 0 && S_ISLNK(st.st_mode))
		return 0;
	return bind("/dev/pts/ptmx", "/dev/ptmx", err);
}

/*
 * criu is executed by a user who is not root: only ambient capabilities survive that. Without
 * CAP_SETUID, because criu would then try to become a root that is not mapped.
 */
int namespace_keep_capabilities(struct err *err)
{
	if (getuid() == 0)
		return 0;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return err_errno(err, "capabilities");
	data[0].permitted &= ~(1u << CAP_SETUID);
	for (int i = 0; i < 2; i++) {
		data[i].effective = data[i].permitted;
		data[i].inheritable = data[i].permitted;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_errno(err, "capabilities");
	for (unsigned long i = 0; i < 64; i++)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
	return 0;
}

int namespace_settle(struct err *err)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	if (mount("proc", "/proc", "proc", flags, NULL) < 0)
		return err_errno(err, "mount: /proc (a container that masks /proc forbids this)");
	if (mount_devpts(err) < 0)
		return err_context(err, "mount");
	return 0;
}

static bool below(const char *path, const char *dir)
{
	size_t length = strlen(dir);
	return !strncmp(path, dir, length) && (path[length] == '/' || path[length] == '\0');
}

char *namespace_host_path(const char *run_dir, const char *path, struct err *err)
{
	if (below(path, NAMESPACE_SHM))
		return paths_format(err, "%s/shm%s", run_dir, path + strlen(NAMESPACE_SHM));
	return paths_format(err, "%s", path);
}

int namespace_set_last_pid(int last, struct err *err)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", last);
	return io_put(LAST_PID, number, err);
}

int namespace_last_pid(void)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, LAST_PID, &text, 64, NULL) < 0)
		return -1;
	return atoi(text.data);
}
