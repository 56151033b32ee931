/*
 * Mapped buffers. The program writes into a block of the heap file; the driver maps as well, in the
 * proxy (glproxy/calls_buffer.c).
 */
#include "glshim/context.h"
#include "glshim/shadow.h"

#include "entries.h"
#include "messages.h"

#include <string.h>

#define ALIGNMENT 64

static size_t block_size(GLsizeiptr length)
{
	return (length > 0 ? (size_t)length : 0) + ALIGNMENT;
}

/* The entry of a buffer, or for 0 a free one. The group's lock is held. */
static struct shim_mapping *find(struct shim_group *group, GLuint buffer)
{
	for (unsigned i = 0; i < group->mapping_count; i++)
		if (group->mappings[i].buffer == buffer)
			return &group->mappings[i];
	if (!buffer && group->mapping_count < GROUP_MAPPINGS)
		return &group->mappings[group->mapping_count++];
	return NULL;
}

static bool note(struct shim_group *group, const struct shim_mapping *mapping)
{
	pthread_mutex_lock(&group->lock);
	struct shim_mapping *entry = find(group, mapping->buffer);
	if (!entry)
		entry = find(group, 0);
	else if (!entry->shadowed)
		heap_give(entry->block, block_size(entry->length));
	if (entry)
		*entry = *mapping;
	pthread_mutex_unlock(&group->lock);
	return entry;
}

static struct shim_mapping look(struct shim_context *self, GLuint buffer, bool forget)
{
	struct shim_mapping found = {0};
	struct shim_group *group = self->group;
	if (!group || !buffer)
		return found;
	pthread_mutex_lock(&group->lock);
	struct shim_mapping *entry = find(group, buffer);
	if (entry) {
		found = *entry;
		if (forget)
			*entry = (struct shim_mapping){0};
	}
	pthread_mutex_unlock(&group->lock);
	return found;
}

/* ---- stores ---- */

/* The block is free when the proxy has unmapped. */
static void give_later(struct shim_context *self, const struct shim_mapping *mapping)
{
	if (mapping->buffer && !mapping->shadowed)
		shim_give_later(self, mapping->block, block_size(mapping->length));
}

void buffers_finish(struct shim_context *self)
{
	struct shim_group *group = self->group;
	for (unsigned i = 0; i < group->mapping_count; i++) {
		give_later(self, &group->mappings[i]);
		group->mappings[i] = (struct shim_mapping){0};
	}
}

static void note_store(GLuint buffer, struct shim_store store)
{
	struct shim_context *self = shim_current;
	struct shim_group *group = self->group;
	if (!group || !buffer)
		return;
	struct shim_store *slot = shim_store_slot(group, buffer);
	const struct shim_mapping mapping = look(self, buffer, true); /* a new store unmaps */
	give_later(self, &mapping);
	shadow_end(self, slot->buffer, true);
	pthread_mutex_lock(&group->lock);
	/* An immutable store stays: GL refuses to make another. */
	if (slot->buffer != buffer || slot->mutable_store)
		*slot = store;
	pthread_mutex_unlock(&group->lock);
}

/* Whether mapping is known to succeed, so that nobody has to wait for the proxy to say so: the
 * store and its size are known, it is not mapped, and what is asked for writes without looking. */
static bool certain(struct shim_group *group, GLuint buffer, GLintptr offset, GLsizeiptr length,
	GLbitfield access)
{
	const GLbitfield invalidates = GL_MAP_INVALIDATE_BUFFER_BIT | GL_MAP_INVALIDATE_RANGE_BIT;
	const GLbitfield known = invalidates | GL_MAP_WRITE_BIT | GL_MAP_UNSYNCHRONIZED_BIT |
		GL_MAP_FLUSH_EXPLICIT_BIT;
	if (!buffer || !(access & GL_MAP_WRITE_BIT) || !(access & invalidates) || access & ~known ||
		offset < 0 || length <= 0)
		return false;
	pthread_mutex_lock(&group->lock);
	const struct shim_store store = *shim_store_slot(group, buffer);
	const bool mapped = find(group, buffer);
	pthread_mutex_unlock(&group->lock);
	return store.buffer == buffer && !mapped && offset <= store.size &&
		length <= store.size - offset &&
		(store.mutable_store || store.flags & GL_MAP_WRITE_BIT);
}

/* ---- mapping ---- */

