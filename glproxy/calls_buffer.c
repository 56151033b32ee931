/*
 * Mapped buffers, sync objects, selection and feedback.
 *
 * A mapped buffer is mapped in the driver as well, so that every error is the driver's own; the
 * program's side is a block of the heap file, and contents are copied between the two where GL says
 * that they become visible: at map, flush, unmap, and for persistent mappings before calls that may
 * read (policy: `sees`) and after waits.
 */
#include "glproxy/calls_buffer.h"

#include "glproxy/context.h"
#include "glproxy/remains.h"
#include "hand.h"
#include "wire/hello.h"

#include <stdlib.h>
#include <string.h>

/* What the program wrote into its side of a mapping, on its way to the driver. */
static void note(struct exec *x, const char *block, size_t size)
{
	if (x->proxy->journal && !x->replaying)
		exec_note(x, true, (uint64_t)(block - x->heap), block, size);
}

/* The entry of a buffer, or a free one for buffer 0. The group's lock is held. */
static struct mapping *find_mapping(struct group *group, GLuint buffer)
{
	for (size_t i = 0; i < group->mapping_count; i++)
		if (group->mappings[i].buffer == buffer)
			return &group->mappings[i];
	if (buffer)
		return NULL;
	const size_t count = group->mapping_count ? group->mapping_count * 2 : 16;
	struct mapping *grown = realloc(group->mappings, count * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + group->mapping_count, 0, (count - group->mapping_count) * sizeof(*grown));
	group->mappings = grown;
	struct mapping *free_entry = &grown[group->mapping_count];
	group->mapping_count = count;
	return free_entry;
}

static bool keeps_contents(GLbitfield access)
{
	return access & GL_MAP_READ_BIT ||
		!(access & (GL_MAP_INVALIDATE_BUFFER_BIT | GL_MAP_INVALIDATE_RANGE_BIT));
}

/* The lock is held. */
static void drop_mapping(struct group *group, struct mapping *entry)
{
	if (entry->access & GL_MAP_PERSISTENT_BIT)
		group->persistent--;
	free(entry->shadow);
	memset(entry, 0, sizeof(*entry));
	group->mapped--;
}

void buffers_finish(struct group *group)
{
	for (size_t i = 0; i < group->mapping_count; i++)
		free(group->mappings[i].shadow);
	free(group->mappings);
}

/* A message names the buffer that is bound to its target: one that names another would have us
 * write where the driver no longer maps anything. */
static bool is_bound_there(struct exec *x, GLenum target, GLuint buffer)
{
	const GLuint *bound = target ? wire_state_binding(&x->state, target) : NULL;
	const bool so = !target || buffer == (bound ? exec_name(x, NAMES_buffer, *bound) : 0);
	if (!so)
		exec_refuse(x, "a mapping of a buffer that is not bound");
	return so;
}

static bool note_mapping(struct exec *x, const struct mapping *mapping)
{
	struct group *group = x->context->group;
	if (!mapping->buffer)
		return true;
	pthread_mutex_lock(&group->lock);
	struct mapping *entry = find_mapping(group, mapping->buffer);
	if (entry)
		drop_mapping(group, entry);
	entry = find_mapping(group, 0);
	if (entry)
		*entry = *mapping;
	if (entry)
		group->mapped++;
	if (entry && mapping->access & GL_MAP_PERSISTENT_BIT) {
		group->persistent++;
		entry->shadow = malloc((size_t)mapping->length);
		if (entry->shadow)
			memcpy(entry->shadow, mapping->driver, (size_t)mapping->length);
		if (!x->rebuilding || x->proxy->alone)
			memcpy(mapping->block, mapping->driver, (size_t)mapping->length);
	}
	pthread_mutex_unlock(&group->lock);
	return entry;
}

/* `bring`: the program wants to see what is there. */
static GLuint map(struct exec *x, GLenum target, GLuint buffer, GLintptr offset, GLsizeiptr length,
	GLbitfield access, GLuint64 block, bool bring)
{
	const uint64_t bytes = length > 0 ? (uint64_t)length : 0; /* the driver refuses less */
	const bool fits = block <= WIRE_HEAP_SIZE && bytes <= WIRE_HEAP_SIZE - block;
	if (!x->context || !fits) {
		exec_refuse(x, "a mapping outside of the heap");
		return 0;
	}
	if (!is_bound_there(x, target, buffer))
		return 0;
	void *pointer = target ? x->driver->MapBufferRange(target, offset, length, access)
			       : x->driver->MapNamedBufferRange(buffer, offset, length, access);
	if (!pointer)
		return 0;
	const struct mapping mapping = {.buffer = buffer,
		.driver = pointer,
		.block = x->heap + block,
		.offset = offset,
		.length = length,
		.access = access};
	if (bring && keeps_contents(access) && !x->rebuilding)
		memcpy(mapping.block, pointer, (size_t)length);
	return note_mapping(x, &mapping);
}

