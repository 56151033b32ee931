/*
 * glx_geometry.h: asking the X server about a drawable without the program's error handler hearing
 * of it.
 */
#ifndef GLSHIM_GLX_GEOMETRY_H
#define GLSHIM_GLX_GEOMETRY_H

#include <X11/Xlib.h>
#include <stdbool.h>

struct glx_geometry {
	Window root;
	unsigned width, height, depth;
};

/* False when there is no such drawable. */
bool glx_geometry(Display *display, Drawable drawable, struct glx_geometry *found);

/* The visual of a window; 0 when there is no such window. */
VisualID glx_window_visual(Display *display, Window window);

#endif
