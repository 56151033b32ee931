#define _GNU_SOURCE
#include "xdetach/session/front.h"

#include "base/io.h"
#include "base/log.h"
#include "wire/ctl.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

/* How often a command in the background looks whether the terminal is its own again. */
#define BACKGROUND_POLL_MS 500

void front_finish(struct front *front)
{
	int *const fds[] = {&front->channel, &front->input, &front->output, &front->error};
	for (size_t i = 0; i < array_len(fds); i++) {
		scope_close_fd(fds[i]);
		*fds[i] = -1;
	}
	buf_finish(&front->pending_input);
}

/* ---- events ---- */

struct ending {
	bool known;
	int status;
};

static void print_note(const json_t *message)
{
	log_line("%s", json_string_value(json_object_get(message, "text")));
}

static int failure(const json_t *message, struct err *err)
{
	int status = (int)json_integer_value(json_object_get(message, "status"));
	const char *text = json_string_value(json_object_get(message, "text"));
	return err_set_status(err, status, "%s", text);
}

int front_wait_started(struct front *front, struct err *err)
{
	for (;;) {
		json_t *message = ctl_receive(front->channel, err);
		if (!message)
			return err_set_status(err, STATUS_GLCKPT,
				"the session's supervisor ended while it started");
		bool started = ctl_is(message, "event", "started");
		bool failed = ctl_is(message, "event", "failed");
		if (failed)
			failure(message, err);
		if (ctl_is(message, "event", "note"))
			print_note(message);
		front->restore_s = json_number_value(json_object_get(message, "restore_s"));
		if (started && front->hooks)
			front->hooks->event(front->hooks->data, message);
		json_decref(message);
		if (started)
			return 0;
		if (failed)
			return -1;
	}
}

static void take_event(struct front *front, struct ending *ending)
{
	struct err err = ERR_INIT;
	json_t *message = ctl_receive(front->channel, NULL);
	if (!message) {
		close(steal_fd(&front->channel));
		return;
	}
	if (ctl_is(message, "event", "note"))
		print_note(message);
	if (ctl_is(message, "event", "failed")) {
		failure(message, &err);
		log_line("%s", err.text);
		*ending = (struct ending){true, err.status};
	}
	if (front->hooks)
		front->hooks->event(front->hooks->data, message);
	if (ctl_is(message, "event", "ended")) {
		const char *image = json_string_value(json_object_get(message, "image"));
		ending->known = true;
		ending->status = (int)json_integer_value(json_object_get(message, "status"));
		front->checkpointed = image != NULL;
		if (image && !front->hooks)
			log_line("checkpointed: %s", image);
	}
	json_decref(message);
}

/* ---- streams ---- */

static void copy_output(int *from, int to)
{
	char data[16384];
	ssize_t got = read(*from, data, sizeof(data));
	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0 || io_write_full(to, data, (size_t)got) < 0)
		close(steal_fd(from));
}

static void push_input(struct front *front)
{
	ssize_t put = write(front->input, front->pending_input.data, front->pending_input.size);
	if (put > 0)
		buf_consume(&front->pending_input, (size_t)put);
	else if (put < 0 && errno != EAGAIN && errno != EINTR)
		close(steal_fd(&front->input));
}

static void take_input(struct front *front)
{
	char data[4096];
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));
	if (got > 0)
		buf_append(&front->pending_input, data, (size_t)got);
	else if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EIO))
		close(steal_fd(&front->input));
}

/* A command in the background of its controlling terminal must leave the keyboard alone. */
static bool owns_input(void)
{
	pid_t foreground = tcgetpgrp(STDIN_FILENO);
	return foreground < 0 || foreground == getpgrp();
}

/* ---- signals ---- */

static void send_signal(struct front *front, int number)
{
	ctl_send(front->channel, json_pack("{s:s, s:i}", "op", "signal", "signal", number), NULL);
}

