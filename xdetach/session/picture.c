#define _GNU_SOURCE
#include "xdetach/session/picture.h"

#include <setjmp.h>
#include <string.h>

/* ---- the file ---- */

void picture_finish(struct picture *picture)
{
	if (picture->png)
		png_destroy_write_struct(&picture->png, &picture->info);
	if (picture->file)
		fclose(picture->file);
	free(picture->sums);
	free(picture->counts);
	free(picture->line);
	*picture = (struct picture){0};
}

static FILE *open_file(const char *path)
{
	return strcmp(path, "-") ? fopen(path, "we") : fdopen(dup(STDOUT_FILENO), "w");
}

static int open_png(struct picture *picture, const char *path, struct err *err)
{
	picture->file = open_file(path);
	if (!picture->file)
		return err_errno(err, "%s", path);
	picture->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	picture->info = picture->png ? png_create_info_struct(picture->png) : NULL;
	return picture->info ? 0 : err_set(err, "out of memory");
}

static int write_head(struct picture *picture, uint32_t width, uint32_t height)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	png_init_io(picture->png, picture->file);
	png_set_IHDR(picture->png, picture->info, width, height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(picture->png, 1);
	png_write_info(picture->png, picture->info);
	png_set_bgr(picture->png);
	png_set_filler(picture->png, 0, PNG_FILLER_AFTER);
	return 0;
}

static int write_row(struct picture *picture, const uint8_t *row)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	png_write_row(picture->png, row);
	return 0;
}

/* ---- smaller: each pixel that comes out is the mean of those that lie in it ---- */

static uint32_t column_of(const struct picture *picture, uint32_t x)
{
	return (uint32_t)((uint64_t)x * picture->x_parts / picture->width);
}

static uint32_t row_of(const struct picture *picture, uint32_t y)
{
	return (uint32_t)((uint64_t)y * picture->y_parts / picture->height);
}

static int begin_smaller(struct picture *picture, uint32_t width_out, struct err *err)
{
	uint64_t height_out = (uint64_t)picture->height * width_out / picture->width;
	picture->x_parts = width_out;
	picture->y_parts = height_out ? (uint32_t)height_out : 1;
	picture->sums = calloc(width_out, 3 * sizeof(uint32_t));
	picture->counts = calloc(width_out, sizeof(uint32_t));
	picture->line = calloc(width_out, 4);
	if (!picture->sums || !picture->counts || !picture->line)
		return err_set(err, "out of memory");
	for (uint32_t x = 0; x < picture->width; x++)
		picture->counts[column_of(picture, x)]++;
	return 0;
}

static void add_row(struct picture *picture, const uint8_t *row)
{
	for (uint32_t x = 0; x < picture->width; x++) {
		uint32_t *sum = picture->sums + 3 * (size_t)column_of(picture, x);
		for (int colour = 0; colour < 3; colour++)
			sum[colour] += row[4 * (size_t)x + (size_t)colour];
	}
	picture->rows++;
}

static int write_means(struct picture *picture)
{
	for (size_t x = 0; x < picture->x_parts; x++)
		for (size_t colour = 0; colour < 3; colour++)
			picture->line[4 * x + colour] = (uint8_t)(picture->sums[3 * x + colour] /
				(picture->counts[x] * picture->rows));
	memset(picture->sums, 0, picture->x_parts * 3 * sizeof(uint32_t));
	picture->rows = 0;
	return write_row(picture, picture->line);
}

static int shrink_row(struct picture *picture, const uint8_t *row)
{
	uint32_t y = picture->y++;
	add_row(picture, row);
	bool last =
		picture->y == picture->height || row_of(picture, picture->y) != row_of(picture, y);
	return last ? write_means(picture) : 0;
}

/* ---- the picture ---- */

