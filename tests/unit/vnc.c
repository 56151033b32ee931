/* vnc: the parts of the bridge that need neither an X server nor a viewer. */
#include "vnc/banner.h"
#include "vnc/http.h"
#include "vnc/input.h"
#include "vnc/keymap.h"
#include "vnc/memory.h"
#include "vnc/scroll.h"
#include "vnc/tiles.h"

#include "base/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- keymap ---- */

#define EURO 0x20ac
#define FIRST 8
#define COLUMNS 2

/* a, 1, Return, and two keys without any keysym */
static const uint32_t layout[][COLUMNS] = {{'a', 'A'}, {'1', '!'}, {0xff0d, 0}, {0, 0}, {0, 0}};

static void make_map(struct keymap *map)
{
	int last = FIRST + (int)array_len(layout) - 1;
	assert_int_equal(keymap_init(map, FIRST, last, COLUMNS, layout[0]), 0);
}

static void test_keys_are_found_with_their_shift(void **state)
{
	scoped(keymap_finish) struct keymap map;
	struct keymap_place place;
	make_map(&map);
	assert_true(keymap_find(&map, 'a', &place));
	assert_true(place.key == FIRST && !place.shift && place.no_shift);
	assert_true(keymap_find(&map, '!', &place));
	assert_true(place.key == FIRST + 1 && place.shift && !place.no_shift);
	assert_true(keymap_find(&map, 0xff0d, &place));
	assert_true(place.key == FIRST + 2 && !place.shift && !place.no_shift);
	assert_false(keymap_find(&map, EURO, &place));
	assert_false(keymap_find(&map, 0, &place));
}

static void test_spare_keys_are_lent_in_turn(void **state)
{
	scoped(keymap_finish) struct keymap map;
	struct keymap_place place;
	make_map(&map);
	uint8_t first = keymap_lend(&map, EURO), second = keymap_lend(&map, 'x');
	assert_true(first == FIRST + 3 && second == FIRST + 4);
	assert_true(keymap_find(&map, EURO, &place));
	assert_true(place.key == first && !place.shift && !place.no_shift);
	assert_int_equal(keymap_lend(&map, 'y'), first);
	assert_false(keymap_find(&map, EURO, &place));
}

static void test_lent_keys_stay_spare_when_the_map_is_read_again(void **state)
{
	scoped(keymap_finish) struct keymap before, after;
	uint32_t read[array_len(layout)][COLUMNS];
	make_map(&before);
	keymap_lend(&before, EURO);
	keymap_lend(&before, 'x');
	memcpy(read, layout, sizeof(layout));
	read[3][0] = read[3][1] = EURO;
	read[4][0] = 'z'; /* somebody else has taken it */
	int last = FIRST + (int)array_len(layout) - 1;
	assert_int_equal(keymap_init(&after, FIRST, last, COLUMNS, read[0]), 0);
	keymap_inherit(&after, &before);
	assert_int_equal(keymap_lend(&after, 'q'), FIRST + 3);
	assert_int_equal(keymap_lend(&after, 'r'), FIRST + 3);
}

static void test_a_full_layout_lends_nothing(void **state)
{
	scoped(keymap_finish) struct keymap map;
	assert_int_equal(keymap_init(&map, FIRST, FIRST + 2, COLUMNS, layout[0]), 0);
	assert_int_equal(keymap_lend(&map, EURO), 0);
	struct keymap none;
	assert_int_equal(keymap_init(&none, 0, 300, COLUMNS, layout[0]), -1);
}

static void test_kinds_of_keysyms(void **state)
{
	assert_int_equal(keymap_plain(0x010000e9), 0xe9);
	assert_int_equal(keymap_plain(0x010020ac), 0x010020ac);
	assert_true(keymap_is_modifier(0xffe1) && !keymap_is_modifier(0xffe5));
	assert_true(keymap_is_lock(0xffe5) && keymap_is_lock(0xff7f));
	assert_true(keymap_is_character('a') && !keymap_is_character(0xff09));
}

/* ---- tiles ---- */

#define PICTURE_WIDTH (3 * TILE + 10)
#define PICTURE_HEIGHT (2 * TILE + 5)
#define PART_X 7 /* of a picture that is wider */
#define STRIDE_PIXELS (PICTURE_WIDTH + 20)

struct pictures {
	uint32_t seen[PICTURE_HEIGHT][STRIDE_PIXELS];
	uint32_t newer[PICTURE_HEIGHT][PICTURE_WIDTH];
	bool told[PICTURE_HEIGHT][STRIDE_PIXELS];
	int rectangles;
};

static void note_told(void *data, int x, int y, int width, int height)
{
	struct pictures *pictures = data;
	pictures->rectangles++;
	for (int row = y; row < y + height; row++)
		for (int column = x; column < x + width; column++)
			pictures->told[row][column] = true;
}

