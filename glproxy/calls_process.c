/*
 * Messages of the control ring, and those that bind contexts, surfaces and windows.
 */
#include "base/log.h"
#include "glproxy/calls_buffer.h"
#include "glproxy/context.h"
#include "glproxy/front.h"
#include "glproxy/live.h"
#include "glproxy/surface.h"
#include "glproxy/told.h"
#include "hand.h"
#include "wire/config.h"

#include <string.h>

GLuint proxy_ckConfigs(struct exec *x, GLuint count, GLint *values)
{
	size_t told;
	const struct wire_config *configs = told_configs(x->proxy, &told);
	const size_t room = count * sizeof(*values) / sizeof(*configs);
	if (values && configs)
		memcpy(values, configs, (told < room ? told : room) * sizeof(*configs));
	return (GLuint)told;
}

/* Objects by their number; the number is in range or the client is ended. */
static bool number_ok(struct exec *x, GLuint number)
{
	if (number < PROXY_OBJECTS)
		return true;
	exec_refuse(x, "a number beyond all objects");
	return false;
}

static bool control_only(struct exec *x)
{
	if (x->context)
		exec_refuse(x, "a message of the control ring in a context's");
	return !x->context;
}

static bool context_only(struct exec *x)
{
	if (!x->context)
		exec_refuse(x, "a message of a context in the control ring");
	return x->context;
}

GLuint proxy_ckContextCreate(struct exec *x, GLuint share, GLint config, GLenum api, GLuint count,
	const GLint *attributes)
{
	struct proxy *proxy = x->proxy;
	EGLint reason = EGL_BAD_ATTRIBUTE;
	if (!control_only(x) || !number_ok(x, share))
		return 0;
	if (!count || !attributes || attributes[count - 1] != EGL_NONE || count % 2 == 0)
		return WIRE_CONTEXT_FAILED | (GLuint)reason;
	struct context *context = context_create(
		proxy, share ? proxy->contexts[share] : NULL, config, api, attributes, &reason);
	if (!context)
		return WIRE_CONTEXT_FAILED | (GLuint)reason;
	pthread_mutex_lock(&proxy->lock);
	proxy->contexts[context->id] = context;
	pthread_mutex_unlock(&proxy->lock);
	return context->id;
}

void proxy_ckContextDestroy(struct exec *x, GLuint number)
{
	struct proxy *proxy = x->proxy;
	if (!control_only(x) || !number_ok(x, number) || !proxy->contexts[number])
		return;
	/* Others may wait for its last position: it stays in the table until it is there. */
	struct context *context = proxy->contexts[number];
	if (!x->replaying)
		live_close(x, context);
	context_stop(context);
	pthread_mutex_lock(&proxy->lock);
	proxy->contexts[number] = NULL;
	pthread_mutex_unlock(&proxy->lock);
	context_destroy(context);
}

static struct surface *surface_of(struct exec *x, GLuint number)
{
	return number_ok(x, number) ? x->proxy->surfaces[number] : NULL;
}

static GLuint free_surface_number(struct proxy *proxy)
{
	static unsigned last;
	if (proxy->next_number)
		return proxy->next_number;
	for (unsigned tries = 0; tries < PROXY_OBJECTS; tries++) {
		last = last % (PROXY_OBJECTS - 1) + 1;
		if (!proxy->surfaces[last])
			return last;
	}
	return 0;
}

GLuint proxy_ckSurfaceCreate(struct exec *x, GLenum kind, GLint config, GLuint width, GLuint height,
	GLuint flags, GLuint drawable, const GLchar *display)
{
	struct proxy *proxy = x->proxy;
	if (!control_only(x) || kind < SURFACE_PBUFFER || kind > SURFACE_PIXMAP || !display ||
		width > 65535 || height > 65535)
		return 0;
	const GLuint number = free_surface_number(proxy);
	struct surface *surface = number ? surface_create(proxy, (enum surface_kind)kind, config,
						   flags, width, height, display, drawable)
					 : NULL;
	if (!surface)
		return 0;
	surface->id = number;
	surface_note_size(surface);
	pthread_mutex_lock(&proxy->lock);
	proxy->surfaces[number] = surface;
	pthread_mutex_unlock(&proxy->lock);
	return number;
}

