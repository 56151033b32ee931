/*
 * GLX: windows, pixmaps, pbuffers, swaps (GLX 1.4, 3.3.4 to 3.3.10).
 */
#include "glshim/glx.h"

#include "entries.h"
#include "glshim/glx_error.h"
#include "glshim/glx_geometry.h"

#include <GL/glxext.h>
#include <X11/Xlibint.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct glx_drawable *drawables;

enum { PBUFFER = 1, WINDOW = 2, PIXMAP = 3 }; /* as glproxy's surface_kind */
#define DOUBLE 1u
#define SRGB 2u
#define ACCUM 4u

struct glx_drawable *glx_drawable_find(Display *display, GLXDrawable id)
{
	pthread_mutex_lock(&lock);
	struct glx_drawable *found = drawables;
	while (found && (found->display != display || found->id != id))
		found = found->next;
	pthread_mutex_unlock(&lock);
	return found;
}

static struct glx_drawable *add(Display *display, GLXDrawable id, Drawable x, int kind,
	const struct glx_config *config, unsigned width, unsigned height)
{
	struct glx_drawable *made = calloc(1, sizeof(*made));
	if (!made)
		return NULL;
	const unsigned flags = (kind != PIXMAP && config->double_buffered ? DOUBLE : 0) |
		(config->srgb ? SRGB : 0) | (configs_accum(config) ? ACCUM : 0);
	XSync(display, False); /* the proxy's connection must know the window as well */
	made->surface = surface_create(
		kind, config->driver.id, flags, width, height, DisplayString(display), (uint32_t)x);
	if (!made->surface) {
		free(made);
		return NULL;
	}
	made->display = display;
	made->id = id;
	made->x = x;
	made->config = config;
	made->width = width;
	made->height = height;
	pthread_mutex_lock(&lock);
	made->next = drawables;
	drawables = made;
	pthread_mutex_unlock(&lock);
	return made;
}

static void forget(Display *display, GLXDrawable id)
{
	pthread_mutex_lock(&lock);
	struct glx_drawable **at = &drawables;
	while (*at && ((*at)->display != display || (*at)->id != id))
		at = &(*at)->next;
	struct glx_drawable *found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&lock);
	if (found)
		surface_destroy(found->surface);
	free(found);
}

void glx_drawables_gone(Display *display)
{
	for (;;) {
		pthread_mutex_lock(&lock);
		const struct glx_drawable *found = drawables;
		while (found && found->display != display)
			found = found->next;
		const GLXDrawable id = found ? found->id : 0;
		pthread_mutex_unlock(&lock);
		if (!id)
			return;
		forget(display, id);
	}
}

#define LOOKS 4

/* A few windows that no context is current with, others each time; how many. */
static unsigned some_idle(Display *display, GLXDrawable *ids)
{
	static unsigned turn;
	unsigned number = 0, found = 0;
	pthread_mutex_lock(&lock);
	for (const struct glx_drawable *at = drawables; at && found < LOOKS; at = at->next)
		if (at->display == display && at->implicit && at->surface->references == 1 &&
			number++ >= turn)
			ids[found++] = at->id;
	turn = found < LOOKS ? 0 : turn + LOOKS;
	pthread_mutex_unlock(&lock);
	return found;
}

/* Nobody says that a window has gone that was used without glXCreateWindow: with each new one, some
 * of the others are looked at. */
static void forget_gone(Display *display)
{
	GLXDrawable ids[LOOKS];
	struct glx_geometry geometry;
	const unsigned count = some_idle(display, ids);
	for (unsigned i = 0; i < count; i++)
		if (!glx_geometry(display, ids[i], &geometry))
			forget(display, ids[i]);
}

/* A window of the same number that was destroyed and made again may want another config. */
static bool still_fits(const struct glx_drawable *drawable, const struct glx_config *config)
{
	return !drawable->implicit || drawable->config == config ||
		(drawable->config->driver.id == config->driver.id &&
			drawable->config->double_buffered == config->double_buffered);
}

struct glx_drawable *glx_drawable_get(
	Display *display, GLXDrawable id, const struct glx_config *config)
{
	struct glx_drawable *found = id ? glx_drawable_find(display, id) : NULL;
	if (found && still_fits(found, config))
		return found;
	if (found && found->surface->owner)
		return found;
	if (found)
		forget(display, id);
	if (!id)
		return NULL;
	forget_gone(display);
	struct glx_drawable *made = add(display, id, id, WINDOW, config, 0, 0);
	if (made)
		made->implicit = true;
	return made;
}

static GLXWindow CreateWindow(
	Display *display, GLXFBConfig config, Window window, const int *attributes)
{
	LockDisplay(display);
	const XID id = XAllocID(display);
	UnlockDisplay(display);
	return add(display, id, window, WINDOW, (const struct glx_config *)config, 0, 0) ? id : 0;
}