GLuint proxy_ckMap(struct exec *x, GLenum target, GLuint buffer, GLintptr offset, GLsizeiptr length,
	GLbitfield access, GLuint64 block)
{
	return map(x, target, buffer, offset, length, access, block, true);
}

static bool take_mapping(struct exec *x, GLuint buffer, bool forget_it, struct mapping *found)
{
	struct group *group = x->context->group;
	if (!group->mapped)
		return false;
	pthread_mutex_lock(&group->lock);
	struct mapping *entry = buffer ? find_mapping(group, buffer) : NULL;
	if (entry) {
		*found = *entry;
		if (forget_it)
			drop_mapping(group, entry);
	}
	pthread_mutex_unlock(&group->lock);
	return entry;
}

void proxy_ckMapFlush(
	struct exec *x, GLenum target, GLuint buffer, GLintptr offset, GLsizeiptr length)
{
	struct mapping mapping;
	if (!is_bound_there(x, target, buffer))
		return;
	if (x->context && take_mapping(x, buffer, false, &mapping) && offset >= 0 && length > 0 &&
		offset <= mapping.length && length <= mapping.length - offset) {
		note(x, mapping.block + offset, (size_t)length);
		memcpy(mapping.driver + offset, mapping.block + offset, (size_t)length);
	}
	if (target)
		x->driver->FlushMappedBufferRange(target, offset, length);
	else
		x->driver->FlushMappedNamedBufferRange(buffer, offset, length);
}

GLuint proxy_ckUnmap(struct exec *x, GLenum target, GLuint buffer)
{
	struct mapping mapping;
	if (!is_bound_there(x, target, buffer))
		return GL_FALSE;
	if (x->context && take_mapping(x, buffer, true, &mapping) &&
		mapping.access & GL_MAP_WRITE_BIT &&
		!(mapping.access & GL_MAP_FLUSH_EXPLICIT_BIT)) {
		note(x, mapping.block, (size_t)mapping.length);
		memcpy(mapping.driver, mapping.block, (size_t)mapping.length);
	}
	return target ? x->driver->UnmapBuffer(target) : x->driver->UnmapNamedBuffer(buffer);
}

void proxy_ckMapWrite(struct exec *x, GLenum target, GLuint buffer, GLintptr offset,
	GLsizeiptr length, GLbitfield access, GLuint64 block)
{
	map(x, target, buffer, offset, length, access, block, false);
}

void proxy_ckUnmapWrite(struct exec *x, GLenum target, GLuint buffer)
{
	proxy_ckUnmap(x, target, buffer);
}

void proxy_ckWrite(struct exec *x, GLenum target, GLuint buffer, GLintptr offset, GLsizeiptr length,
	GLbitfield access, GLuint64 block)
{
	if (map(x, target, buffer, offset, length, access, block, false))
		proxy_ckUnmap(x, target, buffer);
}

/* Deleting a buffer, or giving it a new store, unmaps it. */
static void forget(struct exec *x, GLuint buffer)
{
	struct mapping mapping;
	if (x->context && buffer)
		take_mapping(x, buffer, true, &mapping);
}

void proxy_glDeleteBuffers(struct exec *x, GLsizei n, const GLuint *buffers)
{
	if (n < 0 || x->in_begin)
		x->driver->DeleteBuffers(n, buffers);
	for (GLsizei i = 0; i < n && !x->in_begin; i++) {
		forget(x, buffers[i]);
		if (!remains_of_buffer(x, buffers[i]))
			x->driver->DeleteBuffers(1, &buffers[i]);
	}
}

void proxy_glBufferData(
	struct exec *x, GLenum target, GLsizeiptr size, const void *data, GLenum usage)
{
	const GLuint *bound = wire_state_binding(&x->state, target);
	if (bound)
		forget(x, exec_name(x, NAMES_buffer, *bound));
	x->driver->BufferData(target, size, data, usage);
}

void proxy_glNamedBufferData(
	struct exec *x, GLuint buffer, GLsizeiptr size, const void *data, GLenum usage)
{
	forget(x, buffer);
	x->driver->NamedBufferData(buffer, size, data, usage);
}

#define LINE 64 /* bytes compared at a time */

/* Copies the lines of one side that are no longer as they were. */
static void carry(struct exec *x, const struct mapping *mapping, const char *from, char *to)
{
	for (size_t at = 0; at < (size_t)mapping->length; at += LINE) {
		const size_t left = (size_t)mapping->length - at;
		const size_t bytes = left < LINE ? left : LINE;
		if (!memcmp(from + at, mapping->shadow + at, bytes))
			continue;
		if (from == mapping->block)
			note(x, from + at, bytes);
		memcpy(mapping->shadow + at, from + at, bytes);
		memcpy(to + at, mapping->shadow + at, bytes);
	}
}

/* Both sides of every persistent mapping: what the program wrote goes first. */
static void carry_all(struct exec *x, bool back)
{
	struct group *group = x->context->group;
	pthread_mutex_lock(&group->lock);
	for (size_t i = 0; i < group->mapping_count; i++) {
		const struct mapping *m = &group->mappings[i];
		if (!m->buffer || !m->shadow)
			continue;
		if (m->access & GL_MAP_WRITE_BIT && !(m->access & GL_MAP_FLUSH_EXPLICIT_BIT))
			carry(x, m, m->block, m->driver);
		if (back)
			carry(x, m, m->driver, m->block);
	}
	pthread_mutex_unlock(&group->lock);
}

