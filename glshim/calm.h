/*
 * calm.h: calls that change no state (policy: `calm`), and what the shim may therefore still know
 * after them: answers of glGet*, and that no error can be pending.
 *
 * Such a call, with the same deciding values, in a state that has not changed since, succeeds as it
 * did before. So when glGetError has once said that there was no error, it is not asked again after
 * a call of that kind. A context whose objects another shares, or whose transform feedback may run
 * full (OpenGL ES), is never sure of its state.
 *
 * Called by the context's own thread.
 */
#ifndef GLSHIM_CALM_H
#define GLSHIM_CALM_H

#include "glshim/call.h"

/* The call and the values that decide whether GL takes it. */
static inline uint64_t calm_key(unsigned opcode, unsigned count, const uint64_t *values)
{
	uint64_t key = opcode + 1;
	for (unsigned i = 0; i < count; i++)
		key = (key ^ values[i]) * 0x9e3779b97f4a7c15u + (key >> 29);
	return key;
}

/* From `before` to the present position lies one message that changed no state. */
static inline void calm_still(struct shim_context *self, uint64_t before)
{
	if (self->still_end != before)
		self->still_begin = before;
	self->still_end = self->position;
}

/* Whether the state is still what it was at `moment`. */
static inline bool calm_since(const struct shim_context *self, uint64_t moment)
{
	return self->still_end == self->position && moment >= self->still_begin;
}

/* A calm call was put at `before`. */
static inline void calm_call(struct shim_context *self, uint64_t before, uint64_t key)
{
	if (!self->may_be_calm || self->seen)
		return;
	calm_still(self, before);
	struct shim_tried *tried = &self->tried[key % SHIM_TRIED];
	if (tried->key != key || tried->moment < self->still_begin) {
		tried->key = key;
		tried->moment = before;
	} else if (tried->moment < self->no_error && self->quiet == before) {
		self->quiet = self->position;
	}
}

#endif
