/*
 * samples.h: contents of multisampled textures, sample by sample.
 *
 * GL neither gives nor takes them. So they travel in a carrier: an array texture with a slice for
 * each sample of each layer, filled and emptied by drawing. Colours have a carrier of their own
 * format, depths and stencils one of floats and one of integers.
 */
#ifndef GLPROXY_SAMPLES_H
#define GLPROXY_SAMPLES_H

#include "glproxy/snapshot_stream.h"

/* The texture is bound to its target, with a helper context current: its storage, contents and
 * parameters. */
void take_multisampled(struct take *t, GLenum target, GLuint name, GLuint driver);

/* The same of one that has its storage already; the contents where they are to be filled in. */
void take_multisampled_view(struct take *t, GLenum target, GLuint name, GLuint driver, bool fill);

#endif