/* The message that unmaps is taken back: what was written is void, and nobody has looked at it. */
static void *mapped_again(struct shim_context *self, GLuint buffer, GLbitfield access,
	GLintptr offset, GLsizeiptr length, uint64_t block)
{
	const struct shim_mapping mapping = {buffer, access, offset, length, block, true, false};
	shim_keep(self, block);
	if (!note(self->group, &mapping))
		return NULL;
	return process_have()->heap + block + ((uint64_t)offset & (ALIGNMENT - 1));
}

/* As send_ckUnmapWrite(), and not published if the buffer may well be mapped again at once. */
static void unmap_behind(
	struct shim_context *self, GLenum target, const struct shim_mapping *mapping)
{
	struct wire_ckUnmapWrite *message = shim_put(self, WIRE_ckUnmapWrite, sizeof(*message));
	message->target = target;
	message->buffer = mapping->buffer;
	const struct behind_write write = {.buffer = mapping->buffer,
		.offset = mapping->offset,
		.size = mapping->length,
		.block = mapping->block,
		.begin = self->position - wire_align(sizeof(*message))};
	behind_add(self, &write);
}

/* Only its own thread maps for a context that is alone in its group, as those with copies are. */
static bool is_mapped(const struct shim_group *group, GLuint buffer)
{
	for (unsigned i = 0; i < group->mapping_count; i++)
		if (group->mappings[i].buffer == buffer)
			return buffer;
	return false;
}

/* Into the buffer's copy; NULL: it has none. */
static void *map_shadow(struct shim_context *self, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access)
{
	const uint64_t aside = (uint64_t)offset & (ALIGNMENT - 1);
	const uint64_t place = is_mapped(self->group, buffer)
		? 0
		: shadow_map(self, target, buffer, offset, length, access);
	if (!place)
		return NULL;
	shadow_say_mapped(self, target, buffer, offset, length, access, place);
	const struct shim_mapping mapping = {
		buffer, access, offset, length, place - aside, true, true};
	return note(self->group, &mapping) ? process_have()->heap + place : NULL;
}

static void *map(
	GLenum target, GLuint buffer, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	struct shim_context *self = shim_current;
	struct process *process = process_have();
	if (!self->group || !process)
		return NULL;
	/* As in the buffer, so in the block: addresses are aligned as GL_MIN_MAP_BUFFER_ALIGNMENT
	 * promises, counted from the buffer's beginning. */
	const uint64_t aside = (uint64_t)offset & (ALIGNMENT - 1);
	const size_t size = block_size(length);
	const bool sure = certain(self->group, buffer, offset, length, access);
	uint64_t block;
	if (sure && behind_map_again(self, buffer, offset, length, &block))
		return mapped_again(self, buffer, access, offset, length, block);
	void *shadowed = sure ? NULL : map_shadow(self, target, buffer, offset, length, access);
	if (shadowed)
		return shadowed;
	if (access & GL_MAP_WRITE_BIT)
		shadow_end(self, buffer, false);
	block = heap_take(size);
	if (!block) {
		shim_error(self, GL_OUT_OF_MEMORY);
		return NULL;
	}
	const struct shim_mapping mapping = {buffer, access, offset, length, block, sure, false};
	if (sure)
		send_ckMapWrite(target, buffer, offset, length, access, block + aside);
	if ((!sure && !send_ckMap(target, buffer, offset, length, access, block + aside)) ||
		!note(self->group, &mapping)) {
		heap_give(block, size);
		return NULL;
	}
	return process->heap + block + aside;
}

static GLboolean unmap(GLenum target, GLuint buffer)
{
	struct shim_context *self = shim_current;
	const struct shim_mapping mapping = look(self, buffer, true);
	if (mapping.shadowed) {
		shadow_say_unmapped(self, target, buffer);
		return GL_TRUE;
	}
	if (mapping.buffer && mapping.unwaited) {
		unmap_behind(self, target, &mapping);
		shim_give_later(self, mapping.block, block_size(mapping.length));
		return GL_TRUE;
	}
	const GLboolean intact = (GLboolean)send_ckUnmap(target, buffer);
	/* The proxy has answered: it no longer reads the block. */
	if (mapping.buffer)
		heap_give(mapping.block, block_size(mapping.length));
	return intact;
}

static GLuint bound(GLenum target)
{
	const GLuint *binding = wire_state_binding(&shim_current->state, target);
	return binding ? *binding : 0;
}

/* ---- writing ---- */

