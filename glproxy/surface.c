#include "glproxy/surface.h"

#include "glproxy/context.h"
#include "glproxy/journal.h"
#include "glproxy/present.h"
#include "glproxy/told.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

EGLSurface surface_pbuffer(const struct surface *surface, EGLConfig config)
{
	const EGLint attributes[] = {EGL_WIDTH, (EGLint)(surface->width ? surface->width : 1),
		EGL_HEIGHT, (EGLint)(surface->height ? surface->height : 1), EGL_GL_COLORSPACE,
		surface->flags & SURFACE_SRGB ? EGL_GL_COLORSPACE_SRGB : EGL_GL_COLORSPACE_LINEAR,
		EGL_NONE};
	return eglCreatePbufferSurface(surface->proxy->display, config, attributes);
}

bool surface_open(struct surface *surface)
{
	surface->egl =
		surface_pbuffer(surface, told_driver_config(surface->proxy, surface->config));
	return surface->egl != EGL_NO_SURFACE;
}

void surface_let_go(struct surface *surface)
{
	present_destroy(surface->present);
	surface->present = NULL;
}

void surface_take_hold(struct surface *surface)
{
	unsigned width, height; /* taken over by surface_follow() */
	if (surface->kind != SURFACE_PBUFFER && !surface->present)
		surface->present =
			present_create(surface->display, surface->drawable, &width, &height);
}

struct surface *surface_create(struct proxy *proxy, enum surface_kind kind, EGLint config,
	unsigned flags, unsigned width, unsigned height, const char *display, unsigned drawable)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return NULL;
	surface->proxy = proxy;
	surface->kind = kind;
	surface->flags = flags;
	surface->config = config;
	surface->width = width;
	surface->height = height;
	surface->references = 1;
	surface->egl = EGL_NO_SURFACE;
	surface->other = EGL_NO_SURFACE;
	surface->drawable = drawable;
	snprintf(surface->display, sizeof(surface->display), "%s", display);
	const bool shown = kind != SURFACE_PBUFFER && !proxy->let_go;
	if (shown)
		surface->present =
			present_create(display, drawable, &surface->width, &surface->height);
	if (proxy->replaying && kind != SURFACE_PBUFFER && proxy->next_size[0]) {
		surface->width = proxy->next_size[0];
		surface->height = proxy->next_size[1];
	}
	if ((shown && !surface->present) || !surface_open(surface)) {
		surface_drop(surface);
		return NULL;
	}
	return surface;
}

struct surface *surface_hold(struct surface *surface)
{
	if (surface)
		surface->references++;
	return surface;
}

void surface_unite(struct surface *surface)
{
	if (surface->other != EGL_NO_SURFACE)
		eglDestroySurface(surface->proxy->display, surface->other);
	surface->other = EGL_NO_SURFACE;
	surface->turned = false;
	surface->both = false;
}

void surface_drop(struct surface *surface)
{
	if (!surface || --surface->references)
		return;
	present_destroy(surface->present);
	free(surface->accum);
	surface_unite(surface);
	if (surface->egl != EGL_NO_SURFACE)
		eglDestroySurface(surface->proxy->display, surface->egl);
	free(surface);
}

/* The window's size now; or then, where a journal is replayed. */
static bool size_of(struct surface *surface, bool ask, unsigned *width, unsigned *height)
{
	const bool then = surface->proxy->replaying && surface->replayed[0];
	if (then) {
		*width = surface->replayed[0];
		*height = surface->replayed[1];
	} else if (surface->present) {
		present_size(surface->present, ask, width, height);
	}
	return then || surface->present;
}

void surface_note_size(const struct surface *surface)
{
	const struct proxy *proxy = surface->proxy;
	if (proxy->journal && surface->kind != SURFACE_PBUFFER)
		journal_append_size(proxy->journal, surface->id, surface->width, surface->height);
}

bool surface_follow(struct surface *surface, bool ask)
{
	unsigned width, height;
	if (!surface || surface->kind != SURFACE_WINDOW || !size_of(surface, ask, &width, &height))
		return false;
	if (width == surface->width && height == surface->height)
		return false;
	const EGLSurface before = surface->egl;
	surface->width = width;
	surface->height = height;
	surface->egl =
		surface_pbuffer(surface, told_driver_config(surface->proxy, surface->config));
	if (surface->egl == EGL_NO_SURFACE) {
		surface->egl = before;
		return false;
	}
	/* Still current to the caller's context: EGL keeps it until the caller binds the new one.
	 */
	eglDestroySurface(surface->proxy->display, before);
	surface_unite(surface);
	surface_note_size(surface);
	return true;
}

/* ---- reading the picture without leaving a trace in the context ---- */

