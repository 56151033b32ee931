/*
 * glXUseXFont (GLX 1.4, 3.3.11): glyphs of an X font as bitmaps in display lists.
 */
#include "glshim/glx.h"

#include "entries.h"

#include <stdlib.h>
#include <string.h>

/* Draws one glyph into a pixmap of depth 1 and brings it back as GL wants it: bottom row first. */
static void glyph(Display *display, Window root, const XFontStruct *font, int character,
	const XCharStruct *box)
{
	const int width = box->rbearing - box->lbearing, height = box->ascent + box->descent;
	const size_t row = (size_t)(width + 7) / 8;
	if (width <= 0 || height <= 0) {
		shim_glBitmap(0, 0, 0, 0, box->width, 0, NULL);
		return;
	}
	Pixmap pixmap = XCreatePixmap(display, root, (unsigned)width, (unsigned)height, 1);
	XGCValues values = {.font = font->fid, .foreground = 0};
	GC gc = XCreateGC(display, pixmap, GCFont | GCForeground, &values);
	XFillRectangle(display, pixmap, gc, 0, 0, (unsigned)width, (unsigned)height);
	XSetForeground(display, gc, 1);
	const XChar2b text = {(unsigned char)(character >> 8), (unsigned char)character};
	XDrawString16(display, pixmap, gc, -box->lbearing, box->ascent, &text, 1);
	XImage *image =
		XGetImage(display, pixmap, 0, 0, (unsigned)width, (unsigned)height, 1, XYPixmap);
	GLubyte *bits = calloc((size_t)height, row);
	for (int y = 0; image && bits && y < height; y++)
		for (int x = 0; x < width; x++)
			if (XGetPixel(image, x, y))
				bits[(size_t)(height - 1 - y) * row + (size_t)x / 8] |=
					(GLubyte)(128 >> (x % 8));
	shim_glBitmap(width, height, (GLfloat)-box->lbearing, box->descent, box->width, 0, bits);
	free(bits);
	if (image)
		XDestroyImage(image);
	XFreeGC(display, gc);
	XFreePixmap(display, pixmap);
}

static const XCharStruct *box_of(const XFontStruct *font, int character)
{
	const unsigned low = (unsigned)character & 0xff, high = (unsigned)character >> 8;
	if (!font->per_char)
		return &font->max_bounds;
	if (low < font->min_char_or_byte2 || low > font->max_char_or_byte2 ||
		high < font->min_byte1 || high > font->max_byte1)
		return NULL;
	const unsigned columns = font->max_char_or_byte2 - font->min_char_or_byte2 + 1;
	return &font->per_char[(high - font->min_byte1) * columns + low - font->min_char_or_byte2];
}

static void UseXFont(Font id, int first, int count, int list)
{
	const struct context *current = context_current();
	const struct glx_context *made = current ? current->tag : NULL;
	XFontStruct *font = made ? XQueryFont(made->display, id) : NULL;
	if (!font)
		return;
	font->fid = id;
	shim_glPushClientAttrib(GL_CLIENT_PIXEL_STORE_BIT);
	shim_glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
	shim_glPixelStorei(GL_UNPACK_SWAP_BYTES, 0);
	shim_glPixelStorei(GL_UNPACK_LSB_FIRST, 0);
	shim_glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
	shim_glPixelStorei(GL_UNPACK_SKIP_ROWS, 0);
	shim_glPixelStorei(GL_UNPACK_SKIP_PIXELS, 0);
	shim_glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	for (int i = 0; i < count; i++) {
		const XCharStruct *box = box_of(font, first + i);
		shim_glNewList((GLuint)(list + i), GL_COMPILE);
		if (box)
			glyph(made->display, RootWindow(made->display, made->screen), font,
				first + i, box);
		shim_glEndList();
	}
	shim_glPopClientAttrib();
	XFreeFontInfo(NULL, font, 1);
}

const struct glx_function glx_font_functions[] = {
	GLX_FUNCTION(UseXFont),
	{0},
};
