#include "vnc/link.h"

#include "wire/ctl.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A supervisor answers at once, or not at all. */
#define ANSWER_S 2

void link_init(struct link *link, const char *dir)
{
	*link = (struct link){.dir = dir, .fd = -1};
}

static void hang_up(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->owes_answer = false;
}

void link_finish(struct link *link)
{
	hang_up(link);
	free(steal_ptr(&link->socket));
	free(steal_ptr(&link->authority));
}

static int number(const json_t *display, const char *key)
{
	return (int)json_integer_value(json_object_get(display, key));
}

static void take_display(struct link *link, const json_t *display)
{
	const char *socket = json_string_value(json_object_get(display, "socket"));
	const char *authority = json_string_value(json_object_get(display, "xauthority"));
	free(link->socket);
	free(link->authority);
	link->socket = strdup(socket ? socket : "");
	link->authority = strdup(authority ? authority : "");
	link->width = number(display, "width");
	link->height = number(display, "height");
}

/* In the words of the status (wire/PROTOCOL.md), those that need not be copied. */
static const char *word_for(const json_t *answer)
{
	static const char *const words[] = {"starting", "restoring", "checkpointing"};
	for (size_t i = 0; i < array_len(words); i++)
		if (ctl_is(answer, "state", words[i]))
			return words[i];
	return "one moment";
}

static int take_answer(struct link *link, const json_t *answer, struct err *err)
{
	const json_t *display = json_object_get(answer, "display");
	if (!json_is_object(display))
		return err_set(err, "the session has no display");
	take_display(link, display);
	link->doing = word_for(answer);
	link->state = LINK_BUSY;
	return 0;
}

int link_connect(struct link *link, struct err *err)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	link->fd = ctl_connect(link->dir, err);
	if (link->fd < 0)
		return -1;
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	json_t *answer =
		ctl_call(link->fd, json_pack("{s:s, s:i}", "op", "watch", "ctl", CTL_VERSION), err);
	int result = answer ? take_answer(link, answer, err) : -1;
	json_decref(answer);
	if (result < 0)
		hang_up(link);
	return result;
}

/* A session that was checkpointed and stopped, or killed with its supervisor, may come back. */
static void on_ended(struct link *link, const json_t *message)
{
	hang_up(link);
	link->state = ctl_is(message, "reason", "checkpointed") ? LINK_GONE : LINK_OVER;
}

void link_read(struct link *link)
{
	json_t *message = ctl_receive(link->fd, NULL);
	if (!message) {
		hang_up(link);
		link->state = LINK_GONE;
	} else if (ctl_is(message, "event", "attach")) {
		link->state = LINK_FREE;
	} else if (ctl_is(message, "event", "detach")) {
		link->state = LINK_BUSY;
		link->owes_answer = true;
		link->doing = json_is_true(json_object_get(message, "stop"))
			? "checkpointing, then stopping"
			: "checkpointing";
	} else if (ctl_is(message, "event", "ended")) {
		on_ended(link, message);
	}
	json_decref(message);
}

void link_released(struct link *link)
{
	if (link->owes_answer)
		ctl_send(link->fd, json_pack("{s:s}", "op", "detached"), NULL);
	link->owes_answer = false;
}

const char *link_banner(const struct link *link)
{
	if (link->state == LINK_FREE)
		return NULL;
	return link->state == LINK_BUSY ? link->doing : "stopped until it is restored";
}
