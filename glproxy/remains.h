/*
 * remains.h: objects that the program has deleted and that others of its objects still use
 * (OpenGL 4.6, 5.1.3).
 *
 * A deleted texture or renderbuffer lives on in framebuffers that were not bound at that moment, a
 * buffer in vertex arrays that were not. A driver lets nobody at them: they have no name any more.
 * So they are not deleted there but go by a name of ours, out of the program's reach; all other
 * effects that deleting has are brought about by hand. To a snapshot they are objects like others.
 * They are deleted once nothing uses them that belongs to the context that deleted them.
 *
 * In the context's thread. Not in ES, which cannot be asked; there, and where other contexts of the
 * share group use what is deleted, the driver deletes at once.
 */
#ifndef GLPROXY_REMAINS_H
#define GLPROXY_REMAINS_H

#include "glproxy/exec.h"

/* The program deletes the driver's object: 0 where that is to happen, else the name of ours that it
 * goes by from now on. */
GLuint remains_of_buffer(struct exec *x, GLuint driver);
GLuint remains_of_texture(struct exec *x, GLuint driver);
GLuint remains_of_renderbuffer(struct exec *x, GLuint driver);

#endif