static size_t merge(struct pictures *pictures)
{
	const struct tiles_told told = {note_told, pictures};
	const struct tiles_part part = {(uint8_t *)&pictures->seen[0][PART_X], STRIDE_PIXELS * 4,
		PART_X, 0, PICTURE_WIDTH, PICTURE_HEIGHT};
	memset(pictures->told, 0, sizeof(pictures->told));
	pictures->rectangles = 0;
	return tiles_merge(&part, (const uint8_t *)pictures->newer, PICTURE_WIDTH * 4, &told);
}

static void test_tiles_that_are_the_same_are_not_told(void **state)
{
	static struct pictures pictures;
	assert_int_equal(merge(&pictures), 0);
	assert_int_equal(pictures.rectangles, 0);
}

static void test_tiles_of_one_row_are_told_as_one(void **state)
{
	static struct pictures pictures;
	pictures.newer[0][0] = pictures.newer[TILE - 1][TILE] = 1;
	assert_int_equal(merge(&pictures), 2 * TILE * TILE);
	assert_int_equal(pictures.rectangles, 1);
	assert_true(pictures.told[TILE - 1][PART_X + 2 * TILE - 1]);
	assert_false(pictures.told[0][PART_X + 2 * TILE] || pictures.told[TILE][PART_X]);
}

static void test_every_change_arrives_and_is_told(void **state)
{
	static struct pictures pictures, before;
	srand(1);
	for (int round = 0; round < 200; round++) {
		before = pictures;
		for (int i = rand() % 8; i >= 0; i--)
			pictures.newer[rand() % PICTURE_HEIGHT][rand() % PICTURE_WIDTH] ^= 1;
		merge(&pictures);
		for (int y = 0; y < PICTURE_HEIGHT; y++)
			for (int x = 0; x < PICTURE_WIDTH; x++) {
				const uint32_t seen = pictures.seen[y][PART_X + x];
				assert_int_equal(seen, pictures.newer[y][x]);
				assert_true(seen == before.seen[y][PART_X + x] ||
					pictures.told[y][PART_X + x]);
			}
	}
}

/* ---- scroll ---- */

#define ROWS 200
#define ROW_PIXELS 160

struct sheet {
	uint32_t pixels[ROWS][ROW_PIXELS];
};

static void fill(struct sheet *sheet, uint32_t seed)
{
	for (int y = 0; y < ROWS; y++)
		for (int x = 0; x < ROW_PIXELS; x++) {
			seed = seed * 1664525 + 1013904223;
			sheet->pixels[y][x] = y % 3 ? seed >> 16 : 0; /* every third row is blank */
		}
}

static struct scroll find(struct sheet *older, const struct sheet *newer)
{
	const struct tiles_part part = {
		(uint8_t *)older->pixels, ROW_PIXELS * 4, 0, 0, ROW_PIXELS, ROWS};
	return scroll_find(&part, (const uint8_t *)newer->pixels, ROW_PIXELS * 4);
}

static void test_scrolled_rows_are_found(void **state)
{
	static struct sheet older, newer;
	fill(&older, 1);
	fill(&newer, 2);
	memcpy(newer.pixels[10], older.pixels[23], sizeof(older.pixels[0]) * 150);
	struct scroll up = find(&older, &newer), down = find(&newer, &older);
	assert_int_equal(up.by, -13);
	assert_true(up.y <= 10 && up.y + up.height >= 160 && up.height <= 154);
	assert_int_equal(down.by, 13);
	assert_true(down.y <= 23 && down.y + down.height >= 173 && down.height <= 154);
}

static void test_nothing_scrolls_in_other_pictures(void **state)
{
	static struct sheet older, newer;
	fill(&older, 1);
	assert_int_equal(find(&older, &older).height, 0);
	fill(&newer, 2);
	assert_int_equal(find(&older, &newer).height, 0);
	memset(&older, 0, sizeof(older));
	assert_int_equal(find(&older, &newer).height, 0);
	assert_int_equal(find(&newer, &older).height, 0);
	assert_int_equal(find(&older, &older).height, 0);
}

static void test_shared_memory_keeps_its_size(void **state)
{
	scoped(memory_finish) struct memory memory;
	assert_int_equal(memory_init(&memory, 4096, NULL), 0);
	assert_int_equal(memory.bytes[4095], 0);
	assert_int_equal(ftruncate(memory.fd, 0), -1);
	assert_int_equal(ftruncate(memory.fd, 8192), -1);
}

/* ---- input ---- */

static void put_key(struct input *input, bool down)
{
	input_put(input, &(struct input_event){.kind = INPUT_KEY, .down = down, .keysym = 'a'});
}

static unsigned count_down(struct input *input, unsigned *all)
{
	struct input_event event;
	unsigned down = 0;
	for (*all = 0; input_take(input, &event); ++*all)
		down += event.kind == INPUT_KEY && event.down;
	return down;
}

static void test_a_full_queue_keeps_releases(void **state)
{
	static struct input input;
	unsigned all;
	assert_int_equal(input_init(&input, NULL), 0);
	for (int i = 0; i < 2 * INPUT_MAX; i++)
		put_key(&input, true);
	for (int i = 0; i < INPUT_RESERVED; i++)
		put_key(&input, false);
	assert_int_equal(count_down(&input, &all), INPUT_MAX - INPUT_RESERVED);
	assert_int_equal(all, INPUT_MAX);
	input_finish(&input);
}

