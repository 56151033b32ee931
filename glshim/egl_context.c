/*
 * EGL: contexts (EGL 1.5, 3.7).
 */
#include "glshim/egl.h"

#include "entries.h"

#include <stdlib.h>

static bool known_attribute(EGLint name)
{
	switch (name) {
	case EGL_CONTEXT_MAJOR_VERSION:
	case EGL_CONTEXT_MINOR_VERSION:
	case EGL_CONTEXT_FLAGS_KHR:
	case EGL_CONTEXT_OPENGL_PROFILE_MASK:
	case EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY:
	case EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT:
	case EGL_CONTEXT_OPENGL_ROBUST_ACCESS:
	case EGL_CONTEXT_OPENGL_ROBUST_ACCESS_EXT:
	case EGL_CONTEXT_OPENGL_DEBUG:
	case EGL_CONTEXT_OPENGL_FORWARD_COMPATIBLE:
	case EGL_CONTEXT_OPENGL_NO_ERROR_KHR:
	case EGL_CONTEXT_RELEASE_BEHAVIOR_KHR:
		return true;
	default:
		return false;
	}
}

/* How many words the list has; 0 for one with a name that is none: there it ends. */
static unsigned count_attributes(const EGLint *attributes)
{
	unsigned count = 1;
	for (const EGLint *at = attributes; *at != EGL_NONE; at += 2, count += 2)
		if (!known_attribute(*at))
			return 0;
	return count;
}

static EGLint version_of(const EGLint *attributes)
{
	EGLint version = 1;
	for (const EGLint *at = attributes; *at != EGL_NONE; at += 2)
		if (*at == EGL_CONTEXT_CLIENT_VERSION)
			version = at[1];
	return version;
}

static EGLContext CreateContext(
	EGLDisplay handle, EGLConfig config, EGLContext share, const EGLint *attributes)
{
	static const EGLint nothing[] = {EGL_NONE};
	struct egl_display *display = egl_display_of(handle);
	const struct egl_context *shared = NULL;
	unsigned reason;
	if (!display)
		return EGL_NO_CONTEXT;
	if (share && !(shared = egl_context_of(display, share)))
		return EGL_NO_CONTEXT;
	attributes = attributes ? attributes : nothing;
	const unsigned count = count_attributes(attributes);
	if (!count) {
		egl_fail(EGL_BAD_ATTRIBUTE);
		return EGL_NO_CONTEXT;
	}
	if (config && !egl_config_valid(display, config)) {
		egl_fail(EGL_BAD_CONFIG);
		return EGL_NO_CONTEXT;
	}
	struct egl_context *made = calloc(1, sizeof(*made));
	if (!made) {
		egl_fail(EGL_BAD_ALLOC);
		return EGL_NO_CONTEXT;
	}
	made->api = egl_exports->getCurrentApi();
	made->version = version_of(attributes);
	const struct egl_config *c = config;
	made->context = context_create(shared ? shared->context : NULL, c ? c->driver.id : 0,
		made->api, attributes, count, &reason);
	if (!made->context) {
		egl_fail((EGLint)reason);
		free(made);
		return EGL_NO_CONTEXT;
	}
	made->context->tag = made;
	made->display = display;
	made->config = config;
	egl_handle_add(display, &made->handle, EGL_KIND_CONTEXT);
	egl_done();
	return made;
}

static EGLBoolean DestroyContext(EGLDisplay handle, EGLContext context)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_context *made = display ? egl_context_of(display, context) : NULL;
	if (!made || !egl_handle_take(display, made, EGL_KIND_CONTEXT))
		return EGL_FALSE;
	context_destroy(made->context);
	return egl_done();
}

/* A context that was made with a config draws to surfaces of the same. */
static bool goes_with(const struct egl_context *context, const struct egl_surface *surface)
{
	return !surface || !context->config || surface->config == context->config;
}

static EGLBoolean let_go(EGLSurface draw, EGLSurface read)
{
	if (draw || read)
		return egl_fail(EGL_BAD_MATCH);
	context_make_current(NULL, NULL, NULL);
	return egl_done();
}

static EGLBoolean MakeCurrent(
	EGLDisplay handle, EGLSurface draw, EGLSurface read, EGLContext context)
{
	if (!context)
		return let_go(draw, read);
	struct egl_display *display = egl_display_of(handle);
	struct egl_context *made = display ? egl_context_of(display, context) : NULL;
	const struct egl_surface *to = made && draw ? egl_surface_of(display, draw) : NULL;
	const struct egl_surface *from = made && read ? egl_surface_of(display, read) : NULL;
	if (!made || (draw && !to) || (read && !from))
		return EGL_FALSE;
	if (!draw != !read || !goes_with(made, to) || !goes_with(made, from))
		return egl_fail(EGL_BAD_MATCH);
	const unsigned error = context_make_current(
		made->context, to ? to->surface : NULL, from ? from->surface : NULL);
	if (error)
		return egl_fail((EGLint)error);
	made->single = to && to->render_buffer == EGL_SINGLE_BUFFER;
	return egl_done();
}

static EGLBoolean QueryContext(
	EGLDisplay handle, EGLContext context, EGLint attribute, EGLint *value)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_context *made = display ? egl_context_of(display, context) : NULL;
	if (!made)
		return EGL_FALSE;
	switch (attribute) {
	case EGL_CONFIG_ID:
		*value = made->config ? made->config->driver.id : 0;
		break;
	case EGL_CONTEXT_CLIENT_TYPE:
		*value = (EGLint)made->api;
		break;
	case EGL_CONTEXT_CLIENT_VERSION:
		*value = made->version;
		break;
	case EGL_RENDER_BUFFER:
		*value = !made->context->draw ? EGL_NONE
			: made->single        ? EGL_SINGLE_BUFFER
					      : EGL_BACK_BUFFER;
		break;
	default:
		return egl_fail(EGL_BAD_ATTRIBUTE);
	}
	return egl_done();
}

static EGLBoolean WaitClient(void)
{
	if (context_current())
		shim_glFinish();
	return egl_done();
}

static EGLBoolean WaitGL(void)
{
	return WaitClient();
}

static EGLBoolean WaitNative(EGLint engine)
{
	const struct context *current = context_current();
	const struct egl_context *made = current ? current->tag : NULL;
	if (made && made->display->x)
		XSync(made->display->x, False);
	return egl_done();
}

static EGLBoolean ReleaseThread(void)
{
	context_make_current(NULL, NULL, NULL);
	return egl_done();
}

const struct egl_function egl_context_functions[] = {
	EGL_FUNCTION(CreateContext),
	EGL_FUNCTION(DestroyContext),
	EGL_FUNCTION(MakeCurrent),
	EGL_FUNCTION(QueryContext),
	EGL_FUNCTION(WaitClient),
	EGL_FUNCTION(WaitGL),
	EGL_FUNCTION(WaitNative),
	EGL_FUNCTION(ReleaseThread),
	{0},
};
