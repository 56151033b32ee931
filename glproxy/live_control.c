#include "glproxy/live_control.h"

#include "base/io.h"
#include "glproxy/journal.h"
#include "glproxy/live.h"
#include "glproxy/snapshot.h"
#include "glproxy/surface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	uint32_t operation; /* enum wire_live_operation */
	uint32_t number;
	char directory[WIRE_LIVE_PATH_MAX + 1];
	char parent[WIRE_LIVE_PATH_MAX + 1];
};

/* ---- the listening process ---- */

static unsigned place_for(const struct live_children *children, unsigned number)
{
	for (unsigned i = 0; i < children->count; i++)
		if (children->child[i].number == number)
			return i;
	for (unsigned i = 0; i < children->count; i++)
		if (children->child[i].fd < 0)
			return i;
	return children->count;
}

int live_control_add(struct live_children *children, unsigned number)
{
	int ends[2];
	const unsigned index = place_for(children, number);
	if (index == LIVE_CHILDREN || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -1;
	struct live_child *child = &children->child[index];
	if (index == children->count || child->number != number)
		*child = (struct live_child){.number = number};
	child->fd = ends[0];
	if (index == children->count)
		children->count++;
	return ends[1];
}

void live_control_is(struct live_children *children, unsigned number, pid_t pid)
{
	for (unsigned i = 0; i < children->count; i++)
		if (children->child[i].number == number)
			children->child[i].pid = pid;
}

bool live_control_died(const struct live_children *children, unsigned index)
{
	char byte;
	const ssize_t got = recv(children->child[index].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void live_control_forget(struct live_children *children)
{
	for (unsigned i = 0; i < children->count; i++)
		if (children->child[i].fd >= 0)
			close(children->child[i].fd);
	children->count = 0;
}

/* What a child says; false when it has ended. */
static bool hear(int fd, struct wire_live_answer *answer)
{
	const ssize_t size = recv(fd, answer, sizeof(*answer), 0);
	answer->text[sizeof(answer->text) - 1] = '\0';
	return size == (ssize_t)sizeof(*answer);
}

static bool ask(const struct live_child *child, const struct request *request,
	struct wire_live_answer *heard)
{
	return send(child->fd, request, sizeof(*request), MSG_NOSIGNAL) ==
		(ssize_t)sizeof(*request) &&
		hear(child->fd, heard);
}

/* It has ended in order, after its client: its folder is gone. */
static bool has_ended(const struct live_children *children, const struct live_child *child)
{
	char path[WIRE_DIR_MAX];
	snprintf(path, sizeof(path), "%s/p%u", children->directory, child->number);
	return access(path, F_OK) < 0;
}

/* One that dies meanwhile is looked after later: what it was asked for has failed. */
static void ask_one(const struct live_children *children, const struct live_child *child,
	const struct request *request, struct wire_live_answer *answer)
{
	struct wire_live_answer heard;
	if (!ask(child, request, &heard)) {
		if (request->operation != WIRE_LIVE_SNAPSHOT || has_ended(children, child))
			return;
		heard.status = -1;
		snprintf(heard.text, sizeof(heard.text),
			"the proxy p%u died while it wrote its snapshot; try again",
			request->number);
	}
	if (!heard.status || answer->status)
		return;
	answer->status = heard.status;
	memcpy(answer->text, heard.text, sizeof(answer->text));
}

void live_control_ask(struct live_children *children, enum wire_live_operation operation,
	const char *directory, const char *parent, struct wire_live_answer *answer)
{
	struct request request = {.operation = operation};
	snprintf(request.directory, sizeof(request.directory), "%s", directory);
	snprintf(request.parent, sizeof(request.parent), "%s", parent);
	if (operation != WIRE_LIVE_SNAPSHOT)
		children->holds = operation == WIRE_LIVE_TAKE_HOLD;
	for (unsigned i = 0; i < children->count; i++) {
		request.number = children->child[i].number;
		if (children->child[i].fd >= 0)
			ask_one(children, &children->child[i], &request, answer);
	}
}

int live_control_ready(const struct live_children *children, unsigned index, struct err *err)
{
	struct wire_live_answer answer;
	if (!hear(children->child[index].fd, &answer))
		return err_set(err, "p%u: the proxy ended", children->child[index].number);
	if (answer.status)
		return err_set(err, "p%u: %s", children->child[index].number, answer.text);
	return 0;
}

/* ---- a child ---- */

void live_control_say(int fd, const struct err *err)
{
	struct wire_live_answer answer = {.magic = WIRE_LIVE_MAGIC,
		.version = WIRE_VERSION,
		.status = err_is_set(err) ? -1 : 0};
	snprintf(answer.text, sizeof(answer.text), "%s", err->text);
	send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static bool is_drained(struct wire_mapping *map)
{
	struct wire_ring *shared = map->shared;
	if (atomic_load(&shared->head) == atomic_load(&shared->tail))
		return true;
	wire_wake(&shared->head);
	return false;
}

static bool all_drained(struct proxy *proxy)
{
	bool all = is_drained(&proxy->control);
	pthread_mutex_lock(&proxy->lock);
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id] && !proxy->contexts[id]->gone)
			all = is_drained(&proxy->contexts[id]->ring) && all;
	pthread_mutex_unlock(&proxy->lock);
	return all;
}

#define DRAIN_S 30

/* The program stands still: its rings run empty, and what the snapshot says stays true. */
static int drain(struct proxy *proxy, struct err *err)
{
	const double start = io_now();
	while (!all_drained(proxy)) {
		if (io_now() - start > DRAIN_S)
			return err_set(err, "GL of process %d: its calls do not come to an end",
				proxy->client);
		nanosleep(&(struct timespec){0, 200000}, NULL);
	}
	return 0;
}

static int write_snapshot(struct proxy *proxy, const struct request *request, struct err *err)
{
	char name[32];
	const struct snapshot_place place = {.directory = request->directory,
		.name = name,
		.parent = request->parent[0] ? request->parent : NULL};
	snprintf(name, sizeof(name), "p%u.glsnap", request->number);
	if (snapshot_take(proxy, &place, err))
		return err_context(err, "GL of process %d", proxy->client);
	if (proxy->journal)
		journal_want_base(proxy->journal);
	return 0;
}

/* Surfaces alone know the X server; the control thread, which makes them, stands still. */
static void hold_display(struct proxy *proxy, bool hold)
{
	proxy->let_go = !hold;
	for (unsigned id = 1; id < PROXY_OBJECTS; id++) {
		struct surface *surface = proxy->surfaces[id];
		if (surface && hold)
			surface_take_hold(surface);
		else if (surface)
			surface_let_go(surface);
	}
}

static int act(struct proxy *proxy, const struct request *request, struct err *err)
{
	if (request->operation == WIRE_LIVE_SNAPSHOT && drain(proxy, err))
		return -1;
	while (!live_stop(proxy, NULL)) {
		if (proxy->live->ended)
			return 0;
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	}
	int status = 0;
	switch ((enum wire_live_operation)request->operation) {
	case WIRE_LIVE_LET_GO:
	case WIRE_LIVE_TAKE_HOLD:
		hold_display(proxy, request->operation == WIRE_LIVE_TAKE_HOLD);
		break;
	case WIRE_LIVE_SNAPSHOT:
		status = write_snapshot(proxy, request, err);
		break;
	default:
		status = err_set(err, "an unknown operation");
	}
	live_go(proxy, NULL);
	return status;
}

struct served {
	struct proxy *proxy;
	int fd;
};

static void *answer_requests(void *data)
{
	struct served served = *(struct served *)data;
	struct request request;
	free(data);
	while (recv(served.fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request)) {
		struct err err = ERR_INIT;
		request.directory[WIRE_LIVE_PATH_MAX] = '\0';
		request.parent[WIRE_LIVE_PATH_MAX] = '\0';
		act(served.proxy, &request, &err);
		live_control_say(served.fd, &err);
	}
	/* Whoever could replace this proxy is gone: another listening process does it anew. */
	if (served.proxy->journal && !served.proxy->live->ended)
		_exit(1);
	close(served.fd);
	return NULL;
}

void live_control_start(struct proxy *proxy, int fd)
{
	pthread_t thread;
	struct served *served = malloc(sizeof(*served));
	if (!served)
		return;
	*served = (struct served){proxy, fd};
	if (pthread_create(&thread, NULL, answer_requests, served) == 0)
		pthread_detach(thread);
}
