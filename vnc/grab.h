/*
 * grab.h: what changed on the private X server's screen (XDamage), copied through memory that is
 * shared with it (MIT-SHM; a memfd, because the session has an IPC namespace of its own).
 *
 * Pixels are 4 bytes: blue, green, red and one that means nothing. A grab belongs to one hold on
 * the display and ends before it. The main thread only, under the display's guard.
 */
#ifndef VNC_GRAB_H
#define VNC_GRAB_H

#include "vnc/display.h"

#include <stddef.h>
#include <xcb/damage.h>
#include <xcb/shm.h>
#include <xcb/xfixes.h>

struct grab {
	const struct display *display;
	xcb_damage_damage_t damage;
	xcb_xfixes_region_t region;
	xcb_shm_seg_t segment;
	uint8_t *memory; /* NULL: not started */
	size_t size;
	bool dirty; /* something changed since the last grab_take() */
};

/* Where the pixels go: `height` rows of `stride` bytes. */
struct grab_target {
	uint8_t *pixels;
	size_t stride;
	uint16_t width, height;
	/* Called for each rectangle whose pixels really changed. */
	void (*changed)(void *data, int x, int y, int width, int height);
	void *data;
};

/* Begins to listen for damage; the whole screen counts as changed. */
int grab_start(struct grab *grab, const struct display *display, struct err *err);
void grab_finish(struct grab *grab);

/* True where the event was damage. */
bool grab_event(struct grab *grab, const xcb_generic_event_t *event);

/* Copies what has changed. -1: the server did not answer. */
int grab_take(struct grab *grab, const struct grab_target *target);

/* Copies the whole screen. */
int grab_take_all(struct grab *grab, const struct grab_target *target);

#endif
