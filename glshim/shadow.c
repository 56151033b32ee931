#include "glshim/shadow.h"

#include "entries.h"
#include "messages.h"

#define SIZE_MAX_OF_ONE ((GLsizeiptr)16 << 20)
#define FIRST_WAITS 1 /* mappings that wait before a copy is made */

static struct shim_store *store_of(struct shim_context *self, GLuint buffer)
{
	struct shim_store *store = self->group ? shim_store_slot(self->group, buffer) : NULL;
	return store && buffer && store->buffer == buffer ? store : NULL;
}

/* Written in part, and not read: what a copy is good for. */
static bool wants(
	const struct shim_store *store, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return access & GL_MAP_WRITE_BIT &&
		!(access & ~(GLbitfield)(GL_MAP_WRITE_BIT | GL_MAP_UNSYNCHRONIZED_BIT)) &&
		(store->mutable_store || store->flags & GL_MAP_WRITE_BIT) &&
		store->size <= SIZE_MAX_OF_ONE && offset >= 0 && length > 0 &&
		offset <= store->size && length <= store->size - offset;
}

static bool alone(const struct shim_context *self, GLuint buffer)
{
	return !self->seen && !self->lost && !self->state.inside_begin &&
		!names_has(&self->group->written, buffer);
}

static bool make(struct shim_store *store, GLenum target)
{
	struct process *process = process_have();
	store->shadow = process ? heap_take((size_t)store->size) : 0;
	if (!store->shadow)
		return false;
	void *copy = process->heap + store->shadow;
	if (target)
		shim_glGetBufferSubData(target, 0, store->size, copy);
	else
		shim_glGetNamedBufferSubData(store->buffer, 0, store->size, copy);
	return true;
}

/* What was written before is still to be taken from the copy, unless the program has said that it
 * takes care itself. */
static void await(struct shim_context *self, const struct shim_store *store, GLbitfield access)
{
	if (access & GL_MAP_UNSYNCHRONIZED_BIT || !store->unmapped)
		return;
	behind_release(self);
	shim_wait_for(self, store->unmapped, WIRE_WAIT_HEAP);
}

uint64_t shadow_map(struct shim_context *self, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access)
{
	struct shim_store *store = store_of(self, buffer);
	if (!store || store->shadowless || !alone(self, buffer) ||
		!wants(store, offset, length, access))
		return 0;
	if (!store->shadow && (store->waits++ < FIRST_WAITS || !make(store, target)))
		return 0;
	await(self, store, access);
	return store->shadow + (uint64_t)offset;
}

/* ---- what is said of it ---- */

#define TOGETHER ((GLsizeiptr)64 << 10) /* bytes of a message that grows no more */

static void *message_at(const struct shim_context *self, uint64_t position)
{
	return self->ring.data + (position & (self->ring.ring_size - 1));
}

static bool is_published(const struct shim_context *self, uint64_t position)
{
	return atomic_load_explicit(&self->ring.shared->head, memory_order_relaxed) > position;
}

void shadow_say_mapped(struct shim_context *self, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access, uint64_t block)
{
	struct wire_ckWrite *message = shim_put(self, WIRE_ckMapWrite, sizeof(*message));
	const struct wire_head head = message->head;
	*message = (struct wire_ckWrite){head, target, buffer, offset, length, access, block};
	self->map_begin = self->position - wire_align(sizeof(*message));
	if (!(access & GL_MAP_UNSYNCHRONIZED_BIT) || self->synchronous)
		shim_publish(self);
}

/* The write before, where that is held back and this one goes on from it; else NULL. */
static struct wire_ckWrite *write_before(
	const struct shim_context *self, const struct wire_ckWrite *next)
{
	if (!self->write_end || self->write_end != self->map_begin ||
		is_published(self, self->write_begin))
		return NULL;
	struct wire_ckWrite *last = message_at(self, self->write_begin);
	const bool adjoins = last->buffer == next->buffer && last->target == next->target &&
		last->access == next->access && last->offset + last->length == next->offset &&
		last->block + (uint64_t)last->length == next->block &&
		last->length + next->length <= TOGETHER;
	return adjoins ? last : NULL;
}

