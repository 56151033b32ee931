/*
 * glckpt-stub: the root of a session's process tree, and the only part of glckpt inside an image.
 *
 *	glckpt-stub FLAGS PRIVATE-DIR X-ARGC X-ARGV... APP-ARGV...
 *
 * FLAGS: "t" gives the application a terminal, "-" does not. It starts the private X server (when
 * X-ARGC is not 0; "@" in its arguments stands for the descriptor that -displayfd wants), waits
 * until it answers, starts the application, reaps what is orphaned, and ends with the application's
 * status (128 + signal where it was killed).
 *
 * Static and without configuration, because it is dumped and restored: nothing of it may change
 * when the host is upgraded. It holds no descriptor to the outside but 0, 1 and 2, pipes that the
 * supervisor gives anew after a restore. On descriptor 3 it says, before the application starts,
 * what went wrong: "STATUS TEXT"; the end of that pipe means that the application runs.
 *
 * It leaves in PRIVATE-DIR what the supervisor needs after a restore as well: `app.pid`, and with
 * a terminal `tty`, the path of its slave side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_FD 3
#define X_READY_SECONDS 30

static volatile sig_atomic_t child_ended;

static void on_child(int number)
{
	(void)number;
	child_ended = 1;
}

static void report(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void report(int status, const char *format, ...)
{
	char text[512];
	int head = snprintf(text, sizeof(text), "%d ", status);
	va_list args;
	va_start(args, format);
	vsnprintf(text + head, sizeof(text) - (size_t)head, format, args);
	va_end(args);
	if (write(REPORT_FD, text, strlen(text)) < 0)
		_exit(status);
}

static void fail(int status, const char *what)
{
	report(status, "%s: %s", what, strerror(errno));
	_exit(status);
}

static void leave_note(const char *dir, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(125, path);
	close(fd);
}

/* ---- the private X server ---- */

/* Puts the number of `fd` where the argument is "@". */
static void fill_display_fd(char **argv, int fd)
{
	static char number[16];
	snprintf(number, sizeof(number), "%d", fd);
	for (; *argv; argv++)
		if (!strcmp(*argv, "@"))
			*argv = number;
}

static void exec_x_server(char **argv, const char *dir, int display_fd)
{
	char log[256];
	snprintf(log, sizeof(log), "%s/xserver.log", dir);
	int null = open("/dev/null", O_RDONLY);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		fail(125, log);
	close(null);
	close(out);
	fill_display_fd(argv, display_fd);
	setsid();
	execvp(argv[0], argv);
	fail(125, argv[0]);
}

/* The server writes its number and a newline, in pieces, when it answers. */
static void wait_for_x_server(int fd, const char *name)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char byte = 0;
	while (byte != '\n') {
		int ready = poll(&wait, 1, X_READY_SECONDS * 1000);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			report(125, "%s did not answer within %d seconds", name, X_READY_SECONDS);
			_exit(125);
		}
		if (read(fd, &byte, 1) <= 0) {
			report(125, "%s ended while it started", name);
			_exit(125);
		}
	}
}

static pid_t start_x_server(char **argv, const char *dir)
{
	int ready[2];
	if (pipe(ready) < 0)
		fail(125, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		fail(125, "fork");
	if (pid == 0) {
		close(ready[0]);
		fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
		exec_x_server(argv, dir, ready[1]);
	}
	close(ready[1]);
	wait_for_x_server(ready[0], argv[0]);
	close(ready[0]);
	return pid;
}

/* ---- the application ---- */

/* The master of a new terminal in the session's own devpts. */
static int open_terminal(const char *dir, char *name, size_t size)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int number = 0, unlocked = 0;
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0 ||
		ioctl(master, TIOCGPTN, &number) < 0)
		fail(125, "terminal");
	snprintf(name, size, "/dev/pts/%d", number);
	leave_note(dir, "tty", name);
	return master;
}

static void take_terminal(const char *name)
{
	setsid();
	int slave = open(name, O_RDWR);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		fail(125, name);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	if (slave > 2)
		close(slave);
}