#define BEHIND_MAX (1 << 20) /* bytes of a write that may be held back */

static void sub_data(struct shim_context *self, GLenum target, GLintptr offset, GLsizeiptr size,
	const void *data)
{
	struct shim_data place;
	struct wire_glBufferSubData *message = shim_put_data(
		&place, self, WIRE_glBufferSubData, sizeof(*message), wire_align((size_t)size));
	const uint64_t begin = self->position - (uint64_t)((struct wire_head *)message)->units * 8;
	message->target = target;
	message->offset = offset;
	message->size = size;
	const struct wire_data at = shim_in(&place, data, (size_t)size);
	message->data = at;
	char *copy = shim_data_address(&place, &at);
	if (!copy) {
		shim_publish(self);
		return;
	}
	const struct behind_write write = {.buffer = bound(target),
		.offset = offset,
		.size = size,
		.data = copy,
		.begin = begin};
	behind_add(self, &write);
}

void shim_glBufferSubData(GLenum target, GLintptr offset, GLsizeiptr size, const void *data)
{
	struct shim_context *self = shim_current;
	const GLuint buffer = bound(target);
	shadow_end(self, buffer, false);
	if (!buffer || !data || offset < 0 || size <= 0 || size > BEHIND_MAX || self->seen) {
		send_glBufferSubData(target, offset, size, data);
		return;
	}
	const struct behind_write *before = behind_find(self, buffer, offset, size);
	if (before)
		memcpy(before->data, data, (size_t)size);
	else
		sub_data(self, target, offset, size, data);
}

static bool usage_valid(GLenum usage)
{
	return usage >= GL_STREAM_DRAW && usage <= GL_DYNAMIC_COPY && (usage & 3) != 3;
}

static struct shim_store made(GLuint buffer, GLsizeiptr size)
{
	return (struct shim_store){.buffer = buffer, .size = size, .mutable_store = true};
}

static struct shim_store storage(GLuint buffer, GLsizeiptr size, GLbitfield flags)
{
	return (struct shim_store){.buffer = buffer, .size = size, .flags = flags};
}

void shim_glBufferData(GLenum target, GLsizeiptr size, const void *data, GLenum usage)
{
	send_glBufferData(target, size, data, usage);
	if (size > 0 && usage_valid(usage))
		note_store(bound(target), made(bound(target), size));
}

void shim_glNamedBufferData(GLuint buffer, GLsizeiptr size, const void *data, GLenum usage)
{
	send_glNamedBufferData(buffer, size, data, usage);
	if (size > 0 && usage_valid(usage))
		note_store(buffer, made(buffer, size));
}

void shim_glNamedBufferDataEXT(GLuint buffer, GLsizeiptr size, const void *data, GLenum usage)
{
	send_glNamedBufferDataEXT(buffer, size, data, usage);
	if (size > 0 && usage_valid(usage))
		note_store(buffer, made(buffer, size));
}

void shim_glBufferStorage(GLenum target, GLsizeiptr size, const void *data, GLbitfield flags)
{
	send_glBufferStorage(target, size, data, flags);
	if (size > 0)
		note_store(bound(target), storage(bound(target), size, flags));
}

void shim_glNamedBufferStorage(GLuint buffer, GLsizeiptr size, const void *data, GLbitfield flags)
{
	send_glNamedBufferStorage(buffer, size, data, flags);
	if (size > 0)
		note_store(buffer, storage(buffer, size, flags));
}

/* Deleting unmaps: the blocks are free when the proxy has done so. */
void shim_glDeleteBuffers(GLsizei n, const GLuint *buffers)
{
	struct shim_context *self = shim_current;
	send_glDeleteBuffers(n, buffers);
	for (GLsizei i = 0; buffers && self->group && i < n; i++) {
		const struct shim_mapping mapping = look(self, buffers[i], true);
		give_later(self, &mapping);
		shadow_end(self, buffers[i], true);
		pthread_mutex_lock(&self->group->lock);
		struct shim_store *slot = shim_store_slot(self->group, buffers[i]);
		if (slot->buffer == buffers[i])
			slot->buffer = 0;
		pthread_mutex_unlock(&self->group->lock);
	}
}

static GLbitfield bits_of(GLenum access)
{
	switch (access) {
	case GL_READ_ONLY:
		return GL_MAP_READ_BIT;
	case GL_WRITE_ONLY:
		return GL_MAP_WRITE_BIT;
	case GL_READ_WRITE:
		return GL_MAP_READ_BIT | GL_MAP_WRITE_BIT;
	default:
		return 0;
	}
}

