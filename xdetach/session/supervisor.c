#define _GNU_SOURCE
#include "xdetach/session/supervisor.h"

#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/fail.h"
#include "xdetach/paths.h"
#include "xdetach/session/gl.h"
#include "xdetach/session/namespace.h"
#include "xdetach/session/proctree.h"
#include "xdetach/session/supervisor-state.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* ---- what is said ---- */

static void tell_front(struct supervisor *supervisor, json_t *message)
{
	if (supervisor->front.fd >= 0)
		ctl_send(supervisor->front.fd, message, NULL);
	else
		json_decref(message);
}

void supervisor_note(struct supervisor *supervisor, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	scoped_free char *line = paths_format(NULL, "glckpt: %s\n", text);
	if (line)
		outlet_log_write(&supervisor->log, line, strlen(line));
	tell_front(supervisor, json_pack("{s:s, s:s}", "event", "note", "text", text));
}

static void read_app_pid(struct supervisor *supervisor)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, NAMESPACE_PRIVATE "/app.pid", &text, 64, NULL) == 0)
		supervisor->app = atoi(text.data);
}

void supervisor_started(struct supervisor *supervisor, double restore_s)
{
	supervisor->running = true;
	read_app_pid(supervisor);
	if (!supervisor->plan->image)
		xserver_drop_lock(&supervisor->plan->xserver);
	watch_attach(supervisor);
	tell_front(supervisor,
		json_pack("{s:s, s:s, s:f}", "event", "started", "name",
			supervisor->plan->session.name, "restore_s", restore_s));
}

void supervisor_tell_kept(struct supervisor *supervisor, const json_t *checkpoint, bool stop)
{
	json_t *kept = json_copy((json_t *)checkpoint);
	json_object_set_new(kept, "event", json_string("kept"));
	json_object_set_new(kept, "stop", json_boolean(stop));
	tell_front(supervisor, kept);
}

bool supervisor_is_orphan(const struct supervisor *supervisor)
{
	return supervisor->plan->bound && supervisor->front.fd < 0;
}

void supervisor_failed(struct supervisor *supervisor, const struct err *err)
{
	supervisor->root_status = err->status;
	tell_front(supervisor,
		json_pack("{s:s, s:s, s:i}", "event", "failed", "text", err->text, "status",
			err->status));
	supervisor->root_ended = true; /* what runs nevertheless is ended with the leftovers */
}

/* ---- processes ---- */

void supervisor_signal_app(struct supervisor *supervisor, int number)
{
	if (supervisor->app > 0 && kill(-supervisor->app, number) < 0)
		kill(supervisor->app, number);
}

void supervisor_kill_tree(struct supervisor *supervisor)
{
	struct proctree tree;
	if (proctree_read(&tree, supervisor->root, NULL) == 0)
		proctree_signal(&tree, SIGKILL);
	proctree_finish(&tree);
}

static int run_gl(const struct supervisor *supervisor, bool recover, struct err *err)
{
	const struct plan *plan = supervisor->plan;
	const struct gl_start start = {
		.display = plan->xserver.number,
		.log = supervisor->log.fd,
		.journal = plan->gl_journal,
		.profile = plan->gl_profile,
		.recover = recover,
	};
	if (!plan->gl_proxy)
		return 0;
	scoped_fd int started = gl_start(&start, err);
	return started < 0 ? -1 : gl_await(started, err);
}

static int exit_status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The process that replaces proxies is replaced itself. */
static void replace_gl(struct supervisor *supervisor, pid_t pid)
{
	struct err err = ERR_INIT;
	const struct plan *plan = supervisor->plan;
	if (!plan->gl_proxy || !strcmp(plan->gl_journal, "off") || !supervisor->running ||
		!gl_was_listening(pid))
		return;
	if (run_gl(supervisor, true, &err) < 0)
		supervisor_note(supervisor, "OpenGL: %s", err.text);
}

static void reap(struct supervisor *supervisor)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid != supervisor->root && !supervisor->root_ended)
			replace_gl(supervisor, pid);
		if (pid != supervisor->root)
			continue;
		supervisor->root_ended = true;
		if (supervisor->running)
			supervisor->root_status = exit_status_of(status);
	}
}

/* What is left of the tree once its root has ended: first asked, then killed. */
static void end_leftovers(void)
{
	double end = io_now() + LEFTOVER_GRACE_S;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	while (io_now() < end) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0)
			return;
		if (pid == 0)
			usleep(5000);
	}
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void on_signal(struct watch *watch, uint32_t events)
{
	struct supervisor *supervisor = watch->owner;
	struct signalfd_siginfo info;
	while (read(watch->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(supervisor);
		else
			supervisor_signal_app(supervisor, (int)info.ssi_signo);
	}
}

static int watch_signals(struct supervisor *supervisor, struct err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "signalfd");
	return loop_add(&supervisor->loop, &supervisor->signals, fd, EPOLLIN, err);
}

