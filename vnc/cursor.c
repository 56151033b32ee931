#include "vnc/cursor.h"

#include "base/scope.h"

#include <string.h>
#include <xcb/xfixes.h>

void cursor_start(const struct display *display)
{
	xcb_xfixes_select_cursor_input(
		display->connection, display->root, XCB_XFIXES_CURSOR_NOTIFY_MASK_DISPLAY_CURSOR);
}

bool cursor_event(const struct display *display, const xcb_generic_event_t *event)
{
	return (event->response_type & 0x7f) == display->xfixes_event + XCB_XFIXES_CURSOR_NOTIFY;
}

static bool is_over_window(xcb_connection_t *connection, xcb_query_pointer_cookie_t asked)
{
	scoped_free xcb_query_pointer_reply_t *reply =
		xcb_query_pointer_reply(connection, asked, NULL);
	return reply && reply->child != XCB_NONE;
}

int cursor_take(const struct display *display, struct cursor *cursor)
{
	xcb_connection_t *connection = display->connection;
	xcb_query_pointer_cookie_t pointer = xcb_query_pointer(connection, display->root);
	scoped_free xcb_xfixes_get_cursor_image_reply_t *reply = xcb_xfixes_get_cursor_image_reply(
		connection, xcb_xfixes_get_cursor_image(connection), NULL);
	const bool over_window = is_over_window(connection, pointer);
	if (!reply)
		return -1;
	size_t count = (size_t)reply->width * reply->height;
	if ((size_t)xcb_xfixes_get_cursor_image_cursor_image_length(reply) < count)
		return -1;
	*cursor = (struct cursor){.width = reply->width,
		.height = reply->height,
		.x = reply->xhot,
		.y = reply->yhot,
		.over_window = over_window,
		.pixels = malloc(count * sizeof(uint32_t) + 1)};
	if (!cursor->pixels)
		return -1;
	memcpy(cursor->pixels, xcb_xfixes_get_cursor_image_cursor_image(reply),
		count * sizeof(uint32_t));
	return 0;
}
