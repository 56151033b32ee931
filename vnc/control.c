#define _GNU_SOURCE
#include "vnc/control.h"

#include "vnc/bridge.h"
#include "wire/ctl.h"

#include <fcntl.h>

int control_open(struct control *control, const char *dir, struct err *err)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i] = -1;
	control->listener = ctl_listen(dir, err);
	return control->listener < 0 ? -1 : 0;
}

void control_fds(const struct control *control, struct pollfd *waits)
{
	waits[0] = (struct pollfd){.fd = control->listener, .events = POLLIN};
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		waits[i + 1] = (struct pollfd){.fd = control->clients[i], .events = POLLIN};
}

/* ---- requests: each gives the answer, or NULL with the error ---- */

static json_t *op_status(struct bridge *bridge, const json_t *request, struct err *err)
{
	const struct screen *screen = &bridge->screen;
	return json_pack("{s:s, s:b, s:i, s:i, s:i}", "event", "status", "attached",
		bridge_holds(bridge), "viewers", screen_viewers(screen, NULL), "width",
		screen->width, "height", screen->height);
}

static enum pass_right right_of(const json_t *request)
{
	return json_is_true(json_object_get(request, "view_only")) ? PASS_LOOK : PASS_USE;
}

static json_t *open_web(struct bridge *bridge, const json_t *request, struct err *err)
{
	char token[SECRET_SIZE];
	if (door_listen(&bridge->door, err) < 0 ||
		door_token(&bridge->door, right_of(request), token, err) < 0)
		return NULL;
	return json_pack("{s:s, s:o}", "event", "open", "url",
		json_sprintf("http://127.0.0.1:%d/#%s", bridge->door.port, token));
}

static json_t *say_port(struct bridge *bridge, const json_t *request, const char *address, int port)
{
	char password[PASS_PASSWORD_SIZE];
	door_password(&bridge->door, right_of(request), password);
	return json_pack("{s:s, s:s, s:i, s:s}", "event", "open", "address", address, "port", port,
		"password", password);
}

static json_t *open_port(struct bridge *bridge, const json_t *request, struct err *err)
{
	if (door_listen(&bridge->door, err) < 0)
		return NULL;
	return say_port(bridge, request, "127.0.0.1", bridge->door.port);
}

static json_t *open_secure(struct bridge *bridge, const json_t *request, struct err *err)
{
	const struct door_secure how = {
		.address = json_string_value(json_object_get(request, "listen")),
		.certificate = json_string_value(json_object_get(request, "certificate")),
		.key = json_string_value(json_object_get(request, "key")),
		.port = (uint16_t)json_integer_value(json_object_get(request, "port")),
	};
	if (!how.address || !how.certificate || !how.key) {
		err_set(err, "an address, a certificate and its key are needed");
		return NULL;
	}
	if (door_listen_secure(&bridge->door, &how, err) < 0)
		return NULL;
	return say_port(bridge, request, how.address, bridge->door.secure_port);
}

/* Whoever is there now, and whoever knows a secret of before, has to ask anew. */
static int let_all_go(struct bridge *bridge, struct err *err)
{
	if (door_renew(&bridge->door, err) < 0)
		return -1;
	screen_dismiss(&bridge->screen);
	return 0;
}

static json_t *op_open(struct bridge *bridge, const json_t *request, struct err *err)
{
	bridge_expect_viewer(bridge);
	if (json_is_true(json_object_get(request, "exclusive")) && let_all_go(bridge, err) < 0)
		return NULL;
	if (ctl_is(request, "way", "web"))
		return open_web(bridge, request, err);
	if (ctl_is(request, "way", "port"))
		return open_port(bridge, request, err);
	if (ctl_is(request, "way", "secure"))
		return open_secure(bridge, request, err);
	return json_pack("{s:s}", "event", "open");
}

static json_t *op_attach(struct bridge *bridge, const json_t *request, struct err *err)
{
	bridge->by_hand = false;
	bridge->hold_at = 0;
	bridge_settle(bridge);
	return json_pack("{s:s}", "event", "ok");
}

static json_t *op_detach(struct bridge *bridge, const json_t *request, struct err *err)
{
	bridge->by_hand = true;
	bridge_settle(bridge);
	return json_pack("{s:s}", "event", "ok");
}

static const struct {
	const char *op;
	json_t *(*run)(struct bridge *bridge, const json_t *request, struct err *err);
} operations[] = {
	{"attach", op_attach},
	{"detach", op_detach},
	{"open", op_open},
	{"status", op_status},
};

static json_t *run(struct bridge *bridge, const json_t *request, struct err *err)
{
	for (size_t i = 0; i < array_len(operations); i++)
		if (ctl_is(request, "op", operations[i].op))
			return operations[i].run(bridge, request, err);
	err_set(err, "the bridge does not know this request");
	return NULL;
}

/* ---- clients ---- */

static void answer(int *fd, struct bridge *bridge)
{
	struct err err = ERR_INIT;
	json_t *request = ctl_receive(*fd, NULL);
	if (!request) {
		close(steal_fd(fd));
		return;
	}
	json_t *reply = run(bridge, request, &err);
	ctl_send(*fd, reply ? reply : ctl_error(&err), NULL);
	json_decref(request);
}

static void welcome(struct control *control)
{
	scoped_fd int fd = ctl_accept(control->listener);
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < CONTROL_CLIENTS && fd >= 0; i++)
		if (control->clients[i] < 0)
			control->clients[i] = steal_fd(&fd);
}

void control_serve(struct control *control, const struct pollfd *waits, struct bridge *bridge)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i] >= 0 && waits[i + 1].fd == control->clients[i] &&
			waits[i + 1].revents)
			answer(&control->clients[i], bridge);
	if (waits[0].revents)
		welcome(control);
}