/* Windows are not counted: with the X window its GLX window has gone. */
static void DestroyWindow(Display *display, GLXWindow window)
{
	const struct glx_drawable *known = glx_drawable_find(display, window);
	struct glx_geometry geometry;
	if (!known || !glx_geometry(display, known->x, &geometry))
		glx_error(display, GLXBadWindow, window, false);
	forget(display, window);
}

static GLXPixmap CreatePixmap(
	Display *display, GLXFBConfig config, Pixmap pixmap, const int *attributes)
{
	LockDisplay(display);
	const XID id = XAllocID(display);
	UnlockDisplay(display);
	struct glx_drawable *made =
		add(display, id, pixmap, PIXMAP, (const struct glx_config *)config, 0, 0);
	for (const int *at = attributes; made && at && *at; at += 2) {
		if (at[0] == GLX_TEXTURE_FORMAT_EXT && at[1] != GLX_TEXTURE_FORMAT_NONE_EXT)
			made->texture_format = at[1];
		else if (at[0] == GLX_TEXTURE_TARGET_EXT)
			made->texture_target = at[1];
	}
	return made ? id : 0;
}

static GLXPixmap CreateGLXPixmap(Display *display, XVisualInfo *visual, Pixmap pixmap)
{
	struct glx_screen *screen = configs_screen(display, visual->screen);
	const struct glx_config *config =
		screen ? configs_of_visual(screen, visual->visualid) : NULL;
	return config ? CreatePixmap(display, (GLXFBConfig)config, pixmap, NULL) : 0;
}

static GLXPixmap CreateGLXPixmapWithConfigSGIX(Display *display, GLXFBConfig config, Pixmap pixmap)
{
	const GLXPixmap made = CreatePixmap(display, config, pixmap, NULL);
	glx_own_drawable(display, made);
	return made;
}

static void DestroyPixmap(Display *display, GLXPixmap pixmap)
{
	forget(display, pixmap);
}

static void DestroyGLXPixmap(Display *display, GLXPixmap pixmap)
{
	forget(display, pixmap);
}

static GLXPbuffer CreatePbuffer(Display *display, GLXFBConfig config, const int *attributes)
{
	unsigned width = 0, height = 0;
	bool preserved = true, largest = false;
	for (const int *at = attributes; at && *at; at += 2) {
		if (at[0] == GLX_PBUFFER_WIDTH)
			width = (unsigned)at[1];
		else if (at[0] == GLX_PBUFFER_HEIGHT)
			height = (unsigned)at[1];
		else if (at[0] == GLX_PRESERVED_CONTENTS)
			preserved = at[1];
		else if (at[0] == GLX_LARGEST_PBUFFER)
			largest = at[1];
	}
	LockDisplay(display);
	const XID id = XAllocID(display);
	UnlockDisplay(display);
	struct glx_drawable *made =
		add(display, id, 0, PBUFFER, (const struct glx_config *)config, width, height);
	if (!made)
		return 0;
	made->preserved = preserved;
	made->largest = largest;
	return id;
}

static GLXPbuffer CreateGLXPbufferSGIX(
	Display *display, GLXFBConfig config, unsigned width, unsigned height, int *attributes)
{
	int list[64] = {GLX_PBUFFER_WIDTH, (int)width, GLX_PBUFFER_HEIGHT, (int)height};
	for (unsigned i = 0; attributes && attributes[i] && i + 6 < 64; i += 2) {
		list[i + 4] = attributes[i];
		list[i + 5] = attributes[i + 1];
	}
	const GLXPbuffer made = CreatePbuffer(display, config, list);
	glx_own_drawable(display, made);
	return made;
}

static void DestroyPbuffer(Display *display, GLXPbuffer pbuffer)
{
	forget(display, pbuffer);
}

static unsigned size_of(Display *display, Drawable drawable, int attribute)
{
	struct glx_geometry geometry;
	if (!glx_geometry(display, drawable, &geometry)) {
		glx_error(display, GLXBadDrawable, drawable, false);
		return 0;
	}
	return attribute == GLX_WIDTH ? geometry.width : geometry.height;
}

/* A window that was never drawn to stands for the config of its visual. */
static unsigned config_id(Display *display, GLXDrawable id)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (drawable)
		return (unsigned)drawable->config->id;
	struct glx_screen *screen = configs_screen(display, DefaultScreen(display));
	const VisualID visual = glx_window_visual(display, id);
	const struct glx_config *config =
		screen && visual ? configs_of_visual(screen, visual) : NULL;
	return config ? (unsigned)config->id : 0;
}

