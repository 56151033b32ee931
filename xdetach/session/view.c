#define _GNU_SOURCE
#include "xdetach/session/view.h"

#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TAKEN "taken" /* another command has started one at the same time */
#define START_S 10.0

char *view_dir(const char *name, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	return runs ? paths_format(err, "%s/.vnc-%s", runs, name) : NULL;
}

/* ---- starting one ---- */

struct start {
	char *program, *dir, *session_dir;
	const char *name;
	char linger[16];
};

static void start_finish(struct start *start)
{
	free(start->program);
	free(start->dir);
	free(start->session_dir);
}

static int start_init(struct start *start, const char *name, unsigned linger_s, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	*start = (struct start){.name = name};
	snprintf(start->linger, sizeof(start->linger), "%u", linger_s);
	start->program = paths_helper("glckpt-vnc", err);
	start->dir = view_dir(name, err);
	start->session_dir = runs ? paths_format(err, "%s/%s", runs, name) : NULL;
	return start->program && start->dir && start->session_dir ? 0 : -1;
}

/* In a grandchild, whose parent is gone: the bridge knows its report as descriptor 3. */
static void become_bridge(const struct start *start, int report)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool debug = getenv("GLCKPT_DEBUG") != NULL;
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	dup2(null, 0);
	dup2(null, 1);
	if (!debug)
		dup2(null, 2);
	if (dup2(report, 3) < 0 || close_range(4, ~0u, 0) < 0 || chdir("/") < 0)
		_exit(STATUS_FAILED);
	execl(start->program, "glckpt-vnc", start->name, start->dir, start->session_dir,
		start->linger, (char *)NULL);
	dprintf(3, "%s: %s", start->program, strerror(errno));
	_exit(STATUS_FAILED);
}

static int read_report(int fd, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_all(fd, &text, ERR_TEXT_MAX, err) < 0)
		return -1;
	if (text.data && (!strcmp(text.data, "ok") || !strcmp(text.data, TAKEN)))
		return 0;
	return err_set(err, "%s", text.data ? text.data : "the bridge ended while it started");
}

static int start_bridge(const char *name, unsigned linger_s, struct err *err)
{
	scoped(start_finish) struct start start = {0};
	int report[2];
	if (start_init(&start, name, linger_s, err) < 0)
		return -1;
	if (mkdir(start.dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "%s", start.dir);
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		become_bridge(&start, report[1]);
	close(report[1]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	int result = pid < 0 ? err_errno(err, "fork") : read_report(report[0], err);
	close(report[0]);
	return result;
}

/* ---- finding one ---- */

static int connect_to(const char *name)
{
	scoped_free char *dir = view_dir(name, NULL);
	return dir ? ctl_connect(dir, NULL) : -1;
}

/* A session of that name must run; what is wrong with the name is said in its terms. */
static int check_session(const char *name, struct err *err)
{
	scoped_fd int fd = session_connect(name, err);
	return fd < 0 ? -1 : 0;
}

int view_connect(const char *name, unsigned linger_s, struct err *err)
{
	double end = io_now() + START_S;
	int fd = connect_to(name);
	if (fd >= 0)
		return fd;
	if (check_session(name, err) < 0)
		return -1;
	if (!linger_s)
		return err_set(err, "nobody watches %s: `glckpt view %s` does", name, name);
	while (fd < 0 && io_now() < end) {
		if (start_bridge(name, linger_s, err) < 0)
			return -1;
		fd = connect_to(name);
		if (fd < 0)
			usleep(10000); /* the other one is just beginning, or just ending */
	}
	return fd < 0 ? err_set(err, "the bridge of %s does not answer", name) : fd;
}
