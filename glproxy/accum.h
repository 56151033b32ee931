/*
 * accum.h: the accumulation buffer of a drawable (OpenGL 4.6 compatibility, 17.4.4), which GLX has
 * and EGL has not, so that the driver offers none: it is kept here, and computed as Mesa does (to
 * one step of a colour), in signed numbers of 16 bits, of linear light where the drawable can hold
 * sRGB colours.
 *
 * In the context's thread, with the context current. A drawable has the buffer from its first use
 * on; before that everything in it is 0, and a new size empties it.
 */
#ifndef GLPROXY_ACCUM_H
#define GLPROXY_ACCUM_H

#include "glproxy/context.h"
#include "glproxy/surface.h"

#include <stdint.h>

#define ACCUM_BITS 16

struct accum {
	unsigned width, height;
	int16_t values[][4]; /* bottom row first */
};

/* Whether the context draws to a drawable with such a buffer now. */
bool accum_has(const struct context *context);

/* The buffer of the surface's size, all 0 where it is new; NULL without memory. */
struct accum *accum_open(struct surface *surface);

/* The clear of glClear. */
void accum_clear(struct context *context);

#endif
