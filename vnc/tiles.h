/*
 * tiles.h: what really differs between a picture and a newer one, in squares of TILE pixels.
 *
 * X servers tell of damage where something was drawn, not where it looks different now; viewers
 * should be sent the latter. Pixels as in grab.h. Plain memory; one thread at a time.
 */
#ifndef VNC_TILES_H
#define VNC_TILES_H

#include <stddef.h>
#include <stdint.h>

#define TILE 64

/* `changed` is called for each rectangle of whole tiles, and the rest of them at the edges. */
struct tiles_told {
	void (*changed)(void *data, int x, int y, int width, int height);
	void *data;
};

/* A part of a picture: `x`, `y` say where it lies; `pixels` points at its own first one. */
struct tiles_part {
	uint8_t *pixels;
	size_t stride;
	int x, y, width, height;
};

/* Copies what differs from `from` (rows of `stride` bytes) into the part. How many pixels that
 * were, counted in tiles. */
size_t tiles_merge(const struct tiles_part *to, const uint8_t *from, size_t stride,
	const struct tiles_told *told);

#endif