struct reading {
	GLint framebuffer;
	GLint buffer;
	GLint pack_buffer;
};

static const struct wire_pixels plain = {.alignment = 4};

static void store(const struct context *context, const struct wire_pixels *pack)
{
	const struct driver *gl = context->exec.driver;
	gl->PixelStorei(GL_PACK_ALIGNMENT, pack->alignment);
	if (context->api == EGL_OPENGL_ES_API && context->version < 30)
		return;
	gl->PixelStorei(GL_PACK_ROW_LENGTH, pack->row_length);
	gl->PixelStorei(GL_PACK_SKIP_ROWS, pack->skip_rows);
	gl->PixelStorei(GL_PACK_SKIP_PIXELS, pack->skip_pixels);
	if (context->api == EGL_OPENGL_ES_API)
		return;
	gl->PixelStorei(GL_PACK_SWAP_BYTES, pack->swap_bytes);
	gl->PixelStorei(GL_PACK_LSB_FIRST, pack->lsb_first);
}

/* Lets the driver put the top row first, where it can (GL_MESA_pack_invert, or
 * GL_ANGLE_pack_reverse_row_order): one pass over the picture less. */
static bool invert(struct context *context, bool on)
{
	const struct driver *gl = context->exec.driver;
	const GLenum name = context->api == EGL_OPENGL_ES_API ? 0x93A4 : GL_PACK_INVERT_MESA;
	if (context->cannot_invert)
		return false;
	gl->PixelStorei(name, on);
	context->cannot_invert = gl->GetError() != GL_NO_ERROR;
	return !context->cannot_invert;
}

static bool has_read_framebuffer(const struct context *context)
{
	return context->api != EGL_OPENGL_ES_API || context->version >= 30;
}

static void begin_reading(struct context *context, struct reading *saved)
{
	const struct driver *gl = context->exec.driver;
	memset(saved, 0, sizeof(*saved));
	exec_errors_take(&context->exec);
	if (has_read_framebuffer(context)) {
		gl->GetIntegerv(GL_READ_FRAMEBUFFER_BINDING, &saved->framebuffer);
		gl->GetIntegerv(GL_PIXEL_PACK_BUFFER_BINDING, &saved->pack_buffer);
		if (saved->framebuffer)
			gl->BindFramebuffer(GL_READ_FRAMEBUFFER, 0);
		if (saved->pack_buffer)
			gl->BindBuffer(GL_PIXEL_PACK_BUFFER, 0);
		gl->GetIntegerv(GL_READ_BUFFER, &saved->buffer);
		if (saved->buffer != GL_BACK)
			gl->ReadBuffer(GL_BACK);
	} else {
		gl->GetIntegerv(GL_FRAMEBUFFER_BINDING, &saved->framebuffer);
		if (saved->framebuffer)
			gl->BindFramebuffer(GL_FRAMEBUFFER, 0);
	}
	store(context, &plain);
}

static void end_reading(struct context *context, const struct reading *saved)
{
	const struct driver *gl = context->exec.driver;
	store(context, &context->exec.state.pack);
	if (has_read_framebuffer(context)) {
		if (saved->buffer != GL_BACK)
			gl->ReadBuffer((GLenum)saved->buffer);
		if (saved->pack_buffer)
			gl->BindBuffer(GL_PIXEL_PACK_BUFFER, (GLuint)saved->pack_buffer);
		if (saved->framebuffer)
			gl->BindFramebuffer(GL_READ_FRAMEBUFFER, (GLuint)saved->framebuffer);
	} else if (saved->framebuffer) {
		gl->BindFramebuffer(GL_FRAMEBUFFER, (GLuint)saved->framebuffer);
	}
	while (gl->GetError())
		;
}

/* GL has the bottom row first. */
static void turn_over(char *picture, size_t row, unsigned rows)
{
	char line[16384];
	for (unsigned i = 0; i < rows / 2; i++)
		for (size_t at = 0; at < row; at += sizeof(line)) {
			char *top = picture + i * row + at;
			char *bottom = picture + (rows - 1 - i) * row + at;
			const size_t piece = row - at < sizeof(line) ? row - at : sizeof(line);
			memcpy(line, top, piece);
			memcpy(top, bottom, piece);
			memcpy(bottom, line, piece);
		}
}

typedef uint32_t pixels8 __attribute__((vector_size(32)));

static void swap_red_blue(char *picture, size_t bytes)
{
	size_t at = 0;
	for (; at + sizeof(pixels8) <= bytes; at += sizeof(pixels8)) {
		pixels8 p;
		memcpy(&p, picture + at, sizeof(p));
		p = (p & 0xff00ff00) | (p >> 16 & 0xff) | (p & 0xff) << 16;
		memcpy(picture + at, &p, sizeof(p));
	}
	for (; at + 4 <= bytes; at += 4) {
		const char red = picture[at];
		picture[at] = picture[at + 2];
		picture[at + 2] = red;
	}
}

