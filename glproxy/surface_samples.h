/*
 * surface_samples.h: what a multisampled surface holds, sample by sample (samples.h).
 *
 * Neither can be asked of the default framebuffer: it is blitted to a texture of as many samples,
 * and from one. With a helper context current on the surface, its state plain but for the pixel
 * store's alignment of 1.
 */
#ifndef GLPROXY_SURFACE_SAMPLES_H
#define GLPROXY_SURFACE_SAMPLES_H

#include "glproxy/driver.h"

#include <stdbool.h>
#include <stddef.h>

struct surface_samples {
	const struct driver *gl;
	GLsizei width, height;
	GLint samples;
};

/* Bytes of a pixel, all its samples together. */
size_t surface_samples_colour_bytes(const struct surface_samples *s);
size_t surface_samples_depth_bytes(const struct surface_samples *s);

/* Colours of the buffer that is named GL_BACK; depths, and behind them stencils, as far as there
 * are any. False where the driver refuses. */
bool surface_samples_get_colours(const struct surface_samples *s, void *pixels);
bool surface_samples_get_depths(const struct surface_samples *s, void *pixels);
bool surface_samples_put_colours(const struct surface_samples *s, const void *pixels);
bool surface_samples_put_depths(const struct surface_samples *s, const void *pixels);

#endif
