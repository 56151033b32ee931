#include "vnc/tiles.h"

#include <stdbool.h>
#include <string.h>

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* One tile: as soon as a row differs the rest is copied without looking. */
static bool merge_tile(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride,
	size_t row, int height)
{
	int y = 0;
	while (y < height &&
		!memcmp(to + (size_t)y * to_stride, from + (size_t)y * from_stride, row))
		y++;
	bool differs = y < height;
	for (; y < height; y++)
		memcpy(to + (size_t)y * to_stride, from + (size_t)y * from_stride, row);
	return differs;
}

/* One row of tiles; neighbours that differ are told as one rectangle. */
static size_t merge_row(const struct tiles_part *to, int y, const uint8_t *from, size_t stride,
	const struct tiles_told *told)
{
	const int height = least(TILE, to->height - y);
	int begin = -1, x = 0;
	size_t pixels = 0;
	for (; x < to->width; x += TILE) {
		size_t at = (size_t)x * 4, row = (size_t)least(TILE, to->width - x) * 4;
		bool differs = merge_tile(to->pixels + (size_t)y * to->stride + at, to->stride,
			from + (size_t)y * stride + at, stride, row, height);
		if (differs && begin < 0)
			begin = x;
		if (!differs && begin >= 0)
			told->changed(told->data, to->x + begin, to->y + y, x - begin, height);
		begin = differs ? begin : -1;
		pixels += differs ? row / 4 * (size_t)height : 0;
	}
	if (begin >= 0)
		told->changed(told->data, to->x + begin, to->y + y, to->width - begin, height);
	return pixels;
}

size_t tiles_merge(const struct tiles_part *to, const uint8_t *from, size_t stride,
	const struct tiles_told *told)
{
	size_t pixels = 0;
	for (int y = 0; y < to->height; y += TILE)
		pixels += merge_row(to, y, from, stride, told);
	return pixels;
}
