/*
 * banner.h: one line of text over a picture, and the picture as it was before.
 *
 * Pixels as in grab.h. A banner that does not fit (a very small picture) is cut. Plain memory; one
 * thread at a time.
 */
#ifndef VNC_BANNER_H
#define VNC_BANNER_H

#include <stddef.h>
#include <stdint.h>

struct banner {
	uint8_t *saved; /* what lies beneath; NULL: not shown */
	int x, y, width, height;
};

struct banner_picture {
	uint8_t *pixels;
	size_t stride;
	int width, height;
};

/* Shows `text` (UTF-8) at the upper edge; not shown before. Where it lies is in the banner. */
void banner_show(struct banner *banner, const struct banner_picture *picture, const char *text);

/* Puts back what lay beneath; nothing where it is not shown. */
void banner_hide(struct banner *banner, const struct banner_picture *picture);

#endif
