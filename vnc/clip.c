#define _GNU_SOURCE
#include "vnc/clip.h"

#include "base/scope.h"

#include <string.h>
#include <xcb/xfixes.h>

static xcb_atom_t atom(xcb_connection_t *connection, const char *name)
{
	xcb_intern_atom_cookie_t asked =
		xcb_intern_atom(connection, 0, (uint16_t)strlen(name), name);
	scoped_free xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(connection, asked, NULL);
	return reply ? reply->atom : XCB_ATOM_NONE;
}

static void claim(const struct clip *clip)
{
	xcb_connection_t *connection = clip->display->connection;
	xcb_set_selection_owner(connection, clip->window, clip->clipboard, XCB_CURRENT_TIME);
	xcb_set_selection_owner(connection, clip->window, XCB_ATOM_PRIMARY, XCB_CURRENT_TIME);
}

static void hear_of_owners(const struct clip *clip, xcb_atom_t selection)
{
	xcb_xfixes_select_selection_input(clip->display->connection, clip->window, selection,
		XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER);
}

int clip_start(struct clip *clip, const struct display *display, struct err *err)
{
	xcb_connection_t *connection = display->connection;
	clip->display = display;
	clip->clipboard = atom(connection, "CLIPBOARD");
	clip->utf8 = atom(connection, "UTF8_STRING");
	clip->targets = atom(connection, "TARGETS");
	clip->property = atom(connection, "GLCKPT_CLIPBOARD");
	if (display_lost(display)) {
		clip->display = NULL;
		return err_set(err, "the private X server does not answer");
	}
	clip->window = xcb_generate_id(connection);
	xcb_create_window(connection, 0, clip->window, display->root, -1, -1, 1, 1, 0,
		XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, 0, NULL);
	hear_of_owners(clip, clip->clipboard);
	hear_of_owners(clip, XCB_ATOM_PRIMARY);
	if (clip->ours)
		claim(clip);
	return 0;
}

void clip_stop(struct clip *clip)
{
	if (clip->display)
		xcb_destroy_window(clip->display->connection, clip->window);
	clip->display = NULL;
}

void clip_finish(struct clip *clip)
{
	clip_stop(clip);
	free(steal_ptr(&clip->offered));
}

void clip_offer(struct clip *clip, char *text)
{
	free(clip->offered);
	clip->offered = text;
	clip->ours = strlen(text) <= CLIP_MAX;
	if (clip->ours && clip->display)
		claim(clip);
}

/* ---- programs that paste ---- */

static bool put_answer(const struct clip *clip, const xcb_selection_request_event_t *request)
{
	xcb_connection_t *connection = clip->display->connection;
	const xcb_atom_t offered[] = {clip->targets, clip->utf8};
	if (!clip->offered || request->property == XCB_ATOM_NONE)
		return false;
	if (request->target == clip->targets)
		xcb_change_property(connection, XCB_PROP_MODE_REPLACE, request->requestor,
			request->property, XCB_ATOM_ATOM, 32, array_len(offered), offered);
	else if (request->target == clip->utf8)
		xcb_change_property(connection, XCB_PROP_MODE_REPLACE, request->requestor,
			request->property, clip->utf8, 8, (uint32_t)strlen(clip->offered),
			clip->offered);
	else
		return false;
	return true;
}

static void answer(const struct clip *clip, const xcb_selection_request_event_t *request)
{
	const xcb_selection_notify_event_t notify = {
		.response_type = XCB_SELECTION_NOTIFY,
		.time = request->time,
		.requestor = request->requestor,
		.selection = request->selection,
		.target = request->target,
		.property = put_answer(clip, request) ? request->property : XCB_ATOM_NONE,
	};
	char event[32] = {0}; /* events are sent whole */
	memcpy(event, &notify, sizeof(notify));
	xcb_send_event(clip->display->connection, 0, request->requestor, 0, event);
}

/* ---- programs that copy ---- */

static void on_owner(struct clip *clip, const xcb_xfixes_selection_notify_event_t *event)
{
	if (event->owner == clip->window || event->owner == XCB_NONE)
		return;
	clip->ours = false;
	xcb_convert_selection(clip->display->connection, clip->window, event->selection, clip->utf8,
		clip->property, event->timestamp);
}

static void on_text(struct clip *clip, const xcb_selection_notify_event_t *event)
{
	xcb_connection_t *connection = clip->display->connection;
	if (event->property == XCB_ATOM_NONE)
		return;
	xcb_get_property_cookie_t asked = xcb_get_property(
		connection, 1, clip->window, clip->property, clip->utf8, 0, CLIP_MAX / 4);
	scoped_free xcb_get_property_reply_t *reply =
		xcb_get_property_reply(connection, asked, NULL);
	if (!reply || reply->type != clip->utf8 || reply->bytes_after)
		return;
	scoped_free char *text = strndup(
		xcb_get_property_value(reply), (size_t)xcb_get_property_value_length(reply));
	if (text)
		clip->copied(clip->data, text);
}

bool clip_event(struct clip *clip, const xcb_generic_event_t *event)
{
	unsigned type = event->response_type & 0x7f;
	if (type == XCB_SELECTION_REQUEST)
		answer(clip, (const void *)event);
	else if (type == XCB_SELECTION_NOTIFY)
		on_text(clip, (const void *)event);
	else if (type == clip->display->xfixes_event + (unsigned)XCB_XFIXES_SELECTION_NOTIFY)
		on_owner(clip, (const void *)event);
	else
		return type == XCB_SELECTION_CLEAR;
	return true;
}