void proxy_ckSurfaceDestroy(struct exec *x, GLuint number)
{
	struct surface *surface = control_only(x) ? surface_of(x, number) : NULL;
	if (!surface)
		return;
	pthread_mutex_lock(&x->proxy->lock);
	x->proxy->surfaces[number] = NULL;
	pthread_mutex_unlock(&x->proxy->lock);
	surface_drop(surface);
}

GLuint proxy_ckSurfaceSize(struct exec *x, GLuint number, GLint *size)
{
	const struct surface *surface = surface_of(x, number);
	if (!surface || !size)
		return 0;
	size[0] = (GLint)surface->width;
	size[1] = (GLint)surface->height;
	return 1;
}

GLuint proxy_ckMakeCurrent(struct exec *x, GLuint draw, GLuint read)
{
	if (!context_only(x))
		return 0;
	if (draw == WIRE_RELEASE) {
		context_release(x->context);
		return 1;
	}
	pthread_mutex_lock(&x->proxy->lock);
	struct surface *draw_surface = surface_hold(surface_of(x, draw));
	struct surface *read_surface = surface_hold(surface_of(x, read));
	pthread_mutex_unlock(&x->proxy->lock);
	const bool found = !x->broken && (!draw || draw_surface) && (!read || read_surface);
	const bool done = found && context_make_current(x->context, draw_surface, read_surface);
	surface_drop(draw_surface);
	surface_drop(read_surface);
	return done;
}

void proxy_ckAwait(struct exec *x, GLuint ring, GLuint64 position)
{
	context_await(x, ring, position);
}

void proxy_ckSwap(struct exec *x, GLuint number, GLint left, GLint bottom, GLint width,
	GLint height, GLuint frame)
{
	if (!context_only(x))
		return;
	struct context *context = x->context;
	struct surface *surface = context->draw;
	if (surface && surface->id == number && context->current) {
		front_swap(context, left, bottom, width, height);
		context_follow(context, false);
	}
	atomic_store_explicit(&x->map.shared->frames, frame, memory_order_release);
	exec_reply(x, 0); /* somebody may wait for a frame to be over */
}

/* The surface of a number, where the context can read from it. */
static struct surface *readable_surface(struct exec *x, GLuint number)
{
	struct context *context = context_only(x) ? x->context : NULL;
	struct surface *surface = context && context->current ? surface_of(x, number) : NULL;
	return surface && context->own == EGL_NO_SURFACE ? surface : NULL;
}

GLuint proxy_ckSurfaceImage(
	struct exec *x, GLuint number, GLuint texture, GLint level, GLenum format)
{
	struct surface *surface = readable_surface(x, number);
	return surface && surface_to_texture(surface, x->context, texture, level, format);
}

GLuint proxy_ckSurfaceCopy(struct exec *x, GLuint number, GLuint drawable, const GLchar *display)
{
	struct surface *surface = readable_surface(x, number);
	if (!surface || !display)
		return 0;
	return x->replaying || x->proxy->let_go ||
		surface_to_pixmap(surface, x->context, display, drawable);
}

void proxy_ckShowFront(struct exec *x, GLuint wait)
{
	if (!context_only(x) || !x->context->current)
		return;
	if (front_is_drawn(x->context))
		front_flush(x->context);
	if (wait)
		surface_settle(x->context->draw);
}

void proxy_glFlush(struct exec *x)
{
	x->driver->Flush();
	if (x->context && x->context->current && front_is_drawn(x->context))
		front_flush(x->context);
}

void proxy_glFinish(struct exec *x)
{
	x->driver->Finish();
	buffers_waited(x);
	if (!x->context || !x->context->current)
		return;
	if (front_is_drawn(x->context))
		front_flush(x->context);
	surface_settle(x->context->draw);
}

void proxy_glViewport(struct exec *x, GLint left, GLint bottom, GLsizei width, GLsizei height)
{
	const struct surface *surface = x->context ? x->context->draw : NULL;
	if (surface && ((unsigned)width != surface->width || (unsigned)height != surface->height))
		context_follow(x->context, true);
	x->driver->Viewport(left, bottom, width, height);
}

void proxy_ckExpect(struct exec *x, GLuint64 value)
{
	if (!x->rebuilding || x->map.shared->value != value)
		exec_refuse(x, "the driver numbers uniforms or blocks otherwise");
}
