#include "glproxy/look/picture.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t picture_value_size(enum picture_values values)
{
	return values == PICTURE_BYTES ? 1 : values == PICTURE_SHORTS ? 2 : 4;
}

/* ---- values ---- */

static unsigned from_float(float value)
{
	return value > 0 ? value < 1 ? (unsigned)lrintf(value * 65535) : 65535 : 0;
}

static unsigned cut(int64_t value, unsigned most)
{
	return value < 0 ? 0 : value > most ? most : (unsigned)value;
}

static unsigned value_at(const struct picture *p, const char *at)
{
	const unsigned most = p->small ? 255 : 65535;
	uint16_t narrow;
	int32_t integer;
	uint32_t natural;
	float real;
	memcpy(&narrow, at, p->values == PICTURE_SHORTS ? sizeof(narrow) : 0);
	if (picture_value_size(p->values) == 4) {
		memcpy(&integer, at, 4);
		memcpy(&natural, at, 4);
		memcpy(&real, at, 4);
	}
	switch (p->values) {
	case PICTURE_BYTES:
		return (unsigned char)*at;
	case PICTURE_SHORTS:
		return narrow;
	case PICTURE_FLOATS:
		return from_float(real);
	case PICTURE_SIGNED:
		return from_float(real / 2 + 0.5f);
	case PICTURE_INTEGERS:
		return cut(integer, most);
	default:
		return cut(natural, most);
	}
}

static bool is_narrow(const struct picture *p)
{
	return p->values == PICTURE_BYTES ||
		((p->values == PICTURE_INTEGERS || p->values == PICTURE_UNSIGNEDS) && p->small);
}

/* ---- rows ---- */

/* PNG has grey with and without alpha, and three colours with and without. */
static unsigned colours_of(const struct picture *p)
{
	const unsigned colours = p->components & (PICTURE_R | PICTURE_G | PICTURE_B);
	return colours == PICTURE_R || p->components == PICTURE_A ? 1 : 3;
}

static bool has_alpha(const struct picture *p)
{
	return p->components & PICTURE_A && p->components != PICTURE_A;
}

static unsigned char *put(unsigned char *to, unsigned value, bool narrow)
{
	if (!narrow)
		*to++ = (unsigned char)(value >> 8);
	*to++ = (unsigned char)value;
	return to;
}

static unsigned char *put_pixel(const struct picture *p, const char *pixel, unsigned char *to)
{
	const size_t size = picture_value_size(p->values);
	const bool narrow = is_narrow(p);
	const unsigned first = p->components == PICTURE_A && p->stride == 4 ? 3 : 0;
	for (unsigned i = first; i < first + colours_of(p); i++)
		to = put(to, p->components & 1u << i ? value_at(p, pixel + i * size) : 0, narrow);
	return has_alpha(p) ? put(to, value_at(p, pixel + 3 * size), narrow) : to;
}

static void fill_row(const struct picture *p, unsigned layer, unsigned row, unsigned char *to)
{
	const size_t pixel = p->stride * picture_value_size(p->values);
	const char *from =
		(const char *)p->pixels + ((size_t)layer * p->height + row) * p->width * pixel;
	for (unsigned i = 0; i < p->width; i++, from += pixel)
		to = put_pixel(p, from, to);
}

static int type_of(const struct picture *p)
{
	const bool grey = colours_of(p) == 1;
	if (has_alpha(p))
		return grey ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_RGB_ALPHA;
	return grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
}

static int write_rows(png_structp png, png_infop info, const struct picture *p, unsigned char *row)
{
	if (setjmp(png_jmpbuf(png)))
		return -1;
	png_set_user_limits(png, UINT32_MAX >> 1, UINT32_MAX >> 1);
	png_set_compression_level(png, 3);
	png_set_IHDR(png, info, p->width, p->height * p->layers, is_narrow(p) ? 8 : 16, type_of(p),
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (unsigned layer = 0; layer < p->layers; layer++)
		for (unsigned i = p->height; i--;) {
			fill_row(p, layer, i, row);
			png_write_row(png, row);
		}
	png_write_end(png, info);
	return 0;
}

static void be_silent(png_structp png, png_const_charp text)
{
}

static void give_up(png_structp png, png_const_charp text)
{
	longjmp(png_jmpbuf(png), 1);
}

static int write_to(FILE *file, const struct picture *p)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, give_up, be_silent);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	scoped_free unsigned char *row = malloc((size_t)p->width * 8 + 1);
	int status = -1;
	if (info && row) {
		png_init_io(png, file);
		status = write_rows(png, info, p, row);
	}
	png_destroy_write_struct(&png, &info);
	return status;
}

int picture_write(const struct picture *p, const char *file, struct err *err)
{
	FILE *out = fopen(file, "wbe");
	if (!out)
		return err_errno(err, "%s", file);
	errno = 0;
	const int status = write_to(out, p);
	if (!fclose(out) && !status)
		return 0;
	err_errno(err, "%s", file);
	unlink(file);
	return -1;
}
