/*
 * scroll.h: how far the rows of a picture have moved up or down, as where text scrolls.
 *
 * A guess: rows are known by a part of their pixels, and most of them may be wrong. Whoever moves
 * pixels by it has to compare afterwards. Plain memory; any thread.
 */
#ifndef VNC_SCROLL_H
#define VNC_SCROLL_H

#include "vnc/tiles.h"

/* Smaller parts, and shorter runs of rows, are not worth it. */
#define SCROLL_WIDTH_MIN 128
#define SCROLL_HEIGHT_MIN 64
#define SCROLL_RUN_MIN 32

struct scroll {
	int y, height; /* rows of the newer picture that the older one has as well; height 0: none
			*/
	int by;        /* so far above; negative: below */
};

/* `newer`: rows of `stride` bytes, as many and as long as the part has. */
struct scroll scroll_find(const struct tiles_part *older, const uint8_t *newer, size_t stride);

#endif