static void put_pointer(struct input *input, unsigned buttons, int x)
{
	input_put(input, &(struct input_event){.kind = INPUT_POINTER, .buttons = buttons, .x = x});
}

static void move_pointer(struct input *input, int x, int y)
{
	input_put(input,
		&(struct input_event){.kind = INPUT_POINTER, .relative = true, .x = x, .y = y});
}

static void test_relative_movements_add_up(void **state)
{
	static struct input input;
	struct input_event event;
	assert_int_equal(input_init(&input, NULL), 0);
	put_pointer(&input, 0, 9);
	move_pointer(&input, 3, -4);
	move_pointer(&input, 5, 1);
	assert_true(input_take(&input, &event));
	assert_false(event.relative);
	assert_true(input_take(&input, &event));
	assert_int_equal(event.x, 8);
	assert_int_equal(event.y, -3);
	assert_false(input_take(&input, &event));
	input_finish(&input);
}

static void test_movements_become_one_and_clicks_do_not(void **state)
{
	static struct input input;
	static const int wanted[] = {2, 3, 4};
	struct input_event event;
	assert_int_equal(input_init(&input, NULL), 0);
	put_pointer(&input, 0, 1);
	put_pointer(&input, 0, 2);
	put_pointer(&input, 1, 3);
	put_pointer(&input, 0, 4);
	for (size_t i = 0; i < array_len(wanted); i++) {
		assert_true(input_take(&input, &event));
		assert_int_equal(event.x, wanted[i]);
	}
	assert_false(input_take(&input, &event));
	input_finish(&input);
}

/* ---- banner ---- */

static void check_banner(int width, int height)
{
	size_t size = (size_t)width * (size_t)height * 4;
	scoped_free uint8_t *pixels = malloc(size), *before = malloc(size);
	const struct banner_picture picture = {pixels, (size_t)width * 4, width, height};
	struct banner banner = {0};
	for (size_t i = 0; i < size; i++)
		pixels[i] = before[i] = (uint8_t)(i * 7);
	banner_show(&banner, &picture, "checkpointing");
	assert_true(banner.x >= 0 && banner.x + banner.width <= width);
	assert_true(banner.y >= 0 && banner.y + banner.height <= height);
	assert_memory_not_equal(pixels, before, size);
	banner_hide(&banner, &picture);
	assert_memory_equal(pixels, before, size);
	banner_hide(&banner, &picture);
}

static void test_a_banner_leaves_nothing_behind(void **state)
{
	check_banner(640, 480);
	check_banner(40, 20);
	check_banner(9, 5);
}

/* ---- http ---- */

static void test_requests_are_understood(void **state)
{
	struct http_request request;
	assert_true(http_parse("GET /vnc.html?a=1 HTTP/1.1\r\nHost: x\r\n\r\n", &request));
	assert_string_equal(request.method, "GET");
	assert_string_equal(request.path, "/vnc.html");
	assert_false(request.websocket);
	assert_true(http_parse("GET /k HTTP/1.1\r\nupgrade:  WebSocket\r\n\r\n", &request));
	assert_true(request.websocket);
	assert_true(http_parse("GET /k HTTP/1.1\r\nX: y\r\nA: websocket\r\n\r\n", &request));
	assert_false(request.websocket);
}

static void test_nonsense_is_no_request(void **state)
{
	static const char *const nonsense[] = {"", "GET", "GET http://x/ HTTP/1.1\r\n\r\n",
		"get / HTTP/1.1\r\n\r\n", "RFB 003.008\n", " / \r\n\r\n"};
	struct http_request request;
	for (size_t i = 0; i < array_len(nonsense); i++)
		assert_false(http_parse(nonsense[i], &request));
}

/* For `make check-asan`: fontconfig keeps what it has read to the end of the process. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_found_with_their_shift),
		cmocka_unit_test(test_spare_keys_are_lent_in_turn),
		cmocka_unit_test(test_lent_keys_stay_spare_when_the_map_is_read_again),
		cmocka_unit_test(test_a_full_layout_lends_nothing),
		cmocka_unit_test(test_kinds_of_keysyms),
		cmocka_unit_test(test_tiles_that_are_the_same_are_not_told),
		cmocka_unit_test(test_tiles_of_one_row_are_told_as_one),
		cmocka_unit_test(test_every_change_arrives_and_is_told),
		cmocka_unit_test(test_scrolled_rows_are_found),
		cmocka_unit_test(test_nothing_scrolls_in_other_pictures),
		cmocka_unit_test(test_shared_memory_keeps_its_size),
		cmocka_unit_test(test_a_full_queue_keeps_releases),
		cmocka_unit_test(test_movements_become_one_and_clicks_do_not),
		cmocka_unit_test(test_relative_movements_add_up),
		cmocka_unit_test(test_a_banner_leaves_nothing_behind),
		cmocka_unit_test(test_requests_are_understood),
		cmocka_unit_test(test_nonsense_is_no_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
