/*
 * GLX: pixmaps as textures (GLX_EXT_texture_from_pixmap). The texture is a copy of the pixmap as it
 * is when it is bound, which the extension leaves to us; rows come as X has them, top row first
 * (GLX_Y_INVERTED_EXT).
 */
#include "glshim/glx.h"

#include "entries.h"
#include "glshim/glx_geometry.h"

#include <GL/glxext.h>
#include <X11/Xutil.h>

static XImage *picture_of(Display *display, Drawable pixmap)
{
	struct glx_geometry size;
	if (!glx_geometry(display, pixmap, &size))
		return NULL;
	return XGetImage(display, pixmap, 0, 0, size.width, size.height, AllPlanes, ZPixmap);
}

/* What the program has set for its own images must not be for this one. */
struct store {
	struct wire_pixels pixels;
	GLuint buffer;
};

static void set_store(const struct wire_pixels *pixels)
{
	shim_glPixelStorei(GL_UNPACK_ALIGNMENT, pixels->alignment);
	shim_glPixelStorei(GL_UNPACK_ROW_LENGTH, pixels->row_length);
	shim_glPixelStorei(GL_UNPACK_SKIP_ROWS, pixels->skip_rows);
	shim_glPixelStorei(GL_UNPACK_SKIP_PIXELS, pixels->skip_pixels);
}

static struct store begin_store(int row_pixels)
{
	const struct wire_state *st = &shim_current->state;
	const struct store before = {st->unpack, st->buffer[WIRE_PIXEL_UNPACK_BUFFER]};
	if (before.buffer)
		shim_glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
	set_store(&(struct wire_pixels){.alignment = 4, .row_length = row_pixels});
	return before;
}

static void end_store(const struct store *before)
{
	set_store(&before->pixels);
	if (before->buffer)
		shim_glBindBuffer(GL_PIXEL_UNPACK_BUFFER, before->buffer);
}

static GLenum target_of(const struct glx_drawable *drawable)
{
	switch (drawable->texture_target) {
	case GLX_TEXTURE_1D_EXT:
		return GL_TEXTURE_1D;
	case GLX_TEXTURE_RECTANGLE_EXT:
		return GL_TEXTURE_RECTANGLE;
	default:
		return GL_TEXTURE_2D;
	}
}

static void upload(const struct glx_drawable *drawable, const XImage *image)
{
	const GLenum target = target_of(drawable);
	const GLint format =
		drawable->texture_format == GLX_TEXTURE_FORMAT_RGBA_EXT ? GL_RGBA8 : GL_RGB8;
	const struct store before = begin_store(image->bytes_per_line / 4);
	if (target == GL_TEXTURE_1D)
		shim_glTexImage1D(
			target, 0, format, image->width, 0, GL_BGRA, GL_UNSIGNED_BYTE, image->data);
	else
		shim_glTexImage2D(target, 0, format, image->width, image->height, 0, GL_BGRA,
			GL_UNSIGNED_BYTE, image->data);
	end_store(&before);
}

static void BindTexImageEXT(Display *display, GLXDrawable id, int buffer, const int *attributes)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (!context_current() || !drawable || !drawable->x || !drawable->texture_format)
		return;
	XImage *image = picture_of(display, drawable->x);
	if (image && image->bits_per_pixel == 32)
		upload(drawable, image);
	if (image)
		XDestroyImage(image);
}

/* What the texture holds from here on is undefined: it stays. */
static void ReleaseTexImageEXT(Display *display, GLXDrawable id, int buffer)
{
}

const struct glx_function glx_texture_functions[] = {
	GLX_FUNCTION(BindTexImageEXT),
	GLX_FUNCTION(ReleaseTexImageEXT),
	{0},
};
