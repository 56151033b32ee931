/*
 * pixel.h: images in the program's memory (OpenGL 4.6 compatibility, 8.4.4 and 18.2).
 */
#ifndef WIRE_PIXEL_H
#define WIRE_PIXEL_H

#include "wire/gltypes.h"

#include <stdbool.h>
#include <stddef.h>

/* One half of glPixelStore. */
struct wire_pixels {
	GLint alignment;
	GLint row_length;
	GLint image_height;
	GLint skip_rows;
	GLint skip_pixels;
	GLint skip_images;
	GLint block_width; /* compressed images */
	GLint block_height;
	GLint block_depth;
	GLint block_size;
	GLint swap_bytes;
	GLint lsb_first;
	GLint invert;
};

/* Which bytes of a span of memory belong to an image: `images` slices of `rows` rows of `row`
 * bytes. `size` is the whole span from the pointer on; bytes between rows are the program's own. */
struct wire_layout {
	size_t size;
	size_t first; /* bytes skipped in front */
	size_t row;
	size_t stride;
	size_t slice;
	size_t rows;
	size_t images;
};

/* Bytes of one pixel; 0 for a format or type that is none, 1 for bitmaps. */
size_t wire_pixel_bytes(GLenum format, GLenum type);

/* The layout of an image of 1, 2 or 3 dimensions; all zero when it has no pixels. A size beyond all
 * measure saturates (size.h). */
struct wire_layout wire_layout(const struct wire_pixels *store, int dimensions, GLsizei width,
	GLsizei height, GLsizei depth, GLenum format, GLenum type);

/* Copies the image's own bytes from one span to another of the same layout. */
void wire_layout_copy(const struct wire_layout *layout, void *to, const void *from);

#endif
