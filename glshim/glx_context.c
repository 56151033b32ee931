/*
 * GLX: contexts (GLX 1.4, 3.3.7; GLX_ARB_create_context and its family).
 */
#include "glshim/glx.h"

#include "entries.h"
#include "glshim/glx_error.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/glxext.h>
#include <stdlib.h>
#include <string.h>

#define ATTRIBUTES_MAX 32

struct wanted {
	EGLenum api;
	EGLint list[ATTRIBUTES_MAX];
	unsigned count;
	int render_type;
	int major;
	bool valid;
	int error; /* of X, when it is not valid */
};

static void want(struct wanted *wanted, EGLint name, EGLint value)
{
	if (wanted->count + 3 > ATTRIBUTES_MAX) {
		wanted->valid = false;
		return;
	}
	wanted->list[wanted->count++] = name;
	wanted->list[wanted->count++] = value;
}

static void translate(struct wanted *wanted, int name, int value)
{
	switch (name) {
	case GLX_CONTEXT_MAJOR_VERSION_ARB:
		wanted->major = value;
		want(wanted, EGL_CONTEXT_MAJOR_VERSION, value);
		break;
	case GLX_CONTEXT_MINOR_VERSION_ARB:
		want(wanted, EGL_CONTEXT_MINOR_VERSION, value);
		break;
	case GLX_CONTEXT_FLAGS_ARB:
		if (value)
			want(wanted, EGL_CONTEXT_FLAGS_KHR, value);
		break;
	case GLX_CONTEXT_PROFILE_MASK_ARB:
		if (!value || value & (value - 1) ||
			(unsigned)value > GLX_CONTEXT_ES2_PROFILE_BIT_EXT) {
			wanted->valid = false;
			wanted->error = GLXBadProfileARB;
		} else if (value == GLX_CONTEXT_ES2_PROFILE_BIT_EXT)
			wanted->api = EGL_OPENGL_ES_API;
		else
			want(wanted, EGL_CONTEXT_OPENGL_PROFILE_MASK, value);
		break;
	case GLX_CONTEXT_RESET_NOTIFICATION_STRATEGY_ARB:
		if (value != GLX_LOSE_CONTEXT_ON_RESET_ARB &&
			value != GLX_NO_RESET_NOTIFICATION_ARB) {
			wanted->valid = false;
			wanted->error = BadMatch;
		}
		want(wanted, EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY,
			value == GLX_LOSE_CONTEXT_ON_RESET_ARB ? EGL_LOSE_CONTEXT_ON_RESET
							       : EGL_NO_RESET_NOTIFICATION);
		break;
	case GLX_CONTEXT_OPENGL_NO_ERROR_ARB:
		want(wanted, EGL_CONTEXT_OPENGL_NO_ERROR_KHR, value);
		break;
	case GLX_CONTEXT_RELEASE_BEHAVIOR_ARB:
		want(wanted, EGL_CONTEXT_RELEASE_BEHAVIOR_KHR, value);
		break;
	case GLX_RENDER_TYPE:
		wanted->render_type = value;
		if (value != GLX_RGBA_TYPE) {
			wanted->valid = false;
			wanted->error = BadValue;
		}
		break;
	case GLX_SCREEN:
		break;
	default:
		wanted->valid = false;
		wanted->error = BadValue;
		break;
	}
}

/* GLX_ARB_create_context says which error each failure is; EGL's are fewer. */
static int error_of(unsigned reason)
{
	switch (reason) {
	case EGL_BAD_MATCH:
		return BadMatch;
	case EGL_BAD_ATTRIBUTE:
	case EGL_BAD_PARAMETER:
		return BadValue;
	case EGL_BAD_CONFIG:
		return GLXBadFBConfig;
	default:
		return BadAlloc;
	}
}

static void tell(Display *display, int error)
{
	glx_error(display, (unsigned char)error, 0,
		error != GLXBadFBConfig && error != GLXBadProfileARB);
}

static GLXContext create(
	Display *display, const struct glx_config *config, GLXContext share, struct wanted *wanted)
{
	unsigned reason;
	struct glx_context *shared = (struct glx_context *)share;
	struct glx_context *made = wanted->valid ? calloc(1, sizeof(*made)) : NULL;
	if (!made) {
		tell(display, wanted->error ? wanted->error : BadAlloc);
		return NULL;
	}
	wanted->list[wanted->count++] = EGL_NONE;
	made->context = context_create(shared ? shared->context : NULL,
		config ? config->driver.id : 0, wanted->api, wanted->list, wanted->count, &reason);
	if (!made->context) {
		tell(display, error_of(reason));
		free(made);
		return NULL;
	}
	made->context->tag = made;
	made->config = config;
	made->display = display;
	made->screen = config ? config->screen : DefaultScreen(display);
	made->render_type = wanted->render_type;
	return (GLXContext)made;
}