static void QueryDrawable(Display *display, GLXDrawable id, int attribute, unsigned *value)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	*value = 0;
	switch (attribute) {
	case GLX_WIDTH:
	case GLX_HEIGHT:
		if (drawable && !drawable->x)
			*value = attribute == GLX_WIDTH ? drawable->width : drawable->height;
		else
			*value = size_of(display, drawable ? drawable->x : id, attribute);
		break;
	case GLX_PRESERVED_CONTENTS:
		*value = drawable && drawable->preserved;
		break;
	case GLX_LARGEST_PBUFFER:
		*value = drawable && drawable->largest;
		break;
	case GLX_FBCONFIG_ID:
		*value = config_id(display, id);
		break;
	case GLX_TEXTURE_FORMAT_EXT:
		*value = drawable && drawable->texture_format ? (unsigned)drawable->texture_format
							      : GLX_TEXTURE_FORMAT_NONE_EXT;
		break;
	case GLX_TEXTURE_TARGET_EXT:
		*value = drawable ? (unsigned)drawable->texture_target : 0;
		break;
	case GLX_Y_INVERTED_EXT:
		*value = drawable != NULL;
		break;
	case GLX_SWAP_INTERVAL_EXT:
		*value = drawable ? (unsigned)drawable->swap_interval : 0;
		break;
	case GLX_MAX_SWAP_INTERVAL_EXT:
		*value = 1;
		break;
	default:
		break;
	}
}

static void SelectEvent(Display *display, GLXDrawable id, unsigned long mask)
{
	struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (drawable)
		drawable->events = mask;
}

static void GetSelectedEvent(Display *display, GLXDrawable id, unsigned long *mask)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	*mask = drawable ? drawable->events : 0;
}

static void SwapBuffers(Display *display, GLXDrawable id)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (!drawable || !drawable->x)
		return;
	XFlush(display);
	if (!drawable->config->double_buffered)
		shim_glFlush();
	else
		surface_swap(drawable->surface, 0, 0, 0, 0);
}

static void CopySubBufferMESA(Display *display, GLXDrawable id, int x, int y, int width, int height)
{
	const struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (drawable && width > 0 && height > 0)
		surface_swap(drawable->surface, x, y, width, height);
}

/* There is no vertical blank to wait for; the interval is kept, and has no effect. */
static struct glx_drawable *current_drawable(void)
{
	const struct context *current = context_current();
	const struct glx_context *made = current ? current->tag : NULL;
	return made ? glx_drawable_find(made->display, made->draw) : NULL;
}

static int SwapIntervalMESA(unsigned interval)
{
	struct glx_drawable *drawable = current_drawable();
	if (!drawable)
		return GLX_BAD_CONTEXT;
	drawable->swap_interval = (int)interval;
	return 0;
}

static int GetSwapIntervalMESA(void)
{
	const struct glx_drawable *drawable = current_drawable();
	return drawable ? drawable->swap_interval : 0;
}

static int SwapIntervalSGI(int interval)
{
	return interval <= 0 ? GLX_BAD_VALUE : SwapIntervalMESA((unsigned)interval);
}

static void SwapIntervalEXT(Display *display, GLXDrawable id, int interval)
{
	struct glx_drawable *drawable = glx_drawable_find(display, id);
	if (drawable)
		drawable->swap_interval = interval;
}

const struct glx_function glx_drawable_functions[] = {
	{"glXDestroyGLXPbufferSGIX", (void (*)(void))DestroyPbuffer},
	{"glXQueryGLXPbufferSGIX", (void (*)(void))QueryDrawable},
	{"glXSelectEventSGIX", (void (*)(void))SelectEvent},
	{"glXGetSelectedEventSGIX", (void (*)(void))GetSelectedEvent},
	GLX_FUNCTION(CreateGLXPbufferSGIX),
	GLX_FUNCTION(CreateGLXPixmapWithConfigSGIX),
	GLX_FUNCTION(CreateWindow),
	GLX_FUNCTION(DestroyWindow),
	GLX_FUNCTION(CreatePixmap),
	GLX_FUNCTION(CreateGLXPixmap),
	GLX_FUNCTION(DestroyPixmap),
	GLX_FUNCTION(DestroyGLXPixmap),
	GLX_FUNCTION(CreatePbuffer),
	GLX_FUNCTION(DestroyPbuffer),
	GLX_FUNCTION(QueryDrawable),
	GLX_FUNCTION(SelectEvent),
	GLX_FUNCTION(GetSelectedEvent),
	GLX_FUNCTION(SwapBuffers),
	GLX_FUNCTION(CopySubBufferMESA),
	GLX_FUNCTION(SwapIntervalMESA),
	GLX_FUNCTION(GetSwapIntervalMESA),
	GLX_FUNCTION(SwapIntervalSGI),
	GLX_FUNCTION(SwapIntervalEXT),
	{0},
};
