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

/* Something multisampled: a texture. */
struct samples {
	GLenum target;
	GLuint name;   /* the program's, for a snapshot */
	GLuint driver; /* bound */
	GLint width, height, layers, samples, internal, fixed;
};

/* What samples are as pixels, one behind another for each sample of each layer. */
struct samples_form {
	GLenum kind;    /* GL_COLOR, GL_DEPTH, GL_STENCIL */
	GLint internal; /* of a carrier */
	GLenum type;    /* of a component in a shader: GL_FLOAT, GL_INT, GL_UNSIGNED_INT */
	GLenum format;  /* of the pixels, */
	GLenum pixel;   /* and their type */
};

/* With a compatibility context current whose state is plain; false with an error of the driver. */
bool samples_get(const struct driver *gl, const struct samples *m, const struct samples_form *form,
	void *pixels);
bool samples_put(const struct driver *gl, const struct samples *m, const struct samples_form *form,
	const void *pixels);

#endif
