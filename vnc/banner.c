#include "vnc/banner.h"

#include "base/scope.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FONT_SIZE 14
#define PADDING_X 14
#define PADDING_Y 7
#define MARGIN 10

/* ---- what lies beneath ---- */

static void copy_beneath(
	const struct banner *banner, const struct banner_picture *picture, int back)
{
	size_t row = (size_t)banner->width * 4;
	for (int y = 0; y < banner->height; y++) {
		uint8_t *there = picture->pixels + (size_t)(banner->y + y) * picture->stride +
			(size_t)banner->x * 4;
		uint8_t *kept = banner->saved + (size_t)y * row;
		memcpy(back ? there : kept, back ? kept : there, row);
	}
}

/* ---- drawing ---- */

static void choose_font(cairo_t *cairo)
{
	cairo_select_font_face(
		cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
	cairo_set_font_size(cairo, FONT_SIZE);
}

static void place(struct banner *banner, cairo_t *cairo, const struct banner_picture *picture,
	const char *text)
{
	cairo_text_extents_t extents;
	cairo_text_extents(cairo, text, &extents);
	banner->width = (int)ceil(extents.x_advance) + 2 * PADDING_X;
	banner->height = FONT_SIZE + 2 * PADDING_Y;
	if (banner->width > picture->width)
		banner->width = picture->width;
	if (banner->height > picture->height)
		banner->height = picture->height;
	banner->x = (picture->width - banner->width) / 2;
	banner->y = picture->height >= banner->height + MARGIN ? MARGIN : 0;
}

static void draw(const struct banner *banner, cairo_t *cairo, const char *text)
{
	double radius = banner->height / 2.0, y = banner->y + radius;
	cairo_arc(cairo, banner->x + radius, y, radius, M_PI / 2, -M_PI / 2);
	cairo_arc(cairo, banner->x + banner->width - radius, y, radius, -M_PI / 2, M_PI / 2);
	cairo_close_path(cairo);
	cairo_set_source_rgba(cairo, 0.10, 0.12, 0.16, 0.88);
	cairo_fill_preserve(cairo);
	cairo_clip(cairo);
	cairo_set_source_rgb(cairo, 1, 1, 1);
	cairo_move_to(cairo, banner->x + PADDING_X, banner->y + PADDING_Y + FONT_SIZE - 2);
	cairo_show_text(cairo, text);
}

void banner_show(struct banner *banner, const struct banner_picture *picture, const char *text)
{
	cairo_surface_t *surface = cairo_image_surface_create_for_data(picture->pixels,
		CAIRO_FORMAT_RGB24, picture->width, picture->height, (int)picture->stride);
	cairo_t *cairo = cairo_create(surface);
	choose_font(cairo);
	place(banner, cairo, picture, text);
	banner->saved = malloc((size_t)banner->width * (size_t)banner->height * 4);
	if (banner->saved) {
		copy_beneath(banner, picture, 0);
		draw(banner, cairo, text);
	}
	cairo_destroy(cairo);
	cairo_surface_destroy(surface);
}

void banner_hide(struct banner *banner, const struct banner_picture *picture)
{
	if (!banner->saved)
		return;
	copy_beneath(banner, picture, 1);
	free(steal_ptr(&banner->saved));
}
