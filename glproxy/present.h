/*
 * present.h: pictures on their way into an X window or pixmap, over MIT-SHM, by a thread of their
 * own with a connection of its own.
 *
 * Pictures are 32 bits a pixel, blue first, top row first. present_begin() gives memory for one and
 * present_end() hands it over. Where the X server does not keep up, begin waits; where it stands
 * still, the picture is dropped, so that GL never hangs on a frozen server.
 */
#ifndef GLPROXY_PRESENT_H
#define GLPROXY_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

struct present;

/* NULL when the display or the drawable cannot be reached. Fills in the drawable's size. */
struct present *present_create(
	const char *display, uint32_t drawable, unsigned *width, unsigned *height);
void present_destroy(struct present *present);

/* Memory for a picture of this size, rows of width*4 bytes; NULL when it is to be dropped. */
void *present_begin(struct present *present, unsigned width, unsigned height);

/* Shows the given part of the picture at the same place of the drawable. */
void present_end(struct present *present, int x, int y, unsigned width, unsigned height);

/* The size last seen; `ask`: the size now. */
void present_size(struct present *present, bool ask, unsigned *width, unsigned *height);

/* What the drawable shows, as a picture of this size for free(), black where nothing is known. NULL
 * without memory. */
void *present_picture(struct present *present, unsigned width, unsigned height);

/* Waits at most about 100 ms until everything handed over is shown. */
void present_settle(struct present *present);

#endif
