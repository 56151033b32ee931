#define _GNU_SOURCE
#include "xdetach/session/supervisor-state.h"

#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/paths.h"
#include "xdetach/session/gl-counts.h"
#include "xdetach/session/namespace.h"
#include "xdetach/session/proctree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>

#define KILL_GRACE_S 10

/* ---- clients ---- */

static void client_destroy(struct client *client)
{
	struct supervisor *supervisor = client->supervisor;
	struct client **at = &supervisor->clients;
	int fd = client->watch.fd;
	while (*at && *at != client)
		at = &(*at)->next;
	if (*at)
		*at = client->next;
	job_forget_client(supervisor, client);
	loop_remove(&supervisor->loop, &client->watch);
	close(fd);
	json_decref(client->request);
	free(client);
	watch_look(supervisor);
}

void serve_tell(struct client *client, json_t *message)
{
	ctl_send(client->watch.fd, message, NULL);
}

void serve_tell_waiting(struct supervisor *supervisor, json_t *message)
{
	for (struct client *client = supervisor->clients; client; client = client->next)
		if (client->waits_for_end)
			serve_tell(client, json_incref(message));
}

static json_t *ok(void)
{
	return json_pack("{s:s}", "event", "ok");
}

/* ---- status ---- */

static const char *state_of(const struct supervisor *supervisor)
{
	if (supervisor->root_ended)
		return "ending";
	if (supervisor->job.kind == JOB_RESTORE)
		return "restoring";
	if (!supervisor->running)
		return "starting";
	return supervisor->job.kind == JOB_CHECKPOINT ? "checkpointing" : "running";
}

static json_t *display_status(const struct supervisor *supervisor)
{
	const struct plan *plan = supervisor->plan;
	json_t *display = xserver_to_json(&plan->xserver);
	if (!json_is_object(display))
		return display;
	json_object_set_new(display, "socket",
		json_sprintf("%s/x11/X%d", plan->session.run_dir, plan->xserver.number));
	json_object_set_new(
		display, "xauthority", json_sprintf("%s/Xauthority", plan->session.run_dir));
	return display;
}

static void add_processes(json_t *status, const struct supervisor *supervisor)
{
	struct proctree tree = {0};
	proctree_read(&tree, supervisor->root, NULL);
	json_object_set_new(status, "processes", proctree_to_json(&tree));
	json_object_set_new(status, "memory", json_integer((json_int_t)proctree_memory(&tree)));
	json_object_set_new(status, "cpu_s", json_real(proctree_cpu_seconds(&tree)));
	proctree_finish(&tree);
}

static json_t *status_message(const struct supervisor *supervisor)
{
	const struct plan *plan = supervisor->plan;
	time_t uptime = time(NULL) - supervisor->started;
	json_t *status = json_object();
	json_object_set_new(status, "event", json_string("status"));
	json_object_set_new(status, "name", json_string(plan->session.name));
	json_object_set_new(status, "state", json_string(state_of(supervisor)));
	json_object_set_new(status, "started", json_integer(supervisor->started));
	json_object_set_new(status, "uptime_s", json_integer(uptime));
	json_object_set_new(status, "display", display_status(supervisor));
	json_object_set_new(status, "image_dir", json_string(plan->image_dir));
	json_object_set_new(status, "log", json_string(plan->session.log_path));
	json_object_set(status, "last_checkpoint", supervisor->last_checkpoint);
	add_processes(status, supervisor);
	json_object_update_missing(status, plan->description);
	if (plan->gl_proxy)
		json_object_set_new(status, "gl",
			json_pack("{s:s, s:s, s:o}", "mode", "proxy", "profile", plan->gl_profile,
				"counts", gl_counts()));
	return status;
}

/* ---- requests ---- */

static void start_checkpoint(struct client *client, const json_t *message)
{
	struct err err = ERR_INIT;
	const struct job_request request = {
		.path = json_string_value(json_object_get(message, "path")),
		.fail = json_string_value(json_object_get(message, "fail")),
		.client = client,
		.stop = json_is_true(json_object_get(message, "stop")),
		.wait = json_is_true(json_object_get(message, "wait")),
		.close_tcp = json_is_true(json_object_get(message, "close_tcp")),
	};
	if (job_start_checkpoint(client->supervisor, &request, &err) < 0)
		serve_tell(client, ctl_error(&err));
}

/* One at a time: who asks while an image is being stored waits for its turn. */
static void op_checkpoint(struct client *client, const json_t *message)
{
	if (client->supervisor->job.kind == JOB_CHECKPOINT && !client->request)
		client->request = json_deep_copy(message);
	else
		start_checkpoint(client, message);
}

void serve_next(struct supervisor *supervisor)
{
	struct client *next = NULL;
	for (struct client *client = supervisor->clients; client; client = client->next)
		if (client->request)
			next = client; /* the list begins with the youngest */
	if (!next)
		return;
	json_t *request = next->request;
	next->request = NULL;
	start_checkpoint(next, request);
	json_decref(request);
}