/* ---- the command that started the session ---- */

/* A last image that is on its way is finished: nobody else can take it any more. */
static void on_front_gone(struct supervisor *supervisor)
{
	const struct job *job = &supervisor->job;
	bool last = job->kind == JOB_CHECKPOINT && job->stop;
	if (supervisor_is_orphan(supervisor) && !last)
		supervisor_kill_tree(supervisor);
}

static void on_front(struct watch *watch, uint32_t events)
{
	struct supervisor *supervisor = watch->owner;
	json_t *message = ctl_receive(watch->fd, NULL);
	if (!message && errno == EAGAIN)
		return;
	if (!message) {
		int fd = watch->fd;
		loop_remove(&supervisor->loop, watch);
		close(fd);
		on_front_gone(supervisor);
		return;
	}
	if (ctl_is(message, "op", "signal"))
		supervisor_signal_app(
			supervisor, (int)json_integer_value(json_object_get(message, "signal")));
	json_decref(message);
}

/* ---- the standard streams ---- */

static bool same_file(int a, int b)
{
	struct stat first, second;
	return a >= 0 && b >= 0 && fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
		first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* What was in the input pipe when the image was taken. */
static int unread_input(const struct plan *plan, struct buf *unread)
{
	const json_t *stdio = plan->image ? json_object_get(plan->image->manifest, "stdio") : NULL;
	const char *hex = json_string_value(json_object_get(stdio, "unread"));
	for (unsigned byte; hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_append(unread, &(char){(char)byte}, 1);
	return json_is_true(json_object_get(stdio, "input_ended"));
}

static int open_streams(struct supervisor *supervisor, struct err *err)
{
	struct plan *plan = supervisor->plan;
	scoped_buf struct buf unread = BUF_INIT;
	bool ended = unread_input(plan, &unread);
	supervisor->one_output = same_file(plan->output, plan->error);
	if (supervisor->one_output)
		close(steal_fd(&plan->error));
	if (ended && plan->input >= 0)
		close(steal_fd(&plan->input));
	if (inlet_init(&supervisor->input, &supervisor->loop, steal_fd(&plan->input), &unread,
		    err) < 0 ||
		outlet_init(&supervisor->output, &supervisor->loop, &supervisor->log,
			steal_fd(&plan->output), err) < 0)
		return -1;
	if (supervisor->one_output)
		return 0;
	return outlet_init(&supervisor->error, &supervisor->loop, &supervisor->log,
		steal_fd(&plan->error), err);
}

/* ---- starting the stub ---- */

static void on_report(struct watch *watch, uint32_t events)
{
	struct supervisor *supervisor = watch->owner;
	struct err err = ERR_INIT;
	char text[512];
	int fd = watch->fd, status = STATUS_GLCKPT, skipped = 0;
	ssize_t got = read(fd, text, sizeof(text) - 1);
	loop_remove(&supervisor->loop, watch);
	close(fd);
	if (got <= 0) {
		supervisor_started(supervisor, 0);
		return;
	}
	text[got] = '\0';
	sscanf(text, "%d %n", &status, &skipped);
	err_set_status(&err, status, "%s", text + skipped);
	supervisor_failed(supervisor, &err);
}

static void exec_stub(const struct supervisor *supervisor, const char *stub, int report)
{
	const struct plan *plan = supervisor->plan;
	struct xserver_argv server = {0};
	int server_count = plan->xserver.number >= 0 ? xserver_argv(&plan->xserver, &server) : 0;
	char count[16];
	const char *argv[4096];
	int used = 0;
	snprintf(count, sizeof(count), "%d", server_count);
	argv[used++] = "glckpt-stub";
	argv[used++] = plan->terminal ? "t" : "-";
	argv[used++] = NAMESPACE_PRIVATE;
	argv[used++] = count;
	for (int i = 0; i < server_count; i++)
		argv[used++] = server.argv[i];
	for (char **word = plan->command; *word && used < (int)array_len(argv) - 1; word++)
		argv[used++] = *word;
	argv[used] = NULL;
	execve(stub, (char *const *)argv, plan->environment);
	dprintf(report, "%d %s: %s", STATUS_GLCKPT, stub, strerror(errno));
	_exit(STATUS_GLCKPT);
}

static void become_stub(const struct supervisor *supervisor, const char *stub, int report)
{
	const struct outlet *error =
		supervisor->one_output ? &supervisor->output : &supervisor->error;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(supervisor->input.child_end, 0);
	dup2(supervisor->output.child_end, 1);
	dup2(error->child_end, 2);
	/* The stub knows its report as descriptor 3. No other goes in: it was opened outside. */
	if (dup2(report, 3) < 0 || close_range(4, ~0u, 0) < 0)
		_exit(STATUS_GLCKPT);
	const char *cwd = json_string_value(json_object_get(supervisor->plan->description, "cwd"));
	if (unshare(CLONE_NEWIPC) < 0 || (cwd && chdir(cwd) < 0)) {
		dprintf(3, "%d %s: %s", STATUS_GLCKPT, cwd, strerror(errno));
		_exit(STATUS_GLCKPT);
	}
	exec_stub(supervisor, stub, 3);
}

/* The stub runs from the private folder, so that it is kept in the image with it. */
static int install_stub(const char *to, struct err *err)
{
	scoped_free char *from = paths_helper("glckpt-stub", err);
	scoped_fd int source = from ? io_open(AT_FDCWD, from, O_RDONLY, 0, err) : -1;
	scoped_fd int target =
		source >= 0 ? io_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL, 0700, err) : -1;
	if (target < 0)
		return -1;
	if (io_copy(source, target, UINT64_MAX) < 0)
		return err_errno(err, "%s", to);
	return 0;
}

static int start_stub(struct supervisor *supervisor, struct err *err)
{
	static const char stub[] = NAMESPACE_PRIVATE "/stub";
	int report[2];
	if (fail_here("launch-stub", err) < 0 || install_stub(stub, err) < 0)
		return -1;
	if (mkdir(NAMESPACE_PRIVATE "/run", 0700) < 0)
		return err_errno(err, NAMESPACE_PRIVATE "/run");
	if (supervisor->plan->xserver.number >= 0 &&
		xserver_write_cookie(
			&supervisor->plan->xserver, supervisor->plan->session.run_dir, err) < 0)
		return -1;
	if (run_gl(supervisor, false, err) < 0)
		return err_context(err, "OpenGL");
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	supervisor->root = fork();
	if (supervisor->root == 0)
		become_stub(supervisor, stub, report[1]);
	close(report[1]);
	if (supervisor->root < 0)
		return err_errno(err, "fork");
	outlet_handed_over(&supervisor->output);
	outlet_handed_over(&supervisor->error);
	return loop_add(&supervisor->loop, &supervisor->report, report[0], EPOLLIN, err);
}

/* ---- the session's life ---- */

static int watch_front(struct supervisor *supervisor, struct err *err)
{
	int front = supervisor->plan->front;
	if (front < 0)
		return 0;
	/* A command that is stopped and does not read must not hold the session up. */
	fcntl(front, F_SETFL, O_NONBLOCK);
	return loop_add(&supervisor->loop, &supervisor->front, front, EPOLLIN, err);
}

/* A launch begins a log, a restore goes on with the one that is there. */
static int open_log(struct supervisor *supervisor, struct err *err)
{
	const struct plan *plan = supervisor->plan;
	if (!plan->image)
		outlet_log_remove(plan->session.log_path);
	return outlet_log_init(&supervisor->log, plan->session.log_path, err);
}

static int prepare(struct supervisor *supervisor, struct err *err)
{
	prctl(PR_SET_NAME, "glckpt");
	if (namespace_settle(err) < 0 || loop_init(&supervisor->loop, err) < 0 ||
		watch_signals(supervisor, err) < 0 || watch_front(supervisor, err) < 0)
		return -1;
	if (open_log(supervisor, err) < 0 || open_streams(supervisor, err) < 0)
		return -1;
	return serve_start(supervisor, err);
}

static int start(struct supervisor *supervisor, struct err *err)
{
	struct plan *plan = supervisor->plan;
	if (!plan->image)
		return start_stub(supervisor, err);
	const json_t *engine = json_object_get(plan->image->manifest, "engine");
	supervisor->root = (pid_t)json_integer_value(json_object_get(engine, "root_pid"));
	int last = (int)json_integer_value(json_object_get(engine, "last_pid"));
	if (namespace_set_last_pid(last, err) < 0)
		return -1;
	return job_start_restore(supervisor, err);
}

/* Milliseconds until something is due; -1: nothing is. */
static int time_left(const struct supervisor *supervisor)
{
	double next = supervisor->kill_at;
	if (supervisor->next_periodic && (!next || supervisor->next_periodic < next))
		next = supervisor->next_periodic;
	if (supervisor->let_go_by && (!next || supervisor->let_go_by < next))
		next = supervisor->let_go_by;
	if (!next)
		return -1;
	double left = next - io_now();
	return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static void periodic_checkpoint(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;
	const struct job_request request = {.periodic = true};
	supervisor->next_periodic = io_now() + supervisor->plan->every_s;
	if (!supervisor->running || supervisor->job.kind != JOB_NONE)
		return;
	if (job_start_checkpoint(supervisor, &request, &err) < 0)
		supervisor_note(supervisor, "periodic checkpoint: %s", err.text);
}

static void do_what_is_due(struct supervisor *supervisor)
{
	double now = io_now();
	if (supervisor->kill_at && now >= supervisor->kill_at) {
		supervisor->kill_at = 0;
		supervisor_kill_tree(supervisor);
	}
	if (supervisor->next_periodic && now >= supervisor->next_periodic)
		periodic_checkpoint(supervisor);
	watch_look(supervisor);
}

static void live(struct supervisor *supervisor)
{
	if (supervisor->plan->every_s)
		supervisor->next_periodic = io_now() + supervisor->plan->every_s;
	while (!supervisor->root_ended || supervisor->job.kind != JOB_NONE) {
		loop_wait(&supervisor->loop, time_left(supervisor));
		do_what_is_due(supervisor);
	}
}

static json_t *describe_end(const struct supervisor *supervisor)
{
	const char *reason = supervisor->checkpointed ? "checkpointed"
		: supervisor->root_status > 128       ? "killed"
						      : "exit";
	json_t *end = json_pack("{s:s, s:s, s:i, s:s, s:I}", "event", "ended", "name",
		supervisor->plan->session.name, "status",
		supervisor->checkpointed ? STATUS_AGAIN : supervisor->root_status, "reason", reason,
		"time", (json_int_t)time(NULL));
	if (supervisor->checkpointed)
		json_object_set(end, "image", json_object_get(supervisor->last_checkpoint, "path"));
	return end;
}

static void leave_state(const struct supervisor *supervisor, const json_t *end)
{
	scoped_free char *text = json_dumps(end, JSON_INDENT(1));
	if (text)
		io_write_file(AT_FDCWD, supervisor->plan->session.state_path, text, strlen(text),
			0600, NULL);
}

static void end(struct supervisor *supervisor)
{
	end_leftovers();
	outlet_drain(&supervisor->output);
	outlet_flush(&supervisor->output, 60000);
	if (!supervisor->one_output) {
		outlet_drain(&supervisor->error);
		outlet_flush(&supervisor->error, 60000);
	}
	json_t *last = describe_end(supervisor);
	if (supervisor->running)
		leave_state(supervisor, last);
	outlet_finish(&supervisor->output);
	outlet_finish(&supervisor->error);
	serve_tell_waiting(supervisor, last);
	tell_front(supervisor, last);
}

static void finish(struct supervisor *supervisor)
{
	job_finish(supervisor);
	serve_finish(supervisor);
	inlet_finish(&supervisor->input);
	outlet_log_finish(&supervisor->log);
	json_decref(supervisor->last_checkpoint);
	for (size_t i = 0; i < array_len(supervisor->periodic); i++)
		free(supervisor->periodic[i]);
	loop_finish(&supervisor->loop);
}

int supervisor_run(struct plan *plan)
{
	struct err err = ERR_INIT;
	struct supervisor supervisor = {.plan = plan, .started = time(NULL)};
	struct watch *watches[] = {&supervisor.signals, &supervisor.listener, &supervisor.front,
		&supervisor.report, &supervisor.job.watch};
	loop_fn *const ready[] = {on_signal, NULL, on_front, on_report, NULL};
	for (size_t i = 0; i < array_len(watches); i++)
		*watches[i] = (struct watch){.fd = -1, .ready = ready[i], .owner = &supervisor};
	supervisor.log.fd = -1;
	supervisor.front.fd = -1;
	fail_choose(plan->fail);

	if (prepare(&supervisor, &err) < 0 || start(&supervisor, &err) < 0) {
		if (supervisor.front.fd < 0)
			supervisor.front.fd = plan->front;
		err.status = err.status == STATUS_FAILED ? STATUS_GLCKPT : err.status;
		supervisor_failed(&supervisor, &err);
		return err.status;
	}
	live(&supervisor);
	end(&supervisor);
	finish(&supervisor);
	return supervisor.root_status;
}
