#include "wire/pixel.h"

#include "wire/size.h"

#include <string.h>

static size_t components(GLenum format)
{
	switch (format) {
	case GL_RGBA:
	case GL_BGRA:
	case GL_ABGR_EXT:
	case GL_RGBA_INTEGER:
	case GL_BGRA_INTEGER:
		return 4;
	case GL_RGB:
	case GL_BGR:
	case GL_RGB_INTEGER:
	case GL_BGR_INTEGER:
		return 3;
	case GL_RG:
	case GL_RG_INTEGER:
	case GL_LUMINANCE_ALPHA:
	case GL_LUMINANCE_ALPHA_INTEGER_EXT:
	case GL_DEPTH_STENCIL:
	case GL_DUDV_ATI:
	case GL_YCBCR_MESA:
		return 2;
	default:
		return 1;
	}
}

size_t wire_pixel_bytes(GLenum format, GLenum type)
{
	switch (type) {
	case GL_BITMAP:
	case GL_UNSIGNED_BYTE_3_3_2:
	case GL_UNSIGNED_BYTE_2_3_3_REV:
		return 1;
	case GL_BYTE:
	case GL_UNSIGNED_BYTE:
		return components(format);
	case GL_UNSIGNED_SHORT_5_6_5:
	case GL_UNSIGNED_SHORT_5_6_5_REV:
	case GL_UNSIGNED_SHORT_4_4_4_4:
	case GL_UNSIGNED_SHORT_4_4_4_4_REV:
	case GL_UNSIGNED_SHORT_5_5_5_1:
	case GL_UNSIGNED_SHORT_1_5_5_5_REV:
	case GL_UNSIGNED_SHORT_8_8_MESA:
	case GL_UNSIGNED_SHORT_8_8_REV_MESA:
		return 2;
	case GL_SHORT:
	case GL_UNSIGNED_SHORT:
	case GL_HALF_FLOAT:
	case 0x8D61: /* GL_HALF_FLOAT_OES */
		return 2 * components(format);
	case GL_INT:
	case GL_UNSIGNED_INT:
	case GL_FLOAT:
	case GL_FIXED:
		return 4 * components(format);
	case GL_DOUBLE:
		return 8 * components(format);
	case GL_UNSIGNED_INT_8_8_8_8:
	case GL_UNSIGNED_INT_8_8_8_8_REV:
	case GL_UNSIGNED_INT_10_10_10_2:
	case GL_UNSIGNED_INT_2_10_10_10_REV:
	case GL_UNSIGNED_INT_24_8:
	case GL_UNSIGNED_INT_10F_11F_11F_REV:
	case GL_UNSIGNED_INT_5_9_9_9_REV:
		return 4;
	case GL_FLOAT_32_UNSIGNED_INT_24_8_REV:
		return 8;
	default:
		return 0;
	}
}

static size_t natural(GLint value)
{
	return value > 0 ? (size_t)value : 0;
}

static size_t times(size_t a, size_t b)
{
	return b && a > WIRE_SIZE_MAX / b ? WIRE_SIZE_MAX : a * b;
}

static size_t plus(size_t a, size_t b)
{
	return a + b > WIRE_SIZE_MAX ? WIRE_SIZE_MAX : a + b;
}

static size_t row_bytes(size_t pixels, size_t pixel, GLenum type)
{
	return type == GL_BITMAP ? (pixels + 7) / 8 : times(pixels, pixel);
}

struct wire_layout wire_layout(const struct wire_pixels *store, int dimensions, GLsizei width,
	GLsizei height, GLsizei depth, GLenum format, GLenum type)
{
	const size_t pixel = wire_pixel_bytes(format, type);
	const size_t align = natural(store->alignment);
	if (width <= 0 || height <= 0 || depth <= 0 || !pixel || !align)
		return (struct wire_layout){0};
	const size_t across = store->row_length > 0 ? natural(store->row_length) : natural(width);
	const size_t down = dimensions > 2 && store->image_height > 0 ? natural(store->image_height)
								      : natural(height);
	struct wire_layout layout = {
		.stride = plus(row_bytes(across, pixel, type), align - 1) / align * align,
		.rows = natural(height),
		.images = natural(depth),
	};
	layout.slice = times(layout.stride, down);
	/* A bitmap's rows may begin within a byte. */
	const size_t skipped = natural(store->skip_pixels);
	const size_t begin = type == GL_BITMAP ? skipped / 8 : times(skipped, pixel);
	layout.row = row_bytes(plus(skipped, natural(width)), pixel, type) - begin;
	layout.first = begin;
	if (dimensions > 1)
		layout.first = plus(layout.first, times(natural(store->skip_rows), layout.stride));
	if (dimensions > 2)
		layout.first = plus(layout.first, times(natural(store->skip_images), layout.slice));
	layout.size = plus(layout.first, times(layout.slice, layout.images - 1));
	layout.size = plus(layout.size, times(layout.stride, layout.rows - 1));
	layout.size = plus(layout.size, layout.row);
	return layout;
}

void wire_layout_copy(const struct wire_layout *layout, void *to, const void *from)
{
	const bool packed = layout->row == layout->stride &&
		(layout->images == 1 || layout->slice == layout->stride * layout->rows);
	if (packed && layout->size) {
		memcpy((char *)to + layout->first, (const char *)from + layout->first,
			layout->size - layout->first);
		return;
	}
	for (size_t image = 0; image < layout->images; image++)
		for (size_t row = 0; row < layout->rows; row++) {
			size_t at = layout->first + image * layout->slice + row * layout->stride;
			memcpy((char *)to + at, (const char *)from + at, layout->row);
		}
}
