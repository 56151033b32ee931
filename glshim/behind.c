#include "glshim/behind.h"

#include "glshim/call.h"

#define BYTES_MAX (2u << 20)
#define PAUSE_MAX 256

static bool pending(const struct shim_context *self)
{
	return self->behind.count && self->behind.end == self->position;
}

static bool same(const struct behind_write *write, GLuint buffer, GLintptr offset, GLsizeiptr size)
{
	return write->buffer == buffer && write->offset == offset && write->size == size;
}

static bool overlaps(
	const struct behind_write *write, GLuint buffer, GLintptr offset, GLsizeiptr size)
{
	return write->buffer == buffer && offset < write->offset + write->size &&
		write->offset < offset + size;
}

/* The only write held back that touches the range, if it is of just that range. */
const struct behind_write *behind_find(
	struct shim_context *self, GLuint buffer, GLintptr offset, GLsizeiptr size)
{
	const struct behind_write *found = NULL;
	if (!pending(self))
		return NULL;
	for (unsigned i = 0; i < self->behind.count; i++) {
		const struct behind_write *write = &self->behind.writes[i];
		if (!overlaps(write, buffer, offset, size))
			continue;
		if (found || !write->data || !same(write, buffer, offset, size))
			return NULL;
		found = write;
	}
	self->behind.paid |= found != NULL;
	return found;
}

/* What was held back is published: was it worth it? */
static void begin(struct behind *behind)
{
	if (behind->count && behind->paid)
		behind->next_pause = 1;
	else if (behind->count && behind->next_pause < PAUSE_MAX)
		behind->next_pause = behind->next_pause * 2 + 1;
	if (behind->count && !behind->paid)
		behind->pause = behind->next_pause;
	behind->count = 0;
	behind->bytes = 0;
	behind->paid = false;
}

static bool may_hold(struct shim_context *self)
{
	struct behind *behind = &self->behind;
	if (self->seen || self->synchronous || self->lost)
		return false;
	if (behind->pause) {
		behind->pause--;
		return false;
	}
	return true;
}

void behind_add(struct shim_context *self, const struct behind_write *write)
{
	struct behind *behind = &self->behind;
	if (behind->end != write->begin)
		begin(behind);
	if (!may_hold(self) || behind->count == BEHIND_WRITES ||
		behind->bytes + (size_t)write->size > BYTES_MAX) {
		begin(behind);
		shim_publish(self);
		return;
	}
	behind->writes[behind->count++] = *write;
	behind->bytes += (size_t)write->size;
	behind->end = self->position;
}

bool behind_map_again(
	struct shim_context *self, GLuint buffer, GLintptr offset, GLsizeiptr size, uint64_t *block)
{
	struct behind *behind = &self->behind;
	const struct behind_write *last = &behind->writes[behind->count - 1];
	if (!pending(self) || last->data || !same(last, buffer, offset, size))
		return false;
	*block = last->block;
	behind->paid = true;
	behind->bytes -= (size_t)last->size;
	behind->end = self->position = last->begin;
	behind->count--;
	return true;
}

void behind_publish(struct shim_context *self, uint64_t end)
{
	if (atomic_load_explicit(&self->ring.shared->head, memory_order_relaxed) < end)
		atomic_store_explicit(&self->ring.shared->head, end, memory_order_release);
}

void behind_release(struct shim_context *self)
{
	struct behind *behind = &self->behind;
	behind_publish(self, self->write_end);
	if (!behind->count)
		return;
	behind_publish(self, behind->end);
	begin(behind);
}
