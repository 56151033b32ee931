/*
 * picture.h: pixels of any format of OpenGL as a PNG file.
 *
 * Normalized colours keep 8 or 16 bits; floating-point ones and depths are cut to 0 to 1 and get 16
 * bits; signed normalized ones go from -1 to 1; integers are written as they are, cut to 16 bits. A
 * lone component is grey. Row 0, which GL counts from the bottom, is the last of the file.
 */
#ifndef GLPROXY_LOOK_PICTURE_H
#define GLPROXY_LOOK_PICTURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum picture_values {
	PICTURE_BYTES, /* unsigned, normalized */
	PICTURE_SHORTS,
	PICTURE_FLOATS,    /* 0 to 1 */
	PICTURE_SIGNED,    /* floats, -1 to 1 */
	PICTURE_INTEGERS,  /* int32_t */
	PICTURE_UNSIGNEDS, /* uint32_t */
};

/* Which of the components red, green, blue and alpha are there. */
enum picture_components {
	PICTURE_R = 1,
	PICTURE_G = 2,
	PICTURE_B = 4,
	PICTURE_A = 8,
};

struct picture {
	unsigned width, height;
	unsigned layers; /* one below the other */
	enum picture_values values;
	unsigned components; /* those that are written */
	unsigned stride;     /* values a pixel: 4, or 1 where it is a lone one */
	bool small;          /* integers have 8 bits at most */
	const void *pixels;
};

/* Bytes of a value. */
size_t picture_value_size(enum picture_values values);

int picture_write(const struct picture *picture, const char *file, struct err *err);

#endif
