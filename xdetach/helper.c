#define _GNU_SOURCE
#include "xdetach/helper.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

/* The report and the lock, each under its number, and nothing else. */
static int keep_descriptors(int report, int lock)
{
	int high = lock < 0 ? -1 : fcntl(lock, F_DUPFD, HELPER_LOCK_FD + 1);
	if (dup2(report, HELPER_REPORT_FD) < 0 || (high >= 0 && dup2(high, HELPER_LOCK_FD) < 0))
		return -1;
	return close_range(HELPER_REPORT_FD + 1 + (high >= 0), ~0u, 0);
}

/* In a grandchild, whose parent is gone. It says its own process id before the program speaks. */
static void become_helper(const char *program, const char *const *argv, int report, int lock)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const pid_t self = getpid();
	const bool debug = getenv("GLCKPT_DEBUG") != NULL;
	dup2(null, 0);
	dup2(null, 1);
	if (!debug)
		dup2(null, 2);
	if (keep_descriptors(report, lock) < 0 ||
		io_write_full(HELPER_REPORT_FD, &self, sizeof(self)) < 0)
		_exit(STATUS_FAILED);
	execv(program, (char *const *)argv);
	dprintf(HELPER_REPORT_FD, "%s: %s", program, strerror(errno));
	_exit(STATUS_FAILED);
}

static int spawn(
	const char *program, const char *const *argv, int report, int lock, struct err *err)
{
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0) {
		if (setsid() >= 0 && fork() == 0)
			become_helper(program, argv, report, lock);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int read_report(struct helper *helper, int fd, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_full(fd, &helper->pid, sizeof(helper->pid)) < 0)
		return err_set(err, "no process could be started");
	if (io_read_all(fd, &text, sizeof(helper->report) - 1, err) < 0)
		return -1;
	snprintf(helper->report, sizeof(helper->report), "%s", text.data ? text.data : "");
	return 0;
}

int helper_start(struct helper *helper, const char *program, const char *const *argv, int lock,
	struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	scoped_fd int reads = ends[0];
	int result = spawn(program, argv, ends[1], lock, err);
	close(ends[1]);
	return result < 0 ? -1 : read_report(helper, reads, err);
}
