/*
 * moving-x WIDTH HEIGHT RATE PART: pictures that follow from their numbers alone, RATE a second, in
 * a window at the upper left corner. PART "whole": every pixel changes with every picture; "part":
 * a square of a quarter of the height wanders over a ground that stays.
 *
 * The pixels go to the X server by MIT-SHM, out of a pattern that is made once, so that the program
 * itself costs next to nothing.
 */
#define _GNU_SOURCE
#include "tests/bench/moving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#define STEP 5 /* rows and columns from one picture to the next */

struct show {
	xcb_connection_t *connection;
	xcb_window_t window;
	xcb_gcontext_t pen;
	xcb_shm_seg_t pattern;
	uint16_t width, height; /* of the window; the pattern is twice as high */
};

static void make_pattern(uint32_t *pixels, int width, int height)
{
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint32_t wave = (uint32_t)(x * x / 97 + y * y / 61 + x * y / 131);
			uint32_t grain = (uint32_t)(x * 7 ^ y * 13) >> 3;
			*pixels++ = (wave & 0xff) << 16 | (grain & 0xff) << 8 |
				((uint32_t)(x + 3 * y) & 0xff);
		}
}

static int share_pattern(struct show *show)
{
	const int rows = show->height * 2;
	const size_t size = (size_t)show->width * (size_t)rows * 4;
	int fd = memfd_create("moving", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -1;
	void *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pixels == MAP_FAILED)
		return -1;
	make_pattern(pixels, show->width, rows);
	show->pattern = xcb_generate_id(show->connection);
	xcb_shm_attach_fd(show->connection, show->pattern, fd, 0);
	return 0;
}

static void open_window(struct show *show)
{
	const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(show->connection)).data;
	const uint32_t unmanaged = 1;
	show->window = xcb_generate_id(show->connection);
	show->pen = xcb_generate_id(show->connection);
	xcb_create_window(show->connection, XCB_COPY_FROM_PARENT, show->window, screen->root, 0, 0,
		show->width, show->height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual,
		XCB_CW_OVERRIDE_REDIRECT, &unmanaged);
	xcb_create_gc(show->connection, show->pen, show->window, 0, NULL);
	xcb_map_window(show->connection, show->window);
}

static void put(const struct show *show, int source, int x, int y, int width, int height)
{
	xcb_shm_put_image(show->connection, show->window, show->pen, show->width,
		(uint16_t)(show->height * 2), (uint16_t)x, (uint16_t)source, (uint16_t)width,
		(uint16_t)height, (int16_t)x, (int16_t)y, 24, XCB_IMAGE_FORMAT_Z_PIXMAP, 0,
		show->pattern, 0);
}

static void put_whole(const struct show *show, uint32_t number)
{
	int source = (int)(number * STEP % show->height);
	put(show, source, 0, 0, show->width, show->height);
}

static void put_part(const struct show *show, uint32_t number)
{
	const int side = show->height / 4;
	static int x, y;
	put(show, y, x, y, side, side); /* what was covered */
	x = (int)(number * STEP % (uint32_t)(show->width - side));
	y = MOVING_SQUARE + (int)(number * STEP % (uint32_t)(show->height - side - MOVING_SQUARE));
	put(show, show->height - side, x, y, side, side);
}

static void put_number(const struct show *show, uint32_t number)
{
	for (int bit = 0; bit < MOVING_BITS; bit++) {
		const uint32_t colour = moving_bit(number, bit) ? 0xffffff : 0;
		const xcb_rectangle_t square = {
			(int16_t)(bit * MOVING_SQUARE), 0, MOVING_SQUARE, MOVING_SQUARE};
		xcb_change_gc(show->connection, show->pen, XCB_GC_FOREGROUND, &colour);
		xcb_poly_fill_rectangle(show->connection, show->window, show->pen, 1, &square);
	}
}

/* Not faster than the server: a picture is drawn when the last one has been. */
static int play(const struct show *show, long rate, bool whole)
{
	struct timespec due;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint32_t number = 1; !xcb_connection_has_error(show->connection); number++) {
		(whole ? put_whole : put_part)(show, number);
		put_number(show, number);
		free(xcb_get_input_focus_reply(
			show->connection, xcb_get_input_focus(show->connection), NULL));
		moving_wait(&due, rate);
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	struct show show = {.connection = xcb_connect(NULL, NULL),
		.width = (uint16_t)atoi(argv[1]),
		.height = (uint16_t)atoi(argv[2])};
	if (xcb_connection_has_error(show.connection) || share_pattern(&show) < 0)
		return 1;
	open_window(&show);
	put(&show, 0, 0, 0, show.width, show.height);
	return play(&show, atol(argv[3]), !strcmp(argv[4], "whole"));
}
