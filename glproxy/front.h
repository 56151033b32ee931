/*
 * front.h: the front and the back buffer of a double-buffered drawable (OpenGL 4.6 compatibility,
 * 17.4.1 and 18.2.1).
 *
 * A pbuffer of the driver has one colour buffer, by whatever name a program calls it. A drawable
 * whose front buffer is used therefore has two pbuffers (surface.h): `egl`, which is drawn to and
 * has the depths and stencils, and `other`, which has the colours of the buffer that is not drawn
 * to. Where a program changes its mind about the buffer it draws to, the two change colours. What a
 * program called its buffers stays in the driver, so that it is asked, saved and restored there.
 *
 * Drawing to both at once draws to the back buffer, and makes the front buffer the same afterwards.
 * Before its first use the front buffer is what the window shows.
 *
 * In the context's thread, with the context current. Contexts that draw in a pbuffer of their own
 * (context.h) have one colour buffer, and so have drawables that are not double-buffered.
 */
#ifndef GLPROXY_FRONT_H
#define GLPROXY_FRONT_H

#include "glproxy/context.h"
#include "glproxy/surface.h"

/* A context has been made current. `first`: for the first time; its buffers are those that its
 * drawable has. */
void front_begin(struct context *context, bool first);

/* The driver's surface that the context reads colours from, and telling it the buffer's name: the
 * driver keeps that with the surface. */
EGLSurface front_read_surface(const struct context *context);
void front_say_reads(const struct context *context);

/* Finds out what the program draws to and reads from now. `named`: it has just said so; else
 * something happened that may have brought back what was said before: popped attributes, a list. */
void front_look(struct exec *x, bool named);

/* Other surfaces, or other sizes: makes them as the context's buffers want them. */
void front_arrange(struct context *context);

/* True where the context draws to what its window shows at once. */
bool front_is_drawn(const struct context *context);

/* The program's glFlush, and its swap (the part in GL's coordinates; width 0: all of it). */
void front_flush(struct context *context);

/* Shows the front buffer anew; where the proxy has none, the window does. */
void front_show(struct context *context);
void front_swap(struct context *context, int x, int y, int width, int height);

/* A compatibility context of ours current, drawing to one surface of the driver and reading from
 * another, until the end; false where there is none. The driver may let contexts run side by side:
 * each has to be done with the pbuffers before the next begins. */
bool front_begin_helper(struct context *context, EGLSurface draw, EGLSurface read);
void front_end_helper(struct context *context);

/* Depths and stencils are read from `egl` alone: true when front_read_again() is to be called after
 * a read of them. */
bool front_read_depths(struct exec *x);
void front_read_again(struct exec *x);

#endif
