#define _GNU_SOURCE
#include "xdetach/session/gl.h"

#include "base/io.h"
#include "wire/hello.h"
#include "wire/ring.h"
#include "xdetach/paths.h"
#include "xdetach/session/environment.h"
#include "xdetach/session/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#define START_S 60  /* a restore builds everything anew */
#define ANSWER_S 60 /* a snapshot reads everything back */

extern char **environ;

/* ---- starting ---- */

/* The proxies render for the session but with the caller's drivers: their environment is the
 * caller's, with the session's display. */
static void set_environment(const struct gl_start *start)
{
	char display[16];
	snprintf(display, sizeof(display), ":%d", start->display);
	unsetenv("DISPLAY");
	unsetenv("XAUTHORITY");
	if (start->display < 0)
		return;
	setenv("DISPLAY", display, 1);
	setenv("XAUTHORITY", NAMESPACE_PRIVATE "/Xauthority", 1);
}

static void become_glproxy(const struct gl_start *start, const char *program)
{
	const char *argv[] = {"glproxy", "--listen", ENVIRONMENT_GL_SOCKET, "--dir", GL_DIR,
		"--journal", start->journal, "--profile", start->profile,
		start->snapshots         ? "--restore"
			: start->recover ? "--recover"
					 : NULL,
		start->snapshots, NULL};
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (start->log >= 0)
		dup2(start->log, STDERR_FILENO);
	set_environment(start);
	/* It ends with its parent, who is to be PID 1 and not the worker that starts it. */
	while (getppid() != 1)
		usleep(100);
	execve(program, (char *const *)argv, environ);
	_exit(STATUS_NOT_FOUND);
}

/* A descriptor that becomes readable when the new child of PID 1 ends. */
static int fork_glproxy(const struct gl_start *start, const char *program, struct err *err)
{
	int report[2];
	pid_t pid = 0;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	pid_t parent = fork();
	if (parent == 0) {
		pid = fork();
		if (pid == 0)
			become_glproxy(start, program);
		_exit(io_write_full(report[1], &pid, sizeof(pid)) < 0);
	}
	close(report[1]);
	int got = parent < 0 ? -1 : io_read_full(report[0], &pid, sizeof(pid));
	close(report[0]);
	if (parent > 0)
		waitpid(parent, NULL, 0);
	int watch = got == 0 && pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (watch < 0)
		return err_errno(err, "fork");
	return watch;
}

bool gl_journal_is_mode(const char *name)
{
	return !strcmp(name, "off") || !strcmp(name, "uploads") || !strcmp(name, "all");
}

bool gl_was_listening(pid_t pid)
{
	scoped_buf struct buf text = BUF_INIT;
	return io_read_file(AT_FDCWD, GL_DIR "/pid", &text, 64, NULL) == 0 && text.data &&
		atoi(text.data) == pid;
}

int gl_await(int started, struct err *err)
{
	struct pollfd ended = {.fd = started, .events = POLLIN};
	double end = io_now() + START_S;
	while (access(ENVIRONMENT_GL_SOCKET, F_OK) < 0) {
		if (poll(&ended, 1, 1) > 0)
			return err_set(err,
				"glproxy ended while it started (`glckpt logs` "
				"says why)");
		if (io_now() > end)
			return err_set(err, "glproxy did not start within %d seconds", START_S);
	}
	return 0;
}

int gl_start(const struct gl_start *start, struct err *err)
{
	scoped_free char *program = paths_helper("bin/glproxy", err);
	if (!program)
		return -1;
	if (mkdir(GL_DIR, 0700) < 0 && errno != EEXIST)
		return err_errno(err, GL_DIR);
	unlink(ENVIRONMENT_GL_SOCKET);
	return fork_glproxy(start, program, err);
}

/* ---- asking ---- */

static int reach(struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = ENVIRONMENT_GL_SOCKET};
	struct timeval limit = {.tv_sec = ANSWER_S};
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "the GL proxies do not answer");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return steal_fd(&fd);
}

static int ask(enum wire_live_operation operation, const struct buf *names, struct err *err)
{
	struct wire_hello request = {
		.magic = WIRE_LIVE_MAGIC,
		.version = WIRE_VERSION,
		.pid = (int32_t)operation,
		.reserved = names ? (uint32_t)names->size : 0,
	};
	struct wire_live_answer answer;
	scoped_fd int fd = reach(err);
	if (fd < 0)
		return -1;
	if (io_write_full(fd, &request, sizeof(request)) < 0 ||
		(names && io_write_full(fd, names->data, names->size) < 0) ||
		io_read_full(fd, &answer, sizeof(answer)) < 0)
		return err_set(err, "the GL proxies did not answer in time");
	answer.text[sizeof(answer.text) - 1] = '\0';
	return answer.status ? err_set(err, "OpenGL: %s", answer.text) : 0;
}

int gl_let_go(struct err *err)
{
	return ask(WIRE_LIVE_LET_GO, NULL, err);
}

int gl_snapshot(const char *dir, const char *parent, struct err *err)
{
	scoped_buf struct buf names = BUF_INIT;
	if (mkdir(dir, 0700) < 0)
		return err_errno(err, "%s", dir);
	buf_append_text(&names, dir);
	if (parent && strlen(parent) <= WIRE_LIVE_PATH_MAX) {
		buf_append(&names, "", 1);
		buf_append_text(&names, parent);
	}
	if (buf_failed(&names) || strlen(dir) > WIRE_LIVE_PATH_MAX)
		return err_set(err, "%s: the name is too long", dir);
	return ask(WIRE_LIVE_SNAPSHOT, &names, err);
}

int gl_take_hold(struct err *err)
{
	return ask(WIRE_LIVE_TAKE_HOLD, NULL, err);
}
