/*
 * EGL: which handles a program may use (EGL 1.5, 3.1: "... is not the name of a valid ...").
 */
#include "glshim/egl.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void egl_handle_add(struct egl_display *display, struct egl_handle *handle, enum egl_kind kind)
{
	pthread_mutex_lock(&lock);
	handle->kind = kind;
	handle->next = display->handles;
	display->handles = handle;
	pthread_mutex_unlock(&lock);
}

/* The link that leads to the handle, or to nothing. The lock is held. */
static struct egl_handle **link_to(
	struct egl_display *display, const void *handle, enum egl_kind kind)
{
	struct egl_handle **at = &display->handles;
	while (*at && (*at != handle || (*at)->kind != kind))
		at = &(*at)->next;
	return at;
}

void *egl_handle_of(struct egl_display *display, const void *handle, enum egl_kind kind)
{
	pthread_mutex_lock(&lock);
	struct egl_handle *found = *link_to(display, handle, kind);
	pthread_mutex_unlock(&lock);
	return found;
}

void *egl_handle_take(struct egl_display *display, const void *handle, enum egl_kind kind)
{
	pthread_mutex_lock(&lock);
	struct egl_handle **at = link_to(display, handle, kind);
	struct egl_handle *found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&lock);
	return found;
}

bool egl_handle_any(struct egl_display *display, enum egl_kind kind,
	bool (*is)(const struct egl_handle *handle, unsigned long number), unsigned long number)
{
	pthread_mutex_lock(&lock);
	const struct egl_handle *at = display->handles;
	while (at && (at->kind != kind || !is(at, number)))
		at = at->next;
	pthread_mutex_unlock(&lock);
	return at;
}

struct egl_surface *egl_surface_of(struct egl_display *display, EGLSurface handle)
{
	struct egl_surface *surface = egl_handle_of(display, handle, EGL_KIND_SURFACE);
	if (!surface)
		egl_fail(EGL_BAD_SURFACE);
	return surface;
}

struct egl_context *egl_context_of(struct egl_display *display, EGLContext handle)
{
	struct egl_context *context = egl_handle_of(display, handle, EGL_KIND_CONTEXT);
	if (!context)
		egl_fail(EGL_BAD_CONTEXT);
	return context;
}
