#define _GNU_SOURCE
#include "xdetach/session/start.h"

#include "base/io.h"
#include "base/log.h"
#include "wire/ctl.h"
#include "xdetach/fail.h"
#include "xdetach/paths.h"
#include "xdetach/session/checkpoint.h"
#include "xdetach/session/front.h"
#include "xdetach/session/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- the keeper ---- */

static void drop_standard_streams(void)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
}

static void say_failed(int front, const struct err *err)
{
	ctl_send(front,
		json_pack("{s:s, s:s, s:i}", "event", "failed", "text", err->text, "status",
			err->status == STATUS_FAILED ? STATUS_GLCKPT : err->status),
		NULL);
}

/* Between keeper and supervisor: enters the namespaces, whose first process is the next one. */
static void enter(struct start *start)
{
	struct plan *plan = start->plan;
	struct err err = ERR_INIT;
	fail_choose(plan->fail);
	const char *point = plan->image ? "restore-namespace" : "launch-namespace";
	if (fail_here(point, &err) < 0 ||
		namespace_enter(plan->session.run_dir, &start->clock, &err) < 0) {
		say_failed(plan->front, &err);
		_exit(STATUS_GLCKPT);
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(supervisor_run(plan));
	_exit(pid < 0 ? STATUS_GLCKPT : 0);
}

/* A checkpoint that was under way when the supervisor was killed (see checkpoint.c). */
static void remove_part(const char *run_dir)
{
	scoped_free char *part = checkpoint_trace(run_dir);
	if (part)
		io_remove_tree(AT_FDCWD, part, NULL);
}

static void close_plan(struct plan *plan)
{
	int *const fds[] = {&plan->front, &plan->input, &plan->output, &plan->error};
	for (size_t i = 0; i < array_len(fds); i++) {
		scope_close_fd(fds[i]);
		*fds[i] = -1;
	}
}

static void keep(struct start *start)
{
	struct plan *plan = start->plan;
	sigset_t none;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "glckpt-keeper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	drop_standard_streams();
	pid_t pid = fork();
	if (pid == 0)
		enter(start);
	close_plan(plan);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	remove_part(plan->session.run_dir);
	xserver_drop_lock(&plan->xserver);
	session_release(&plan->session);
	_exit(0);
}

/* ---- the descriptors of both sides ---- */

/* Where the session's output goes: a regular file itself, else a pipe that the command empties.
 * `theirs` is the supervisor's end, `ours` the command's; -1: none. */
static int split_output(int fd, int *theirs, int *ours, struct err *err)
{
	struct stat st;
	int ends[2];
	if (fstat(fd, &st) < 0)
		return 0;
	if (S_ISREG(st.st_mode)) {
		*theirs = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return *theirs < 0 ? err_errno(err, "standard output") : 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	*ours = ends[0];
	*theirs = ends[1];
	return 0;
}

static bool same_output(void)
{
	struct stat out, err;
	return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
		out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

static int open_input(struct plan *plan, struct front *front, struct err *err)
{
	int ends[2];
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	plan->input = ends[0];
	front->input = ends[1];
	return 0;
}

/* Standard output and error that are one file stay one, so that their order is kept. */
static int open_outputs(struct plan *plan, struct front *front, struct err *err)
{
	if (split_output(STDOUT_FILENO, &plan->output, &front->output, err) < 0)
		return -1;
	if (!same_output())
		return split_output(STDERR_FILENO, &plan->error, &front->error, err);
	plan->error = plan->output >= 0 ? fcntl(plan->output, F_DUPFD_CLOEXEC, 3) : -1;
	return 0;
}

static int open_ends(struct start *start, struct front *front, struct err *err)
{
	int ends[2];
	if (ctl_pair(ends, err) < 0)
		return -1;
	start->plan->front = ends[0];
	front->channel = ends[1];
	if (start->detach)
		return 0;
	if (open_input(start->plan, front, err) < 0)
		return -1;
	return open_outputs(start->plan, front, err);
}

static pid_t start_keeper(struct start *start, struct front *front, struct err *err)
{
	if (open_ends(start, front, err) < 0)
		return -1;
	if (!start->detach)
		front_block_signals();
	pid_t keeper = fork();
	if (keeper < 0)
		return err_errno(err, "fork");
	if (keeper == 0) {
		front_finish(front);
		keep(start);
	}
	return keeper;
}

int start_session(struct start *start, struct err *err)
{
	struct plan *plan = start->plan;
	scoped(front_finish) struct front front = FRONT_INIT;
	plan->front = plan->input = plan->output = plan->error = -1;
	front.terminal = plan->terminal;
	front.name = plan->session.name;
	front.hooks = start->hooks;
	pid_t keeper = start_keeper(start, &front, err);
	close_plan(plan);
	if (keeper < 0) {
		session_release(&plan->session);
		return -1;
	}
	close(steal_fd(&plan->session.lock_fd));
	if (front_wait_started(&front, err) < 0) {
		waitpid(keeper, NULL, 0);
		return -1;
	}
	start->ran = true;
	start->restore_s = front.restore_s;
	if (start->detach)
		return 0;
	int status = front_run(&front, err);
	start->checkpointed = front.checkpointed;
	waitpid(keeper, NULL, 0); /* who removes what the session had */
	return status;
}
