/*
 * bridge.h: one session's display, shown to viewers that outlive it.
 *
 * A process a session, of the user, in the host's namespaces and so outside every session; started
 * by `glckpt view`. Its folder RUN-DIR/.vnc-NAME (0700) holds
 *
 *	lock   held while it lives (base/lockdir.h)
 *	ctl    its socket for `glckpt` (wire/ctl.h, PROTOCOL.md)
 *	rfb    where viewers connect (door.h)
 *
 * It holds the private X server only while somebody watches, the supervisor allows it (link.h) and
 * no `glckpt detach` was given. Over a checkpoint, and from a stop to a restore under the same
 * name, viewers stay connected and see the last picture with a banner. What they type while a
 * checkpoint is taken or a restore runs is kept and arrives once; while the session is stopped or
 * detached by hand it is dropped, as it would meet another screen than the one it was typed at.
 *
 * It ends when the session has ended for good, when for `linger_s` nobody was connected, or by
 * SIGTERM.
 *
 * One main thread with one loop; viewers' threads reach it through the input queue.
 */
#ifndef VNC_BRIDGE_H
#define VNC_BRIDGE_H

#include "vnc/banner.h"
#include "vnc/clip.h"
#include "vnc/control.h"
#include "vnc/door.h"
#include "vnc/grab.h"
#include "vnc/keys.h"
#include "vnc/link.h"
#include "vnc/pointer.h"

struct bridge {
	struct input input;
	struct screen screen;
	struct door door;
	struct link link;
	struct control control;
	int signals; /* signals_open() */

	struct display display; /* held while display.connection is there */
	struct grab grab;
	struct keys keys;
	struct pointer pointer;
	struct clip clip;

	struct banner banner;
	const char *banner_text; /* of the banner that is shown */
	bool by_hand;            /* let go until `glckpt attach` */
	bool wanted;             /* somebody watches */
	bool unfit;              /* a viewer stands in the way of a new size */

	double linger_s;
	double alone_until; /* ends then, unless somebody is connected; monotonic */
	double hold_at;     /* not before this is the display tried again */
	double link_at;     /* nor the link */
	double picture_at;  /* nor the next picture taken */
};

/* `dir`: its folder, there and locked; `session_dir`: RUN-DIR/NAME, where a session with a display
 * must run. Everything is borrowed. */
struct bridge_options {
	const char *name, *dir, *session_dir;
	double linger_s;
};

int bridge_init(struct bridge *bridge, const struct bridge_options *options, struct err *err);

/* Serves to the end. */
void bridge_run(struct bridge *bridge);

/* Lets go, or takes hold, as things now stand. */
void bridge_settle(struct bridge *bridge);

/* A viewer is about to be started: it gets its time. */
void bridge_expect_viewer(struct bridge *bridge);

static inline bool bridge_holds(const struct bridge *bridge)
{
	return bridge->display.connection != NULL;
}

#endif