/* The message that maps, if nothing was said since and nobody has seen it. */
static struct wire_ckWrite *just_mapped(const struct shim_context *self, GLuint buffer)
{
	const size_t size = wire_align(sizeof(struct wire_ckWrite));
	if (self->position != self->map_begin + size || is_published(self, self->map_begin))
		return NULL;
	struct wire_ckWrite *message = message_at(self, self->map_begin);
	return message->buffer == buffer ? message : NULL;
}

static void say_written(struct shim_context *self, struct wire_ckWrite *message)
{
	struct wire_ckWrite *last = write_before(self, message);
	if (last) {
		last->length += message->length;
		self->position = self->map_begin;
		return;
	}
	message->head.opcode = WIRE_ckWrite;
	behind_publish(self, self->map_begin);
	self->write_begin = self->map_begin;
	self->write_end = self->position;
	if (self->seen || self->position >= self->kick_at)
		shim_publish(self);
}

void shadow_say_unmapped(struct shim_context *self, GLenum target, GLuint buffer)
{
	struct shim_store *store = store_of(self, buffer);
	struct wire_ckWrite *message = just_mapped(self, buffer);
	if (message)
		say_written(self, message);
	else
		send_ckUnmapWrite(target, buffer);
	if (store)
		store->unmapped = self->position;
}

static void drop(struct shim_context *self, struct shim_store *store)
{
	if (store->shadow)
		shim_give_later(self, store->shadow, (size_t)store->size);
	store->shadow = 0;
	store->unmapped = 0;
}

void shadow_end(struct shim_context *self, GLuint buffer, bool gone)
{
	struct shim_store *store = store_of(self, buffer);
	if (!store || (!gone && !store->shadow))
		return;
	drop(self, store);
	store->shadowless = !gone;
	store->waits = 0;
}

/* The proxy takes the last writes from the copies before they are used for something else. */
void shadow_finish(struct shim_context *self)
{
	struct shim_group *group = self->group;
	behind_release(self);
	for (unsigned i = 0; group && i < GROUP_BUFFERS; i++) {
		struct shim_store *store = &group->stores[i];
		if (!store->shadow)
			continue;
		shim_wait_for(self, store->unmapped, WIRE_WAIT_HEAP);
		heap_give(store->shadow, (size_t)store->size);
		store->shadow = 0;
	}
}

/* ---- who else writes ---- */

/* Where a bound buffer is only read. */
static bool reads(GLenum target)
{
	switch (target) {
	case GL_ARRAY_BUFFER:
	case GL_ELEMENT_ARRAY_BUFFER:
	case GL_UNIFORM_BUFFER:
	case GL_PIXEL_UNPACK_BUFFER:
	case GL_COPY_READ_BUFFER:
	case GL_DRAW_INDIRECT_BUFFER:
	case GL_DISPATCH_INDIRECT_BUFFER:
		return true;
	default:
		return false;
	}
}

void shim_buffers_named(
	struct shim_context *self, GLenum target, GLsizei count, const GLuint *buffers)
{
	if (reads(target) || !self->group)
		return;
	for (GLsizei i = 0; buffers && i < count; i++)
		names_note(&self->group->written, buffers[i]);
}

static void written(GLenum target)
{
	const GLuint *bound = wire_state_binding(&shim_current->state, target);
	if (bound && shim_current->group)
		names_note(&shim_current->group->written, *bound);
}

void shim_glCopyBufferSubData(GLenum readTarget, GLenum writeTarget, GLintptr readOffset,
	GLintptr writeOffset, GLsizeiptr size)
{
	written(writeTarget);
	send_glCopyBufferSubData(readTarget, writeTarget, readOffset, writeOffset, size);
}

void shim_glClearBufferData(
	GLenum target, GLenum internalformat, GLenum format, GLenum type, const void *data)
{
	written(target);
	send_glClearBufferData(target, internalformat, format, type, data);
}

void shim_glClearBufferSubData(GLenum target, GLenum internalformat, GLintptr offset,
	GLsizeiptr size, GLenum format, GLenum type, const void *data)
{
	written(target);
	send_glClearBufferSubData(target, internalformat, offset, size, format, type, data);
}
