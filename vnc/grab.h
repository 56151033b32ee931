/*
 * grab.h: what changed on the private X server's screen (XDamage), through memory that is shared
 * with it (MIT-SHM).
 *
 * Two ways lead into the target. Where damage tends to be more than what looks different, the
 * server writes into memory between, and only tiles that differ are copied and told. Where nearly
 * everything that is damaged differs (a film, a scene that moves), comparing is dropped for a
 * while, and rectangles as wide as the screen are written by the server into the target itself.
 * A rectangle is asked for in bands, so that one is compared while the server copies the next; but
 * where it may have scrolled (scroll.h) it is awaited as a whole, and first moved in the target.
 *
 * Pixels are 4 bytes: blue, green, red and one that means nothing. A grab belongs to one hold on
 * the display and ends before it. The main thread only, under the display's guard.
 */
#ifndef VNC_GRAB_H
#define VNC_GRAB_H

#include "vnc/display.h"
#include "vnc/memory.h"
#include "vnc/tiles.h"

#include <stddef.h>
#include <xcb/damage.h>
#include <xcb/shm.h>
#include <xcb/xfixes.h>

/* Where the pixels go: `height` rows of `width` pixels without gaps. */
struct grab_target {
	const struct memory *memory;
	uint16_t width, height;
	struct tiles_told told; /* of each rectangle that changed */
	/* Moves pixels of the target `by` rows down, to where the rectangle is, with what depends
	 * on them. NULL, false: they stay where they are. */
	bool (*moved)(void *data, xcb_rectangle_t to, int by);
};

struct grab {
	const struct display *display; /* NULL: not started */
	struct grab_target target;
	xcb_damage_damage_t damage;
	xcb_xfixes_region_t region;
	xcb_shm_seg_t segment, target_segment;
	struct memory between;
	bool dirty;     /* something changed since the last grab_take() */
	unsigned dense; /* how often in a row nearly all of the damage differed */
};

/* Begins to listen for damage; the whole screen counts as changed. The target has the display's
 * size, and stays until grab_finish(). */
int grab_start(struct grab *grab, const struct display *display, const struct grab_target *target,
	struct err *err);
void grab_finish(struct grab *grab);

/* True where the event was damage. */
bool grab_event(struct grab *grab, const xcb_generic_event_t *event);

/* Takes what has changed. -1: the server did not answer. */
int grab_take(struct grab *grab);

/* Takes the whole screen. */
int grab_take_all(struct grab *grab);

#endif
