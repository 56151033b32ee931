/*
 * GLX: who renders (GLX_MESA_query_renderer). Asked of contexts made for that alone, once for the
 * process.
 */
#include "glshim/glx.h"

#include "entries.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/glxext.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN_ID 0xffffffffu /* of no PCI device */

struct renderer {
	char vendor[128];
	char device[256];
	unsigned version[3]; /* of the driver */
	unsigned core[2], compatibility[2], es1[2], es2[2];
};

static struct renderer renderer;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_version(const char *text, unsigned *version)
{
	while (text && *text && (*text < '0' || *text > '9'))
		text++;
	if (text)
		sscanf(text, "%u.%u", &version[0], &version[1]);
}

/* As Mesa writes it, behind the version of OpenGL. */
static void read_driver(const char *text)
{
	const char *name = text ? strstr(text, "Mesa ") : NULL;
	unsigned *version = renderer.version;
	if (name)
		sscanf(name, "Mesa %u.%u.%u", &version[0], &version[1], &version[2]);
}

static const char *text_of(GLenum name)
{
	return (const char *)shim_glGetString(name);
}

static void read_names(void)
{
	snprintf(renderer.vendor, sizeof(renderer.vendor), "%s", text_of(GL_VENDOR));
	snprintf(renderer.device, sizeof(renderer.device), "%s", text_of(GL_RENDERER));
	read_driver(text_of(GL_VERSION));
}

/* The highest version that a context of this kind has; 0.0 where there is none of the kind. */
static void ask(unsigned api, const int *attributes, unsigned count, unsigned *version)
{
	unsigned reason;
	struct context *made = context_create(NULL, 0, api, attributes, count, &reason);
	if (made && !context_make_current(made, NULL, NULL)) {
		read_version(text_of(GL_VERSION), version);
		if (api == EGL_OPENGL_API)
			read_names();
		context_make_current(NULL, NULL, NULL);
	}
	context_destroy(made);
}

static void ask_all(void)
{
	static const int plain[] = {EGL_NONE};
	static const int core[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 2,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE};
	static const int es2[] = {EGL_CONTEXT_MAJOR_VERSION, 2, EGL_NONE};
	struct context *before = context_current();
	struct surface *draw = before ? before->draw : NULL, *read = before ? before->read : NULL;
	ask(EGL_OPENGL_API, core, 7, renderer.core);
	ask(EGL_OPENGL_API, plain, 1, renderer.compatibility);
	ask(EGL_OPENGL_ES_API, plain, 1, renderer.es1);
	ask(EGL_OPENGL_ES_API, es2, 3, renderer.es2);
	if (before)
		context_make_current(before, draw, read);
}

static unsigned megabytes(void)
{
	const uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	return (unsigned)(pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20);
}

static bool in_software(void)
{
	return strstr(renderer.device, "llvmpipe") || strstr(renderer.device, "softpipe");
}

static void give(unsigned *to, const unsigned *from, unsigned count)
{
	memcpy(to, from, count * sizeof(*to));
}

static Bool query(int attribute, unsigned *value)
{
	pthread_once(&once, ask_all);
	switch (attribute) {
	case GLX_RENDERER_VENDOR_ID_MESA:
	case GLX_RENDERER_DEVICE_ID_MESA:
		*value = UNKNOWN_ID;
		return True;
	case GLX_RENDERER_VERSION_MESA:
		give(value, renderer.version, 3);
		return True;
	case GLX_RENDERER_ACCELERATED_MESA:
		*value = !in_software();
		return True;
	case GLX_RENDERER_VIDEO_MEMORY_MESA:
		*value = megabytes();
		return True;
	case GLX_RENDERER_UNIFIED_MEMORY_ARCHITECTURE_MESA:
		*value = in_software();
		return True;
	case GLX_RENDERER_PREFERRED_PROFILE_MESA:
		*value = renderer.core[0] ? GLX_CONTEXT_CORE_PROFILE_BIT_ARB
					  : GLX_CONTEXT_COMPATIBILITY_PROFILE_BIT_ARB;
		return True;
	case GLX_RENDERER_OPENGL_CORE_PROFILE_VERSION_MESA:
		give(value, renderer.core, 2);
		return True;
	case GLX_RENDERER_OPENGL_COMPATIBILITY_PROFILE_VERSION_MESA:
		give(value, renderer.compatibility, 2);
		return True;
	case GLX_RENDERER_OPENGL_ES_PROFILE_VERSION_MESA:
		give(value, renderer.es1, 2);
		return True;
	case GLX_RENDERER_OPENGL_ES2_PROFILE_VERSION_MESA:
		give(value, renderer.es2, 2);
		return True;
	default:
		return False;
	}
}

static const char *query_text(int attribute)
{
	pthread_once(&once, ask_all);
	return attribute == GLX_RENDERER_VENDOR_ID_MESA    ? renderer.vendor
		: attribute == GLX_RENDERER_DEVICE_ID_MESA ? renderer.device
							   : NULL;
}

/* One renderer a screen. */
static Bool QueryRendererIntegerMESA(
	Display *display, int screen, int number, int attribute, unsigned *value)
{
	return !number && screen >= 0 && screen < ScreenCount(display) && query(attribute, value);
}

static Bool QueryCurrentRendererIntegerMESA(int attribute, unsigned *value)
{
	return context_current() && query(attribute, value);
}

static const char *QueryRendererStringMESA(Display *display, int screen, int number, int attribute)
{
	const bool there = !number && screen >= 0 && screen < ScreenCount(display);
	return there ? query_text(attribute) : NULL;
}

static const char *QueryCurrentRendererStringMESA(int attribute)
{
	return context_current() ? query_text(attribute) : NULL;
}

const struct glx_function glx_renderer_functions[] = {
	GLX_FUNCTION(QueryRendererIntegerMESA),
	GLX_FUNCTION(QueryCurrentRendererIntegerMESA),
	GLX_FUNCTION(QueryRendererStringMESA),
	GLX_FUNCTION(QueryCurrentRendererStringMESA),
	{0},
};