static pid_t start_application(char **argv, const char *terminal)
{
	pid_t pid = fork();
	if (pid < 0)
		fail(125, "fork");
	if (pid)
		return pid;
	fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	if (terminal)
		take_terminal(terminal);
	else
		setpgid(0, 0);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	int status = errno == ENOENT ? 127 : 126;
	fail(status, argv[0]);
	return -1;
}

/* ---- the relay of a terminal ---- */

struct flow {
	int from, to;
	char data[4096];
	size_t start, end;
};

static void flow_read(struct flow *flow)
{
	ssize_t got = read(flow->from, flow->data, sizeof(flow->data));
	if (got > 0) {
		flow->start = 0;
		flow->end = (size_t)got;
	} else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
		flow->from = -1;
	}
}

static void flow_write(struct flow *flow)
{
	ssize_t put = write(flow->to, flow->data + flow->start, flow->end - flow->start);
	if (put > 0)
		flow->start += (size_t)put;
	else if (put < 0 && errno != EINTR && errno != EAGAIN)
		flow->start = flow->end;
}

static bool flow_full(const struct flow *flow)
{
	return flow->start < flow->end;
}

/* Moves what can be moved; `timeout` as poll(2). */
static void relay(struct flow flows[2], int timeout)
{
	struct pollfd wait[2];
	for (int i = 0; i < 2; i++) {
		bool full = flow_full(&flows[i]);
		wait[i].fd = full ? flows[i].to : flows[i].from;
		wait[i].events = full ? POLLOUT : POLLIN;
		wait[i].revents = 0;
	}
	if (poll(wait, 2, timeout) <= 0)
		return;
	for (int i = 0; i < 2; i++) {
		if (!wait[i].revents)
			continue;
		if (flow_full(&flows[i]))
			flow_write(&flows[i]);
		else
			flow_read(&flows[i]);
	}
}

/* ---- the root of the tree ---- */

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reaps all that has ended; true once the application has. */
static bool reap(pid_t application, int *result)
{
	bool ended = false;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == application) {
			*result = status_of(status);
			ended = true;
		}
	}
	return ended;
}

static int wait_plain(pid_t application)
{
	for (;;) {
		int status;
		pid_t pid = wait(&status);
		if (pid == application)
			return status_of(status);
		if (pid < 0 && errno == ECHILD)
			return 125;
	}
}

static int wait_with_terminal(pid_t application, int master)
{
	struct flow flows[2] = {{.from = 0, .to = master}, {.from = master, .to = 1}};
	int result = 0;
	bool ended = false;
	while (!ended) {
		child_ended = 0;
		ended = reap(application, &result);
		if (!ended && !child_ended)
			relay(flows, 100);
	}
	/* What the application wrote last is still in the terminal. */
	for (int quiet = 0; quiet < 2 && (flows[1].from >= 0 || flow_full(&flows[1])); quiet++) {
		size_t before = flows[1].start + flows[1].end;
		flows[0].from = -1;
		relay(flows, 20);
		if (before != flows[1].start + flows[1].end || flow_full(&flows[1]))
			quiet = -1;
	}
	return result;
}

static void prepare_root(void)
{
	struct sigaction action = {.sa_handler = on_child};
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		fail(125, "prctl");
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "glckpt-stub: started by glckpt, not by hand\n");
		return 2;
	}
	bool terminal = argv[1][0] == 't';
	const char *dir = argv[2];
	int x_argc = atoi(argv[3]);
	if (x_argc < 0 || x_argc >= argc - 4)
		return 2;
	char **application_argv = argv + 4 + x_argc;

	prepare_root();
	pid_t x_server = 0;
	if (x_argc) {
		char *x_argv[64] = {0};
		for (int i = 0; i < x_argc && i < 63; i++)
			x_argv[i] = argv[4 + i];
		x_server = start_x_server(x_argv, dir);
	}
	char name[32];
	int master = terminal ? open_terminal(dir, name, sizeof(name)) : -1;
	pid_t application = start_application(application_argv, terminal ? name : NULL);
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", application);
	leave_note(dir, "app.pid", pid);
	close(REPORT_FD);

	int result = terminal ? wait_with_terminal(application, master) : wait_plain(application);
	if (x_server)
		kill(x_server, SIGTERM);
	return result;
}
