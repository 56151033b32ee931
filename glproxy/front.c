#include "glproxy/front.h"

#include "base/log.h"
#include "glproxy/present.h"
#include "glproxy/snapshot_surface.h"
#include "glproxy/told.h"

#include <stdlib.h>

/* The default framebuffer's buffers, as bits. */
enum { FRONT = 1, BACK = 2, BOTH = FRONT | BACK };

static unsigned bits_of(GLenum buffer)
{
	switch (buffer) {
	case GL_FRONT:
	case GL_FRONT_LEFT:
		return FRONT;
	case GL_BACK:
	case GL_BACK_LEFT:
		return BACK;
	case GL_LEFT:
	case GL_FRONT_AND_BACK:
		return BOTH;
	default:
		return 0;
	}
}

/* Those whose drawable has, or can have, two colour buffers. */
static bool has_front(const struct context *context)
{
	return context->current && context->draw && context->draw->flags & SURFACE_DOUBLE &&
		context->own == EGL_NO_SURFACE && context->api == EGL_OPENGL_API;
}

EGLSurface front_read_surface(const struct context *context)
{
	const struct surface *surface = context->read;
	const unsigned reads = bits_of(context->reads);
	if (!surface)
		return EGL_NO_SURFACE;
	if (surface->other == EGL_NO_SURFACE || surface->both || !reads)
		return surface->egl;
	return surface->turned == (reads == FRONT) ? surface->egl : surface->other;
}

/* ---- the default framebuffer, bound while something is asked or said of it ---- */

struct bound {
	GLint draw, read;
};

static void begin_window(const struct driver *gl, struct bound *bound)
{
	gl->GetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &bound->draw);
	gl->GetIntegerv(GL_READ_FRAMEBUFFER_BINDING, &bound->read);
	if (bound->draw)
		gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, 0);
	if (bound->read)
		gl->BindFramebuffer(GL_READ_FRAMEBUFFER, 0);
}

static void end_window(const struct driver *gl, const struct bound *bound)
{
	if (bound->draw)
		gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, (GLuint)bound->draw);
	if (bound->read)
		gl->BindFramebuffer(GL_READ_FRAMEBUFFER, (GLuint)bound->read);
}

static void ask_names(struct context *context)
{
	const struct driver *gl = context->exec.driver;
	struct bound bound;
	GLint draws = GL_NONE, reads = GL_NONE;
	begin_window(gl, &bound);
	gl->GetIntegerv(GL_DRAW_BUFFER, &draws);
	gl->GetIntegerv(GL_READ_BUFFER, &reads);
	end_window(gl, &bound);
	context->draws = (GLenum)draws;
	context->reads = (GLenum)reads;
}

static void say_draws(const struct context *context)
{
	const struct driver *gl = context->exec.driver;
	struct bound bound;
	begin_window(gl, &bound);
	gl->DrawBuffer(context->draws);
	end_window(gl, &bound);
}

static void say_reads(const struct context *context)
{
	const struct driver *gl = context->exec.driver;
	const bool two = context->draw->flags & SURFACE_DOUBLE;
	const bool named = context->reads != GL_NONE || context->draws != GL_NONE;
	struct bound bound;
	begin_window(gl, &bound);
	gl->ReadBuffer(named ? context->reads : two ? GL_BACK : GL_FRONT);
	end_window(gl, &bound);
}

void front_say_reads(const struct context *context)
{
	if (has_front(context))
		say_reads(context);
}

/* As GL has it where a context is made with the config of its drawable (ours are made without):
 * EGL's pbuffers have a back buffer to draw to alone. */
static void name_first(const struct context *context)
{
	const struct driver *gl = context->exec.driver;
	const bool two = context->draw->flags & SURFACE_DOUBLE;
	const bool back = two || (context->draw->kind == SURFACE_PBUFFER && context->config);
	gl->DrawBuffer(back ? GL_BACK : GL_FRONT);
	gl->ReadBuffer(two ? GL_BACK : GL_FRONT);
}

void front_begin(struct context *context, bool first)
{
	if (context->api != EGL_OPENGL_API || !context->draw)
		return;
	if (first)
		name_first(context);
	else
		say_reads(context);
	if (!first && context->renewed)
		say_draws(context);
	context->renewed = false;
	ask_names(context);
	front_arrange(context);
}

/* ---- colours on their way from one pbuffer to another ---- */

static bool open_helper(struct context *context)
{
	struct err err = ERR_INIT;
	if (context->helper != EGL_NO_CONTEXT)
		return true;
	context->helper = helper_open(context->exec.proxy, EGL_NO_CONTEXT, &err);
	if (context->helper == EGL_NO_CONTEXT)
		log_line("process %d: context %u: no front buffer: %s", context->exec.proxy->client,
			context->id, err.text);
	return context->helper != EGL_NO_CONTEXT;
}

bool front_begin_helper(struct context *context, EGLSurface draw, EGLSurface read)
{
	if (!open_helper(context))
		return false;
	context->exec.driver->Finish();
	eglBindAPI(EGL_OPENGL_API);
	return eglMakeCurrent(context->exec.proxy->display, draw, read, context->helper);
}

void front_end_helper(struct context *context)
{
	context->exec.driver->Finish();
	context_bind(context);
}

struct part {
	int left, bottom, right, top;
};

static struct part whole(const struct surface *surface)
{
	return (struct part){0, 0, (int)surface->width, (int)surface->height};
}

