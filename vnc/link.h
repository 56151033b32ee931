/*
 * link.h: what the session's supervisor tells the bridge, and the one answer it waits for.
 *
 * The link is made to SESSION-DIR/ctl with {"op": "watch"}, and made again when a session of that
 * name is there again. While the supervisor says so the display may be held. When it says "detach"
 * the bridge lets go and answers by link_released(); a checkpoint waits for that, for a moment.
 * Main thread only.
 */
#ifndef VNC_LINK_H
#define VNC_LINK_H

#include "base/err.h"

#include <stdbool.h>

enum link_state {
	LINK_GONE, /* no session of that name runs: it was stopped, or not yet restored */
	LINK_BUSY, /* it starts, is restored or checkpointed: hands off */
	LINK_FREE, /* the display may be held */
	LINK_OVER, /* the session ended for good */
};

struct link {
	const char *dir; /* of the session; borrowed */
	enum link_state state;
	int fd;                   /* -1: none */
	bool owes_answer;         /* "detach" was said and not answered */
	const char *doing;        /* what the session is at while it is busy */
	char *socket, *authority; /* of the private X server */
	int width, height;
};

void link_init(struct link *link, const char *dir);
void link_finish(struct link *link);

/* Asks for a session that runs; state and display are known afterwards. -1: there is none. */
int link_connect(struct link *link, struct err *err);

/* Takes what the supervisor has said; to be called when the descriptor is readable. */
void link_read(struct link *link);

/* The display is let go of: says so where the supervisor waits for it. */
void link_released(struct link *link);

/* What a viewer reads over a picture that does not move; NULL: nothing is to be said. */
const char *link_banner(const struct link *link);

#endif
