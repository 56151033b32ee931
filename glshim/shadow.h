/*
 * shadow.h: copies, in the heap, of buffers that are mapped again and again to be written in part.
 *
 * Mapping a buffer that keeps its contents has to wait for the proxy to say what they are. Where
 * nobody but the program, by mapping, writes into the buffer, the copy says it as well: the program
 * is given a place in the copy, and what it has written goes from there into the buffer when it
 * unmaps. So a copy is made at the second such mapping, and given up at the first call that writes
 * in any other way. A buffer that was ever bound where GL writes (transform feedback, storage,
 * images, packed pixels, ...) or named by a call that may write into it never has one, nor has one
 * in a context that shares its objects.
 *
 * Called by the context's own thread.
 */
#ifndef GLSHIM_SHADOW_H
#define GLSHIM_SHADOW_H

#include "glshim/context.h"

/* A place in the copy for this mapping, as a block of the heap; 0: there is no copy, and the proxy
 * has to be asked. `target` 0: the buffer is named, not bound. */
uint64_t shadow_map(struct shim_context *self, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access);

/* Says to the proxy that it is mapped, and that it is unmapped: until that is executed the copy is
 * being read. Writes that the program keeps from disturbing each other (GL_MAP_UNSYNCHRONIZED_BIT)
 * become one message where they adjoin; the last is held back (behind.h). */
void shadow_say_mapped(struct shim_context *self, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access, uint64_t block);
void shadow_say_unmapped(struct shim_context *self, GLenum target, GLuint buffer);

/* The buffer is written in another way; or `gone`: it is no more, or has a new store. */
void shadow_end(struct shim_context *self, GLuint buffer, bool gone);

/* Gives back all copies of a context that ends with its group. */
void shadow_finish(struct shim_context *self);

#endif
