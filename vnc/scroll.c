#define _GNU_SOURCE
#include "vnc/scroll.h"

#include "base/scope.h"

#include <stdbool.h>
#include <string.h>

/* Of a row this much is looked at in every so much. */
#define PIECE 64
#define PIECES_APART 256

/* Rows that are found once in both pictures, and that speak for a distance. */
#define VOTES_MIN 12

struct row {
	uint64_t hash;
	int y;
};

static uint64_t hash_row(const uint8_t *row, size_t size)
{
	uint64_t hash = 0x9e3779b97f4a7c15;
	for (size_t at = 0; at + PIECE <= size; at += PIECES_APART)
		for (size_t i = 0; i < PIECE; i += sizeof(uint64_t)) {
			uint64_t word;
			memcpy(&word, row + at + i, sizeof(word));
			hash = (hash ^ word) * 0xff51afd7ed558ccd;
			hash ^= hash >> 32;
		}
	return hash;
}

static void hash_rows(struct row *rows, const uint8_t *pixels, size_t stride, int width, int height)
{
	for (int y = 0; y < height; y++)
		rows[y] = (struct row){hash_row(pixels + (size_t)y * stride, (size_t)width * 4), y};
}

static int by_hash(const void *a, const void *b)
{
	const struct row *one = a, *other = b;
	return one->hash < other->hash ? -1 : one->hash > other->hash;
}

/* The only one of sorted rows with this hash, or NULL. */
static const struct row *find_only(const struct row *sorted, int count, uint64_t hash)
{
	const struct row wanted = {hash, 0};
	const struct row *found = bsearch(&wanted, sorted, (size_t)count, sizeof(*sorted), by_hash);
	if (!found || (found > sorted && found[-1].hash == hash) ||
		(found < sorted + count - 1 && found[1].hash == hash))
		return NULL;
	return found;
}

/* ---- the distance ---- */

struct rows {
	struct row *older, *newer, *sorted; /* sorted: the older ones */
	int *votes;                         /* for each distance, from 1 - height */
	int count;
};

static void rows_finish(struct rows *rows)
{
	free(rows->older);
	free(rows->newer);
	free(rows->sorted);
	free(rows->votes);
}

static int rows_init(
	struct rows *rows, const struct tiles_part *older, const uint8_t *newer, size_t stride)
{
	const size_t count = (size_t)older->height, size = count * sizeof(struct row);
	*rows = (struct rows){malloc(size), malloc(size), malloc(size),
		calloc(2 * count, sizeof(int)), older->height};
	if (!rows->older || !rows->newer || !rows->sorted || !rows->votes)
		return -1;
	hash_rows(rows->older, older->pixels, older->stride, older->width, older->height);
	hash_rows(rows->newer, newer, stride, older->width, older->height);
	memcpy(rows->sorted, rows->older, size);
	qsort(rows->sorted, count, sizeof(*rows->sorted), by_hash);
	return 0;
}

static bool stayed(const struct rows *rows, int y)
{
	return rows->older[y].hash == rows->newer[y].hash;
}

static void vote(const struct rows *rows)
{
	for (int y = 0; y < rows->count; y++) {
		const struct row *from = stayed(rows, y)
			? NULL
			: find_only(rows->sorted, rows->count, rows->newer[y].hash);
		if (from)
			rows->votes[y - from->y + rows->count]++;
	}
}

/* 0: there is none. */
static int find_distance(const struct rows *rows)
{
	int best = 0;
	vote(rows);
	for (int i = 1; i < 2 * rows->count; i++)
		if (rows->votes[i] > rows->votes[best])
			best = i;
	return rows->votes[best] < VOTES_MIN ? 0 : best - rows->count;
}

/* ---- the rows ---- */

static bool came_from(const struct rows *rows, int y, int by)
{
	int from = y - by;
	return from >= 0 && from < rows->count && rows->older[from].hash == rows->newer[y].hash;
}

static struct scroll longest_run(const struct rows *rows, int by)
{
	struct scroll best = {.by = by};
	for (int y = 0, begin = 0; y < rows->count; y++) {
		if (!came_from(rows, y, by))
			begin = y + 1;
		else if (y + 1 - begin > best.height)
			best = (struct scroll){begin, y + 1 - begin, by};
	}
	return best;
}

struct scroll scroll_find(const struct tiles_part *older, const uint8_t *newer, size_t stride)
{
	const struct scroll none = {0};
	scoped(rows_finish) struct rows rows = {0};
	if (older->width < SCROLL_WIDTH_MIN || older->height < SCROLL_HEIGHT_MIN ||
		rows_init(&rows, older, newer, stride) < 0)
		return none;
	int by = find_distance(&rows);
	struct scroll found = by ? longest_run(&rows, by) : none;
	return found.height >= SCROLL_RUN_MIN ? found : none;
}