void buffers_to_driver(struct exec *x)
{
	carry_all(x, false);
}

void buffers_waited(struct exec *x)
{
	if (x->context && x->context->group->persistent)
		carry_all(x, true);
}

/* ---- sync objects ---- */

static struct sync_entry *find_sync(struct group *group, uint64_t handle)
{
	for (size_t i = 0; i < group->sync_count; i++)
		if (group->syncs[i].handle == handle)
			return &group->syncs[i];
	return NULL;
}

static struct sync_entry *free_sync(struct group *group)
{
	struct sync_entry *entry = find_sync(group, 0);
	if (entry)
		return entry;
	const size_t count = group->sync_count ? group->sync_count * 2 : 16;
	struct sync_entry *grown = realloc(group->syncs, count * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + group->sync_count, 0, (count - group->sync_count) * sizeof(*grown));
	group->syncs = grown;
	entry = &grown[group->sync_count];
	group->sync_count = count;
	return entry;
}

GLsync exec_handle(struct exec *x, uint64_t handle)
{
	GLsync sync = (GLsync)(uintptr_t)handle; /* the driver refuses what it does not know */
	if (!x->context || !handle)
		return NULL;
	struct group *group = x->context->group;
	pthread_mutex_lock(&group->lock);
	const struct sync_entry *entry = find_sync(group, handle);
	if (entry)
		sync = entry->sync;
	pthread_mutex_unlock(&group->lock);
	return sync;
}

void proxy_ckFence(struct exec *x, GLuint64 handle, GLenum condition, GLbitfield flags)
{
	GLsync sync = x->driver->FenceSync(condition, flags);
	if (!sync || !x->context || !handle)
		return;
	struct group *group = x->context->group;
	pthread_mutex_lock(&group->lock);
	struct sync_entry *entry = free_sync(group);
	if (entry)
		*entry = (struct sync_entry){handle, sync};
	pthread_mutex_unlock(&group->lock);
}

void proxy_glDeleteSync(struct exec *x, GLsync sync)
{
	x->driver->DeleteSync(sync);
	if (!x->context)
		return;
	struct group *group = x->context->group;
	pthread_mutex_lock(&group->lock);
	for (size_t i = 0; i < group->sync_count; i++)
		if (group->syncs[i].handle && group->syncs[i].sync == sync)
			group->syncs[i] = (struct sync_entry){0};
	pthread_mutex_unlock(&group->lock);
}

GLenum proxy_glClientWaitSync(struct exec *x, GLsync sync, GLbitfield flags, GLuint64 timeout)
{
	const GLenum result = x->driver->ClientWaitSync(sync, flags, timeout);
	buffers_waited(x);
	return result;
}

/* ---- selection and feedback (OpenGL 4.6 compatibility, 17.7 and 17.8) ---- */

#define FEEDBACK_MAX (1 << 24)

/* How much of the buffer GL has written: the rest is the program's as it was. */
static size_t filled_words(GLint mode, GLint result, const GLuint *words, size_t room)
{
	if (result < 0)
		return room;
	if (mode == GL_FEEDBACK)
		return (size_t)result < room ? (size_t)result : room;
	size_t at = 0;
	for (GLint hit = 0; hit < result && at < room; hit++)
		at += 3 + (size_t)words[at];
	return at < room ? at : room;
}

/* Ends the present mode, brings its values, and enters the next with a buffer of `size`. */
GLint proxy_ckRenderMode(struct exec *x, GLenum mode, GLenum next, GLsizei size, GLenum type,
	GLsizei room, GLuint *values)
{
	struct context *context = x->context;
	if (!context || size < 0 || size > FEEDBACK_MAX)
		return 0;
	GLuint *buffer = NULL;
	if (mode == GL_SELECT || mode == GL_FEEDBACK) {
		buffer = calloc((size_t)size + 1, sizeof(*buffer));
		if (!buffer)
			return 0;
	}
	GLint before = GL_RENDER;
	x->driver->GetIntegerv(GL_RENDER_MODE, &before);
	const GLint result = x->driver->RenderMode(GL_RENDER);
	if (values && context->feedback && (GLuint64)room == context->feedback_room)
		memcpy(values, context->feedback,
			filled_words(before, result, context->feedback, (size_t)room) *
				sizeof(*values));
	if (mode == GL_SELECT)
		x->driver->SelectBuffer(size, buffer);
	else if (mode == GL_FEEDBACK)
		x->driver->FeedbackBuffer(size, type, (GLfloat *)buffer);
	if (mode != GL_RENDER)
		x->driver->RenderMode(mode);
	free(context->feedback);
	context->feedback = buffer;
	context->feedback_room = buffer ? (GLuint64)size : 0;
	return result;
}
