/*
 * display.h: one hold on the private X server of a session.
 *
 * The server is reached by the path of its socket and with the cookie of its session. A hold is
 * taken as late and given back as early as possible: while it lasts no image can be taken. Giving
 * it back waits until the server has closed its end too.
 *
 * The server may be frozen at any moment. So whatever waits for it stands between
 * display_guard_begin() and display_guard_end(): after DISPLAY_LIMIT_MS the connection is cut and
 * the waiting call returns. One display a process; the main thread only.
 */
#ifndef VNC_DISPLAY_H
#define VNC_DISPLAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <xcb/xcb.h>

#define DISPLAY_LIMIT_MS 1500

struct display {
	xcb_connection_t *connection; /* NULL: not held */
	xcb_window_t root;
	uint16_t width, height;
	uint8_t damage_event, xfixes_event, randr_event; /* first event numbers */
};

/* Takes hold. `socket`, `authority`: paths. Fails where the server lacks an extension. */
int display_open(
	struct display *display, const char *socket, const char *authority, struct err *err);

/* Lets go; nothing where it is not held. What was sent before has been executed by then. */
void display_close(struct display *display);

/* True where the server has gone or was cut off. */
bool display_lost(const struct display *display);

/* Waits until the server has executed everything sent so far. */
void display_sync(const struct display *display);

void display_guard_begin(const struct display *display);
void display_guard_end(void);

/* The guard is SIGALRM, for the main thread alone: to be called before others are made, and by
 * those that are made under the guard. */
void display_block_alarm(void);

#endif