static void op_signal(struct client *client, const json_t *message)
{
	supervisor_signal_app(
		client->supervisor, (int)json_integer_value(json_object_get(message, "signal")));
	serve_tell(client, ok());
}

static void op_kill(struct client *client, const json_t *message)
{
	struct supervisor *supervisor = client->supervisor;
	json_t *grace = json_object_get(message, "grace_s");
	double grace_s = json_is_number(grace) ? json_number_value(grace) : KILL_GRACE_S;
	supervisor_signal_app(supervisor, SIGTERM);
	supervisor_signal_app(supervisor, SIGCONT);
	supervisor->kill_at = io_now() + grace_s;
	serve_tell(client, ok());
}

static void op_wait(struct client *client, const json_t *message)
{
	client->waits_for_end = true;
}

static void op_status(struct client *client, const json_t *message)
{
	serve_tell(client, status_message(client->supervisor));
}

/* The terminal is opened for a moment only: its master belongs to the stub. */
static void op_winsize(struct client *client, const json_t *message)
{
	scoped_buf struct buf path = BUF_INIT;
	struct winsize size = {
		.ws_row = (unsigned short)json_integer_value(json_object_get(message, "rows")),
		.ws_col = (unsigned short)json_integer_value(json_object_get(message, "columns")),
	};
	if (io_read_file(AT_FDCWD, NAMESPACE_PRIVATE "/tty", &path, 64, NULL) == 0) {
		scoped_fd int fd = open(path.data, O_RDWR | O_NOCTTY | O_CLOEXEC);
		ioctl(fd, TIOCSWINSZ, &size);
	}
	serve_tell(client, ok());
}

static void op_watch(struct client *client, const json_t *message)
{
	const struct supervisor *supervisor = client->supervisor;
	serve_tell(client,
		json_pack("{s:s, s:s, s:o}", "event", "watching", "state", state_of(supervisor),
			"display", display_status(supervisor)));
	watch_add(client);
}

static void op_detached(struct client *client, const json_t *message)
{
	client->holds = false;
	watch_look(client->supervisor);
}

static const struct {
	const char *op;
	void (*run)(struct client *client, const json_t *message);
} operations[] = {
	{"checkpoint", op_checkpoint},
	{"detached", op_detached},
	{"kill", op_kill},
	{"signal", op_signal},
	{"status", op_status},
	{"wait", op_wait},
	{"watch", op_watch},
	{"winsize", op_winsize},
};

static void dispatch(struct client *client, const json_t *message)
{
	struct err err = ERR_INIT;
	json_int_t version = json_integer_value(json_object_get(message, "ctl"));
	if (version > CTL_VERSION) {
		err_set(&err, "the session was started by an older glckpt (protocol %d, not %d)",
			CTL_VERSION, (int)version);
		serve_tell(client, ctl_error(&err));
		return;
	}
	for (size_t i = 0; i < array_len(operations); i++) {
		if (!ctl_is(message, "op", operations[i].op))
			continue;
		operations[i].run(client, message);
		return;
	}
	err_set(&err, "the session does not know this request");
	serve_tell(client, ctl_error(&err));
}

static void on_client(struct watch *watch, uint32_t events)
{
	struct client *client = watch->owner;
	json_t *message = ctl_receive(watch->fd, NULL);
	if (!message && errno == EAGAIN)
		return;
	if (message)
		dispatch(client, message);
	else
		client_destroy(client);
	json_decref(message);
}

static void on_listener(struct watch *watch, uint32_t events)
{
	struct supervisor *supervisor = watch->owner;
	scoped_fd int fd = ctl_accept(watch->fd);
	struct client *client = fd >= 0 ? calloc(1, sizeof(*client)) : NULL;
	if (!client)
		return;
	/* A client that does not read must not hold the session up. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	client->supervisor = supervisor;
	client->watch = (struct watch){.fd = -1, .ready = on_client, .owner = client};
	if (loop_add(&supervisor->loop, &client->watch, fd, EPOLLIN, NULL) < 0) {
		free(client);
		return;
	}
	client->next = supervisor->clients;
	supervisor->clients = client;
	steal_fd(&fd);
}

int serve_start(struct supervisor *supervisor, struct err *err)
{
	int fd = ctl_listen(supervisor->plan->session.run_dir, err);
	if (fd < 0)
		return -1;
	supervisor->listener.ready = on_listener;
	return loop_add(&supervisor->loop, &supervisor->listener, fd, EPOLLIN, err);
}

void serve_finish(struct supervisor *supervisor)
{
	while (supervisor->clients)
		client_destroy(supervisor->clients);
	if (supervisor->listener.fd >= 0)
		close(supervisor->listener.fd);
}