/* The order of colours that the driver need not convert to. */
static bool reads_blue_first(const struct context *context)
{
	const struct driver *gl = context->exec.driver;
	GLint format = 0;
	gl->GetIntegerv(GL_IMPLEMENTATION_COLOR_READ_FORMAT, &format);
	return gl->GetError() == GL_NO_ERROR && format == GL_BGRA;
}

static void read_picture(struct context *context, struct surface *surface, char *picture)
{
	const struct driver *gl = context->exec.driver;
	const GLsizei width = (GLsizei)surface->width, height = (GLsizei)surface->height;
	const size_t row = (size_t)surface->width * 4;
	struct reading saved;
	begin_reading(context, &saved);
	const bool inverted = invert(context, true);
	const bool blue_first = reads_blue_first(context);
	gl->ReadPixels(
		0, 0, width, height, blue_first ? GL_BGRA : GL_RGBA, GL_UNSIGNED_BYTE, picture);
	if (inverted)
		invert(context, context->exec.state.pack.invert);
	end_reading(context, &saved);
	if (!blue_first)
		swap_red_blue(picture, row * surface->height);
	if (!inverted)
		turn_over(picture, row, surface->height);
}

void surface_show(
	struct surface *surface, struct context *context, int x, int y, int width, int height)
{
	if (!surface || !surface->present)
		return;
	char *picture = present_begin(surface->present, surface->width, surface->height);
	if (!picture)
		return;
	const bool aside = context->read != surface || surface->other != EGL_NO_SURFACE;
	if (aside)
		context_read_from(context, surface->egl);
	read_picture(context, surface, picture);
	if (aside)
		context_bind(context);
	const int w = (int)surface->width, h = (int)surface->height;
	const int left = width ? x : 0, bottom = width ? y : 0;
	int right = width ? x + width : w, top = width ? y + height : h;
	right = right > w ? w : right;
	top = top > h ? h : top;
	const int from_x = left < 0 ? 0 : left, from_y = bottom < 0 ? 0 : bottom;
	if (right > from_x && top > from_y)
		present_end(surface->present, from_x, h - top, (unsigned)(right - from_x),
			(unsigned)(top - from_y));
	else
		present_end(surface->present, 0, 0, 0, 0);
}

/* False where the driver does not let the context read from it: it is current elsewhere. */
static bool read_from(const struct surface *surface, struct context *context)
{
	context_read_from(context, surface->egl);
	return eglGetCurrentSurface(EGL_READ) == surface->egl;
}

static bool copy_level(
	const struct surface *surface, const struct context *context, int level, GLenum format)
{
	const struct driver *gl = context->exec.driver;
	gl->CopyTexImage2D(GL_TEXTURE_2D, level, format, 0, 0, (GLsizei)surface->width,
		(GLsizei)surface->height, 0);
	return gl->GetError() == GL_NO_ERROR;
}

/* OpenGL ES copies no alpha from where there is none: it is 1 either way. */
static void copy_to_texture(const struct surface *surface, const struct context *context,
	GLuint texture, int level, GLenum format)
{
	const struct driver *gl = context->exec.driver;
	GLint bound = 0;
	if (texture && !gl->IsTexture(texture))
		return;
	gl->GetIntegerv(GL_TEXTURE_BINDING_2D, &bound);
	gl->BindTexture(GL_TEXTURE_2D, texture);
	if (!copy_level(surface, context, level, format))
		copy_level(surface, context, level, GL_RGB);
	gl->BindTexture(GL_TEXTURE_2D, (GLuint)bound);
}

bool surface_to_texture(
	struct surface *surface, struct context *context, GLuint texture, int level, GLenum format)
{
	struct reading saved;
	const bool reads = read_from(surface, context);
	if (reads) {
		begin_reading(context, &saved);
		copy_to_texture(surface, context, texture, level, format);
		end_reading(context, &saved);
	}
	context_bind(context);
	return reads;
}

bool surface_to_pixmap(
	struct surface *surface, struct context *context, const char *display, unsigned pixmap)
{
	unsigned width, height;
	struct present *present = present_create(display, pixmap, &width, &height);
	const bool reads = present && read_from(surface, context);
	void *picture = reads ? present_begin(present, surface->width, surface->height) : NULL;
	if (picture) {
		read_picture(context, surface, picture);
		present_end(present, 0, 0, surface->width, surface->height);
		present_settle(present);
	}
	context_bind(context);
	present_destroy(present);
	return picture;
}

void surface_settle(struct surface *surface)
{
	if (surface && surface->present)
		present_settle(surface->present);
}