static void copy(struct context *context, EGLSurface from, EGLSurface to, struct part p)
{
	if (front_begin_helper(context, to, from))
		context->exec.driver->BlitFramebuffer(p.left, p.bottom, p.right, p.top, p.left,
			p.bottom, p.right, p.top, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	front_end_helper(context);
}

static EGLSurface pbuffer_like(const struct surface *surface)
{
	return surface_pbuffer(surface, told_driver_config(surface->proxy, surface->config));
}

/* What the window shows, into the new front buffer. */
static void draw_shown(struct context *context, const struct surface *surface)
{
	const struct driver *gl = context->exec.driver;
	scoped_free void *shown = surface->present
		? present_picture(surface->present, surface->width, surface->height)
		: NULL;
	if (shown && front_begin_helper(context, surface->other, surface->other)) {
		gl->Disable(GL_DITHER);
		gl->PixelZoom(1, -1);
		gl->WindowPos2i(0, (GLint)surface->height);
		gl->DrawPixels((GLsizei)surface->width, (GLsizei)surface->height, GL_BGRA,
			GL_UNSIGNED_BYTE, shown);
	}
	front_end_helper(context);
}

static bool open_front(struct context *context)
{
	struct surface *surface = context->draw;
	if (surface->other != EGL_NO_SURFACE)
		return true;
	surface->other = pbuffer_like(surface);
	if (surface->other != EGL_NO_SURFACE)
		draw_shown(context, surface);
	return surface->other != EGL_NO_SURFACE;
}

/* The two pbuffers change colours: what is drawn next belongs to the other buffer. */
static void turn(struct context *context)
{
	struct surface *surface = context->draw;
	EGLSurface fresh = pbuffer_like(surface);
	if (fresh == EGL_NO_SURFACE)
		return;
	copy(context, surface->egl, fresh, whole(surface));
	copy(context, surface->other, surface->egl, whole(surface));
	eglDestroySurface(surface->proxy->display, surface->other);
	surface->other = fresh;
	surface->turned = !surface->turned;
}

static void settle_both(struct context *context)
{
	struct surface *surface = context->draw;
	if (surface->both)
		copy(context, surface->egl, surface->other, whole(surface));
	surface->both = false;
}

/* Brings the buffers that are to be drawn to into `egl`. */
static void aim(struct context *context, unsigned draws)
{
	struct surface *surface = context->draw;
	if (draws != BOTH)
		settle_both(context);
	if (draws && surface->turned != (draws == FRONT))
		turn(context);
	if (draws == BOTH)
		surface->both = true;
}

void front_arrange(struct context *context)
{
	const unsigned draws = bits_of(context->draws), reads = bits_of(context->reads);
	if (!has_front(context))
		return;
	if ((draws | reads) & FRONT && !open_front(context))
		return;
	if (context->draw->other != EGL_NO_SURFACE)
		aim(context, draws);
	context_bind(context);
}

/* A list that is being compiled may hold what names the front buffer. */
static bool compiles(const struct driver *gl)
{
	GLint list = 0;
	gl->GetIntegerv(GL_LIST_INDEX, &list);
	return list;
}

void front_look(struct exec *x, bool named)
{
	struct context *context = x->context;
	if (!context || !has_front(context) || x->in_begin || !(named || context->front))
		return;
	const GLenum draws = context->draws, reads = context->reads;
	exec_errors_take(x);
	ask_names(context);
	if ((bits_of(context->draws) | bits_of(context->reads)) & FRONT || compiles(x->driver))
		context->front = true;
	exec_errors_since(x);
	/* A snapshot names its buffers one after the other; its surfaces are as they were. */
	if (x->rebuilding || (context->draws == draws && context->reads == reads))
		return;
	if (bits_of(draws) & FRONT && context->draw->other != EGL_NO_SURFACE)
		front_flush(context); /* what was drawn to the front buffer is seen now */
	front_arrange(context);
}

bool front_is_drawn(const struct context *context)
{
	const struct surface *surface = context->draw;
	if (!surface || !surface->present)
		return false;
	return !(surface->flags & SURFACE_DOUBLE) || bits_of(context->draws) & FRONT;
}

void front_flush(struct context *context)
{
	surface_show(context->draw, context, 0, 0, 0, 0);
}

void front_show(struct context *context)
{
	struct surface *surface = context->draw;
	if (!surface || (surface->flags & SURFACE_DOUBLE && surface->other == EGL_NO_SURFACE))
		return;
	const EGLSurface before = surface->egl;
	if (surface->other != EGL_NO_SURFACE && !surface->turned && !surface->both)
		surface->egl = surface->other;
	front_flush(context);
	surface->egl = before;
	context_bind(context);
}

static struct part part_of(const struct surface *surface, int x, int y, int width, int height)
{
	return width ? (struct part){x, y, x + width, y + height} : whole(surface);
}

void front_swap(struct context *context, int x, int y, int width, int height)
{
	struct surface *surface = context->draw;
	const bool two = has_front(context) &&
		(surface->other != EGL_NO_SURFACE ||
			(surface->proxy->replaying && open_front(context)));
	if (two)
		aim(context, BACK);
	surface_show(surface, context, x, y, width, height);
	if (!two)
		return;
	copy(context, surface->egl, surface->other, part_of(surface, x, y, width, height));
	front_arrange(context);
}

/* ---- reading depths ---- */

bool front_read_depths(struct exec *x)
{
	struct context *context = x->context;
	if (!context || !context->read || context->read->other == EGL_NO_SURFACE)
		return false;
	context_read_from(context, context->read->egl);
	return true;
}

void front_read_again(struct exec *x)
{
	context_bind(x->context);
}
