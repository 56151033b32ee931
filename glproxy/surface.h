/*
 * surface.h: what contexts draw on: pbuffers of the driver, shown in X windows and pixmaps.
 *
 * A window is drawn in a pbuffer of its size; a swap reads the pbuffer and hands the picture to a
 * thread that puts it into the window. The pbuffer stays as it is: as with the software GLX of
 * Mesa, a swap copies. A window that changed its size gets a new pbuffer at the next swap or
 * glViewport, and its front buffer is forgotten.
 *
 * For those who keep surfaces: `egl` has the depths, the stencils and the colours of one buffer:
 * the back buffer's, or where `turned` the front buffer's. `other` is EGL_NO_SURFACE as long as no
 * program used the front buffer: it is what the window shows, and there is nothing to keep. Else
 * its colours are the other buffer's (its depths mean nothing); where `both`, they are out of date
 * and count as the same as those of `egl`. The three are front.c's, and change in the thread of the
 * context alone whose draw surface this is; what a context draws to and reads from is its
 * GL_DRAW_BUFFER and GL_READ_BUFFER in the driver, and context.h's draws and reads.
 */
#ifndef GLPROXY_SURFACE_H
#define GLPROXY_SURFACE_H

#include "glproxy/proxy.h"

#include <stdbool.h>

struct accum;
struct context;
struct present;

enum surface_kind { SURFACE_PBUFFER = 1, SURFACE_WINDOW = 2, SURFACE_PIXMAP = 3 };

#define SURFACE_DOUBLE 1u /* double-buffered: shown at swaps only */
#define SURFACE_SRGB 2u
#define SURFACE_ACCUM 4u /* it has an accumulation buffer (accum.h) */

struct surface {
	struct proxy *proxy;
	unsigned id;
	enum surface_kind kind;
	unsigned flags;
	EGLint config;
	unsigned drawable; /* X's number, and where it is; for those that are shown */
	char display[64];
	EGLSurface egl;
	EGLSurface other;
	bool turned;
	bool both;
	unsigned width, height;
	unsigned replayed[2]; /* the size in a journal that is being replayed; 0: no other */
	_Atomic unsigned references;
	struct accum *accum;     /* accum.h's; NULL: all 0 */
	struct present *present; /* NULL for pbuffers, and while the proxy has let go of X */
};

/* NULL on failure. `display` and `drawable` name the X window or pixmap. */
struct surface *surface_create(struct proxy *proxy, enum surface_kind kind, EGLint config,
	unsigned flags, unsigned width, unsigned height, const char *display, unsigned drawable);

/* The driver's surface, of the present size. */
bool surface_open(struct surface *surface);

/* Ends and makes again the connection to the window's X server; all threads stand still. */
void surface_let_go(struct surface *surface);
void surface_take_hold(struct surface *surface);

struct surface *surface_hold(struct surface *surface);
void surface_drop(struct surface *surface);

/* A pbuffer of the surface's size. */
EGLSurface surface_pbuffer(const struct surface *surface, EGLConfig config);

/* Takes over a changed window size; true when there is a new EGL surface to be made current. In the
 * thread of the context it is current to. `ask`: ask the X server now. */
bool surface_follow(struct surface *surface, bool ask);

/* Tells the journal its size, which X has said and no message. */
void surface_note_size(const struct surface *surface);

/* Forgets the front buffer. */
void surface_unite(struct surface *surface);

/* Shows the colours of `egl`, or the part of them given in GL's window coordinates (width 0: all).
 */
void surface_show(
	struct surface *surface, struct context *context, int x, int y, int width, int height);

/* The colours of `egl` as a level of a texture (the driver's name), or in an X pixmap. The context
 * is current, and need not be to this surface. */
bool surface_to_texture(
	struct surface *surface, struct context *context, GLuint texture, int level, GLenum format);
bool surface_to_pixmap(
	struct surface *surface, struct context *context, const char *display, unsigned pixmap);

/* Waits, not for long, until all pictures are in the window. */
void surface_settle(struct surface *surface);

#endif
