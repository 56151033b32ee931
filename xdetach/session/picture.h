/*
 * picture.h: pixels written as a PNG file, row by row, made smaller on the way where that is
 * wanted.
 *
 * Rows have four bytes a pixel: blue, green, red and one that means nothing, as X gives them. One
 * thread at a time. Zeroed before the first use.
 */
#ifndef XDETACH_PICTURE_H
#define XDETACH_PICTURE_H

#include "base/err.h"

#include <png.h>
#include <stdint.h>

#define PICTURE_WIDTH_MAX 16384 /* and height */

struct picture {
	FILE *file;
	png_structp png;
	png_infop info;
	uint32_t width, height;    /* of what is put in */
	uint32_t x_parts, y_parts; /* of what comes out; 0: as it goes in */
	uint32_t y;                /* the next row in */
	uint32_t rows;             /* that are in the sums */
	uint32_t *sums;   /* a sum for each of three colours of each pixel that comes out */
	uint32_t *counts; /* how many columns go into a pixel */
	uint8_t *line;
};

/* `path`: "-" is standard output. `width_out`: at most so wide, with the same proportions; 0: as it
 * is. */
int picture_begin(struct picture *picture, const char *path, uint32_t width, uint32_t height,
	uint32_t width_out, struct err *err);

int picture_rows(struct picture *picture, const uint8_t *pixels, uint32_t rows, size_t stride,
	struct err *err);

/* All rows were put in. */
int picture_end(struct picture *picture, struct err *err);

void picture_finish(struct picture *picture);

/* Copies a PNG file, made smaller where that is wanted. What it says is not trusted. */
int picture_copy(const char *from, const char *to, uint32_t width_out, struct err *err);

#endif
