/*
 * cursor.h: the shape of the private X server's cursor (XFixes). Main thread, under the guard.
 */
#ifndef VNC_CURSOR_H
#define VNC_CURSOR_H

#include "vnc/display.h"

/* Asks for an event at every change. */
void cursor_start(const struct display *display);

/* True where the event was such a change. */
bool cursor_event(const struct display *display, const xcb_generic_event_t *event);

struct cursor {
	uint16_t width, height, x, y; /* x, y: the point that points */
	bool over_window;             /* of a program; the screen's own cursor cannot be seen */
	uint32_t *pixels;             /* alpha, red, green, blue; alpha multiplied in */
};

/* The shape as it is now; the caller frees the pixels. -1: the server did not answer. */
int cursor_take(const struct display *display, struct cursor *cursor);

#endif
