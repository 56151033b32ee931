/*
 * behind.h: writes into buffers that are held back for a moment, because the program may overwrite
 * them before anybody looks: many programs fill a buffer in pieces, or again and again, before they
 * draw. Such a write is in the ring as a whole message and not published; the next message that is
 * published takes it along, so nothing that could look at the buffer comes before it.
 *
 * A context that is alone in its group may hold back; where another shares its objects, nothing is
 * held. Where holding back does not pay, it is given up for a while, since meanwhile the proxy
 * could have worked. Called by the context's own thread.
 */
#ifndef GLSHIM_BEHIND_H
#define GLSHIM_BEHIND_H

#include "wire/gltypes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_context;

#define BEHIND_WRITES 32

struct behind_write {
	GLuint buffer;
	GLintptr offset;
	GLsizeiptr size;
	char *data;     /* where they lie; NULL: the buffer is unmapped (behind_unmapped) */
	uint64_t block; /* of the mapping */
	uint64_t begin; /* position of the message */
};

struct behind {
	uint64_t end; /* the ring's position behind the last write held back */
	unsigned count;
	size_t bytes;
	bool paid;      /* something was overwritten */
	unsigned pause; /* writes to be published at once, because the last ones did not pay */
	unsigned next_pause;
	struct behind_write writes[BEHIND_WRITES];
};

/* The write of just this range that may still be changed; NULL for none. */
const struct behind_write *behind_find(
	struct shim_context *self, GLuint buffer, GLintptr offset, GLsizeiptr size);

/* The message just put is held back, or published. */
void behind_add(struct shim_context *self, const struct behind_write *write);

/* Takes the message back that unmaps just this range, if it is the last one: the mapping's block is
 * the program's again. False: it is not held back. */
bool behind_map_again(struct shim_context *self, GLuint buffer, GLintptr offset, GLsizeiptr size,
	uint64_t *block);

/* Publishes the messages before `end`, if they are not yet. */
void behind_publish(struct shim_context *self, uint64_t end);

/* Publishes what is held back; no more than that, since a message may be at hand. */
void behind_release(struct shim_context *self);

#endif
