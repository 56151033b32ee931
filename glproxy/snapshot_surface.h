/*
 * snapshot_surface.h: pictures of windows, pixmaps and pbuffers: colours of both buffers, depths
 * and stencils, read and drawn with a context of our own that shares nothing; of multisampled ones
 * each sample by itself.
 */
#ifndef GLPROXY_SNAPSHOT_SURFACE_H
#define GLPROXY_SNAPSHOT_SURFACE_H

#include "glproxy/snapshot_file.h"
#include "glproxy/surface.h"

/* A context of our own, compatible with every config; in a share group where `share` is given.
 * EGL_NO_CONTEXT with a sentence where the driver has none. */
EGLContext helper_open(struct proxy *proxy, EGLContext share, struct err *err);
void helper_close(struct proxy *proxy, EGLContext helper);

/* Appends a record of every surface. */
int take_surfaces(struct proxy *proxy, struct snapshot_out *out, struct err *err);

/* From a record: the number, kind and size (a fresh process), the driver's surface and its picture.
 */
int surface_adopt(struct proxy *proxy, struct span record, struct err *err);
int surface_build(struct proxy *proxy, EGLContext helper, struct span record, struct err *err);

#endif