/* The size of a store that we have seen made; 0: it has to be asked for. */
static GLsizeiptr known_size(GLuint buffer)
{
	struct shim_group *group = shim_current->group;
	const struct shim_store *store = group ? shim_store_slot(group, buffer) : NULL;
	return store && buffer && store->buffer == buffer ? store->size : 0;
}

void *shim_glMapBuffer(GLenum target, GLenum access)
{
	GLint size = 0;
	const GLsizeiptr known = known_size(bound(target));
	if (!bits_of(access)) {
		shim_error(shim_current, GL_INVALID_ENUM);
		return NULL;
	}
	if (!known)
		shim_glGetBufferParameteriv(target, GL_BUFFER_SIZE, &size);
	return map(target, bound(target), 0, known ? known : size, bits_of(access));
}

void *shim_glMapBufferRange(GLenum target, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return map(target, bound(target), offset, length, access);
}

void *shim_glMapNamedBuffer(GLuint buffer, GLenum access)
{
	GLint size = 0;
	if (!bits_of(access)) {
		shim_error(shim_current, GL_INVALID_ENUM);
		return NULL;
	}
	shim_glGetNamedBufferParameteriv(buffer, GL_BUFFER_SIZE, &size);
	return map(0, buffer, 0, size, bits_of(access));
}

void *shim_glMapNamedBufferEXT(GLuint buffer, GLenum access)
{
	return shim_glMapNamedBuffer(buffer, access);
}

void *shim_glMapNamedBufferRange(
	GLuint buffer, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return map(0, buffer, offset, length, access);
}

void *shim_glMapNamedBufferRangeEXT(
	GLuint buffer, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return map(0, buffer, offset, length, access);
}

GLboolean shim_glUnmapBuffer(GLenum target)
{
	return unmap(target, bound(target));
}

GLboolean shim_glUnmapNamedBuffer(GLuint buffer)
{
	return unmap(0, buffer);
}

GLboolean shim_glUnmapNamedBufferEXT(GLuint buffer)
{
	return unmap(0, buffer);
}

void shim_glFlushMappedBufferRange(GLenum target, GLintptr offset, GLsizeiptr length)
{
	send_ckMapFlush(target, bound(target), offset, length);
}

void shim_glFlushMappedNamedBufferRange(GLuint buffer, GLintptr offset, GLsizeiptr length)
{
	send_ckMapFlush(0, buffer, offset, length);
}

void shim_glFlushMappedNamedBufferRangeEXT(GLuint buffer, GLintptr offset, GLsizeiptr length)
{
	send_ckMapFlush(0, buffer, offset, length);
}

static void pointer_of(GLuint buffer, void **params)
{
	const struct shim_mapping mapping = look(shim_current, buffer, false);
	struct process *process = process_have();
	const uint64_t aside = (uint64_t)mapping.offset & (ALIGNMENT - 1);
	*params = mapping.buffer && process ? process->heap + mapping.block + aside : NULL;
}

void shim_glGetBufferPointerv(GLenum target, GLenum pname, void **params)
{
	if (pname != GL_BUFFER_MAP_POINTER || !wire_state_binding(&shim_current->state, target))
		shim_error(shim_current, GL_INVALID_ENUM);
	else if (!bound(target))
		shim_error(shim_current, GL_INVALID_OPERATION);
	else
		pointer_of(bound(target), params);
}

void shim_glGetNamedBufferPointerv(GLuint buffer, GLenum pname, void **params)
{
	if (pname != GL_BUFFER_MAP_POINTER)
		shim_error(shim_current, GL_INVALID_ENUM);
	else
		pointer_of(buffer, params);
}

void shim_glGetNamedBufferPointervEXT(GLuint buffer, GLenum pname, void **params)
{
	shim_glGetNamedBufferPointerv(buffer, pname, params);
}

/* ---- sync objects: handles are numbers of ours, and never used again ---- */

GLsync shim_glFenceSync(GLenum condition, GLbitfield flags)
{
	static _Atomic uint64_t last;
	const bool valid = condition == GL_SYNC_GPU_COMMANDS_COMPLETE && !flags;
	const uint64_t handle = valid ? ++last * 16 : 0;
	send_ckFence(handle, condition, flags);
	return (GLsync)(uintptr_t)handle;
}