static void send_window_size(const struct front *front)
{
	struct winsize size;
	if (!front->terminal || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	scoped_fd int fd = session_connect(front->name, NULL);
	json_t *request = json_pack(
		"{s:s, s:i, s:i}", "op", "winsize", "rows", size.ws_row, "columns", size.ws_col);
	if (fd >= 0)
		json_decref(ctl_call(fd, request, NULL));
	else
		json_decref(request);
}

static void take_signal(struct front *front, int signals)
{
	struct signalfd_siginfo info;
	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (front->hooks && front->hooks->signal(front->hooks->data, (int)info.ssi_signo))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_window_size(front);
		return;
	}
	send_signal(front, (int)info.ssi_signo);
	if (info.ssi_signo == SIGTSTP) {
		raise(SIGSTOP);
		send_signal(front, SIGCONT);
	}
}

static void passed_on(sigset_t *set)
{
	static const int numbers[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGWINCH};
	sigemptyset(set);
	for (size_t i = 0; i < array_len(numbers); i++)
		sigaddset(set, numbers[i]);
}

void front_block_signals(void)
{
	sigset_t set;
	passed_on(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int watch_signals(void)
{
	sigset_t set;
	passed_on(&set);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* ---- the terminal ---- */

static struct termios terminal_before;
static bool terminal_is_raw;

static void restore_terminal(void)
{
	if (terminal_is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_before);
	terminal_is_raw = false;
}

static void make_terminal_raw(void)
{
	struct termios raw;
	if (tcgetattr(STDIN_FILENO, &terminal_before) < 0)
		return;
	raw = terminal_before;
	cfmakeraw(&raw);
	terminal_is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	if (terminal_is_raw)
		atexit(restore_terminal);
}

/* ---- the loop ---- */

static int shorter(int timeout_ms, double seconds)
{
	int ms = seconds > 0 ? (int)(seconds * 1000) + 1 : 0;
	return timeout_ms < 0 || ms < timeout_ms ? ms : timeout_ms;
}

static void turn(struct front *front, int signals, struct ending *ending)
{
	bool wants_input = front->input >= 0 && !front->pending_input.size;
	bool owns = wants_input && owns_input();
	const struct front_hooks *hooks = front->hooks;
	int timeout = wants_input && !owns ? BACKGROUND_POLL_MS : -1;
	if (hooks)
		timeout = shorter(timeout, hooks->turn(hooks->data));
	struct pollfd waits[] = {
		{.fd = front->channel, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
		{.fd = front->output, .events = POLLIN},
		{.fd = front->error, .events = POLLIN},
		{.fd = owns ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = front->pending_input.size ? front->input : -1, .events = POLLOUT},
		{.fd = hooks ? *hooks->fd : -1, .events = POLLIN},
	};
	if (poll(waits, array_len(waits), timeout) <= 0)
		return;
	if (waits[2].revents)
		copy_output(&front->output, STDOUT_FILENO);
	if (waits[3].revents)
		copy_output(&front->error, STDERR_FILENO);
	if (waits[4].revents)
		take_input(front);
	if (waits[5].revents)
		push_input(front);
	if (waits[1].revents)
		take_signal(front, signals);
	if (waits[0].revents)
		take_event(front, ending);
	if (waits[6].revents)
		hooks->ready(hooks->data);
}

int front_run(struct front *front, struct err *err)
{
	struct ending ending = {0};
	scoped_fd int signals = watch_signals();
	if (front->input >= 0)
		fcntl(front->input, F_SETFL, O_NONBLOCK);
	if (front->terminal) {
		make_terminal_raw();
		send_window_size(front);
	}
	while (front->channel >= 0 || front->output >= 0 || front->error >= 0)
		turn(front, signals, &ending);
	restore_terminal();
	if (ending.known)
		return ending.status;
	return err_set_status(
		err, 128 + SIGKILL, "the session's supervisor was killed, and the session with it");
}
