/*
 * egl.h: what the files of our EGL share. Handles of the program are pointers to these structs.
 */
#ifndef GLSHIM_EGL_H
#define GLSHIM_EGL_H

#include "glshim/context.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <X11/Xlib.h>
#include <glvnd/libeglabi.h>

#define EGL_PBUFFER_MAX 8192 /* width and height */

struct egl_config {
	struct wire_config driver;
	EGLint visual; /* 0: no windows */
	EGLint surfaces;
};

enum egl_kind { EGL_KIND_CONTEXT, EGL_KIND_SURFACE, EGL_KIND_SYNC };

/* What begins every object that the program has a handle of. */
struct egl_handle {
	struct egl_handle *next;
	enum egl_kind kind;
};

struct egl_display {
	struct egl_display *next;
	EGLenum platform; /* EGL_PLATFORM_X11_KHR, _SURFACELESS_MESA or _DEVICE_EXT */
	void *native;
	Display *x; /* X11 only */
	bool initialized;
	struct egl_config *configs;
	EGLint config_count;
	struct egl_handle *handles;
};

struct egl_context {
	struct egl_handle handle;
	struct context *context;
	struct egl_display *display;
	const struct egl_config *config; /* NULL: made without */
	EGLenum api;
	EGLint version; /* of OpenGL ES, as asked for */
	bool single;    /* current to a single-buffered surface */
};

struct egl_surface {
	struct egl_handle handle;
	struct surface *surface;
	struct egl_display *display;
	const struct egl_config *config;
	EGLint kind; /* EGL_WINDOW_BIT, EGL_PBUFFER_BIT, EGL_PIXMAP_BIT */
	Drawable drawable;
	EGLint width, height;
	EGLint render_buffer, colorspace, swap_behavior, largest, texture_format, texture_target;
	EGLint mipmap_texture, mipmap_level, multisample_resolve;
};

struct egl_function {
	const char *name;
	void (*function)(void);
};

#define EGL_FUNCTION(name)                        \
	{                                         \
		"egl" #name, (void (*)(void))name \
	}

extern const struct egl_function egl_display_functions[]; /* each ends with a NULL name */
extern const struct egl_function egl_config_functions[];
extern const struct egl_function egl_context_functions[];
extern const struct egl_function egl_surface_functions[];
extern const struct egl_function egl_sync_functions[];

/* glvnd's side. */
extern const __EGLapiExports *egl_exports;

/* Notes the calling thread's error (EGL_SUCCESS too) and returns false, so that callers can write
 * `return egl_fail(EGL_BAD_MATCH)`; egl_done() notes success and returns true. */
EGLBoolean egl_fail(EGLint error);
EGLBoolean egl_done(void);

/* The display of a handle when it is one and initialized; else notes the error. */
struct egl_display *egl_display_of(EGLDisplay handle);

/* ---- handles: a program may hand us any pointer, and is told that it is none of ours ---- */

void egl_handle_add(struct egl_display *display, struct egl_handle *handle, enum egl_kind kind);

/* The object of a handle; NULL for none. The second takes the handle back: it is valid no more. */
void *egl_handle_of(struct egl_display *display, const void *handle, enum egl_kind kind);
void *egl_handle_take(struct egl_display *display, const void *handle, enum egl_kind kind);

/* Whether there is an object of the kind that `is` says yes of; called with the handles locked. */
bool egl_handle_any(struct egl_display *display, enum egl_kind kind,
	bool (*is)(const struct egl_handle *handle, unsigned long number), unsigned long number);

/* The object of a handle; else NULL, and the error is noted. */
struct egl_surface *egl_surface_of(struct egl_display *display, EGLSurface handle);
struct egl_context *egl_context_of(struct egl_display *display, EGLContext handle);

/* Fills in the display's configs. */
void egl_configs_make(struct egl_display *display);

bool egl_config_valid(const struct egl_display *display, EGLConfig config);

#endif