int picture_begin(struct picture *picture, const char *path, uint32_t width, uint32_t height,
	uint32_t width_out, struct err *err)
{
	*picture = (struct picture){.width = width, .height = height};
	bool smaller = width_out && width_out < width;
	if (open_png(picture, path, err) < 0)
		return -1;
	if (smaller && begin_smaller(picture, width_out, err) < 0)
		return -1;
	if (write_head(picture, smaller ? picture->x_parts : width,
		    smaller ? picture->y_parts : height) < 0)
		return err_errno(err, "writing the picture");
	return 0;
}

int picture_rows(struct picture *picture, const uint8_t *pixels, uint32_t rows, size_t stride,
	struct err *err)
{
	for (uint32_t y = 0; y < rows; y++) {
		const uint8_t *row = pixels + y * stride;
		int result = picture->x_parts ? shrink_row(picture, row) : write_row(picture, row);
		if (result < 0)
			return err_errno(err, "writing the picture");
	}
	return 0;
}

static int write_end(struct picture *picture)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	png_write_end(picture->png, NULL);
	return fflush(picture->file);
}

int picture_end(struct picture *picture, struct err *err)
{
	return write_end(picture) == 0 ? 0 : err_errno(err, "writing the picture");
}

/* ---- from a file ---- */

struct source {
	FILE *file;
	png_structp png;
	png_infop info;
	uint32_t width, height;
	uint8_t *row;
};

static void source_finish(struct source *source)
{
	if (source->png)
		png_destroy_read_struct(&source->png, &source->info, NULL);
	if (source->file)
		fclose(source->file);
	free(source->row);
}

static int source_open(struct source *source, const char *path, struct err *err)
{
	source->file = fopen(path, "re");
	if (!source->file)
		return err_errno(err, "%s", path);
	source->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	source->info = source->png ? png_create_info_struct(source->png) : NULL;
	return source->info ? 0 : err_set(err, "out of memory");
}

/* As picture_rows() wants them, whatever the file holds. */
static int source_head(struct source *source)
{
	if (setjmp(png_jmpbuf(source->png)))
		return -1;
	png_set_user_limits(source->png, PICTURE_WIDTH_MAX, PICTURE_WIDTH_MAX);
	png_init_io(source->png, source->file);
	png_read_info(source->png, source->info);
	if (png_get_interlace_type(source->png, source->info) != PNG_INTERLACE_NONE)
		return -1;
	png_set_expand(source->png);
	png_set_strip_16(source->png);
	png_set_gray_to_rgb(source->png);
	png_set_strip_alpha(source->png);
	png_set_bgr(source->png);
	png_set_filler(source->png, 0, PNG_FILLER_AFTER);
	png_read_update_info(source->png, source->info);
	source->width = png_get_image_width(source->png, source->info);
	source->height = png_get_image_height(source->png, source->info);
	return png_get_rowbytes(source->png, source->info) == 4 * (size_t)source->width ? 0 : -1;
}

static int source_row(struct source *source)
{
	if (setjmp(png_jmpbuf(source->png)))
		return -1;
	png_read_row(source->png, source->row, NULL);
	return 0;
}

static int copy_rows(struct source *source, struct picture *picture, struct err *err)
{
	source->row = malloc(4 * (size_t)source->width);
	if (!source->row)
		return err_set(err, "out of memory");
	for (uint32_t y = 0; y < source->height; y++) {
		if (source_row(source) < 0)
			return err_set(err, "the picture is cut");
		if (picture_rows(picture, source->row, 1, 0, err) < 0)
			return -1;
	}
	return picture_end(picture, err);
}

int picture_copy(const char *from, const char *to, uint32_t width_out, struct err *err)
{
	scoped(source_finish) struct source source = {0};
	scoped(picture_finish) struct picture picture = {0};
	if (source_open(&source, from, err) < 0)
		return -1;
	if (source_head(&source) < 0)
		return err_set(err, "%s is no picture of glckpt's", from);
	if (picture_begin(&picture, to, source.width, source.height, width_out, err) < 0)
		return -1;
	return copy_rows(&source, &picture, err);
}
