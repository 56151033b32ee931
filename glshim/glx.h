/*
 * glx.h: what the files of our GLX share: contexts and drawables by what the program knows them as.
 */
#ifndef GLSHIM_GLX_H
#define GLSHIM_GLX_H

#include "glshim/configs.h"
#include "glshim/context.h"

struct glx_context {
	struct context *context;
	const struct glx_config *config;
	Display *display;
	int screen;
	int render_type;
	GLXDrawable draw, read;
};

struct glx_drawable {
	struct glx_drawable *next;
	Display *display;
	GLXDrawable id;
	Drawable x; /* window or pixmap behind it; 0: a pbuffer */
	const struct glx_config *config;
	struct surface *surface;
	unsigned width, height;
	bool preserved, largest;
	unsigned long events;
	int swap_interval;
	int texture_format, texture_target; /* of a pixmap; format 0: it is no texture */
	bool implicit;                      /* a window used without glXCreateWindow */
};

/* The drawable of an id; NULL for none. */
struct glx_drawable *glx_drawable_find(Display *display, GLXDrawable id);

/* The drawable of an id, made when it is a plain window. */
struct glx_drawable *glx_drawable_get(
	Display *display, GLXDrawable id, const struct glx_config *config);

/* The display is closed: forgets all that were on it. */
void glx_drawables_gone(Display *display);

/* Of functions that libGLX does not dispatch itself: tells it whose the new thing is. NULL and 0
 * are nothing. */
void glx_own_context(Display *display, GLXContext context);
void glx_own_drawable(Display *display, GLXDrawable drawable);

#define GLX_FUNCTION(name)                        \
	{                                         \
		"glX" #name, (void (*)(void))name \
	}

struct glx_function {
	const char *name;
	void (*function)(void);
};

extern const struct glx_function glx_drawable_functions[]; /* each ends with a NULL name */
extern const struct glx_function glx_context_functions[];
extern const struct glx_function glx_query_functions[];
extern const struct glx_function glx_font_functions[];
extern const struct glx_function glx_renderer_functions[];
extern const struct glx_function glx_texture_functions[];

#endif