static GLXContext CreateContextAttribsARB(Display *display, GLXFBConfig fbconfig, GLXContext share,
	Bool direct, const int *attributes)
{
	struct wanted wanted = {.api = EGL_OPENGL_API, .render_type = GLX_RGBA_TYPE, .valid = true};
	for (const int *at = attributes; at && *at; at += 2)
		translate(&wanted, at[0], at[1]);
	if (wanted.render_type == GLX_COLOR_INDEX_TYPE && wanted.major >= 3)
		wanted.error = BadMatch;
	return create(display, (const struct glx_config *)fbconfig, share, &wanted);
}

static GLXContext CreateNewContext(
	Display *display, GLXFBConfig fbconfig, int render_type, GLXContext share, Bool direct)
{
	struct wanted wanted = {.api = EGL_OPENGL_API,
		.render_type = render_type,
		.valid = fbconfig && render_type == GLX_RGBA_TYPE};
	return create(display, (const struct glx_config *)fbconfig, share, &wanted);
}

static GLXContext CreateContextWithConfigSGIX(
	Display *display, GLXFBConfig config, int render_type, GLXContext share, Bool direct)
{
	GLXContext made = CreateNewContext(display, config, render_type, share, direct);
	glx_own_context(display, made);
	return made;
}

static GLXContext CreateContext(
	Display *display, XVisualInfo *visual, GLXContext share, Bool direct)
{
	struct glx_screen *screen = configs_screen(display, visual->screen);
	const struct glx_config *config =
		screen ? configs_of_visual(screen, visual->visualid) : NULL;
	return config ? CreateNewContext(display, (GLXFBConfig)config, GLX_RGBA_TYPE, share, direct)
		      : NULL;
}

static void DestroyContext(Display *display, GLXContext handle)
{
	struct glx_context *made = (struct glx_context *)handle;
	if (!made)
		return;
	context_destroy(made->context);
}

static Bool MakeContextCurrent(
	Display *display, GLXDrawable draw, GLXDrawable read, GLXContext handle)
{
	struct glx_context *made = (struct glx_context *)handle;
	if (!made)
		return context_make_current(NULL, NULL, NULL) == 0;
	struct glx_drawable *draw_to = glx_drawable_get(display, draw, made->config);
	struct glx_drawable *read_from =
		read == draw ? draw_to : glx_drawable_get(display, read, made->config);
	if ((draw && !draw_to) || (read && !read_from))
		return False;
	if (context_make_current(made->context, draw_to ? draw_to->surface : NULL,
		    read_from ? read_from->surface : NULL))
		return False;
	made->draw = draw;
	made->read = read;
	return True;
}

static Bool MakeCurrent(Display *display, GLXDrawable drawable, GLXContext handle)
{
	return MakeContextCurrent(display, drawable, drawable, handle);
}

static void CopyContext(Display *display, GLXContext from, GLXContext to, unsigned long mask)
{
}

static Bool IsDirect(Display *display, GLXContext handle)
{
	return True;
}

static int QueryContext(Display *display, GLXContext handle, int attribute, int *value)
{
	const struct glx_context *made = (const struct glx_context *)handle;
	switch (attribute) {
	case GLX_FBCONFIG_ID:
		*value = made->config ? made->config->id : 0;
		return 0;
	case GLX_RENDER_TYPE:
		*value = made->render_type;
		return 0;
	case GLX_SCREEN:
		*value = made->screen;
		return 0;
	default:
		return GLX_BAD_ATTRIBUTE;
	}
}

static void WaitGL(void)
{
	if (context_current())
		shim_glFinish();
}

static void WaitX(void)
{
	const struct context *current = context_current();
	if (current && current->tag)
		XSync(((const struct glx_context *)current->tag)->display, False);
}

const struct glx_function glx_context_functions[] = {
	GLX_FUNCTION(CreateContextAttribsARB),
	GLX_FUNCTION(CreateNewContext),
	GLX_FUNCTION(CreateContextWithConfigSGIX),
	GLX_FUNCTION(CreateContext),
	GLX_FUNCTION(DestroyContext),
	GLX_FUNCTION(MakeContextCurrent),
	GLX_FUNCTION(MakeCurrent),
	GLX_FUNCTION(CopyContext),
	GLX_FUNCTION(IsDirect),
	GLX_FUNCTION(QueryContext),
	GLX_FUNCTION(WaitGL),
	GLX_FUNCTION(WaitX),
	{0},
};
