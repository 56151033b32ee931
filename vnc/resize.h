/*
 * resize.h: another size of the private X server's screen, as a viewer wishes it (RandR 1.2).
 *
 * Xvfb takes sizes up to the one that it was started with, Xvnc any. The server then tells of the
 * new size by an event, as it does when a program in the session has changed it. Main thread only,
 * under the display's guard.
 */
#ifndef VNC_RESIZE_H
#define VNC_RESIZE_H

#include "vnc/display.h"

struct resize_limits {
	uint16_t width, height; /* 0: no size can be set */
};

/* What the server takes at most. */
struct resize_limits resize_limits(const struct display *display);

/* Sets the size; the same size is no change. -1: the server refused, and nothing has changed. */
int resize_set(const struct display *display, uint16_t width, uint16_t height, struct err *err);

#endif
