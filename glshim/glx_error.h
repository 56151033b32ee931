/*
 * glx_error.h: errors of GLX, told to the program the X way (GLX 1.4, 2.5).
 */
#ifndef GLSHIM_GLX_ERROR_H
#define GLSHIM_GLX_ERROR_H

#include <X11/Xlib.h>
#include <stdbool.h>

/* GLX's own errors, counted from its first (glxproto.h). */
#define GLXBadContext 0
#define GLXBadDrawable 2
#define GLXBadPixmap 3
#define GLXBadFBConfig 9
#define GLXBadPbuffer 10
#define GLXBadWindow 12
#define GLXBadProfileARB 13

/* Calls the program's error handler. `core`: an error of the X protocol; else one of GLX, which is
 * left out where the X server has no GLX to number it by. */
void glx_error(Display *display, unsigned char code, XID resource, bool core);

#endif
