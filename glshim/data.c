/*
 * Bulk data: the arena of a ring, blocks of the heap, images, strings, answers.
 */
#include "glshim/call.h"
#include "glshim/process.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK_MAX (WIRE_ARENA_SIZE / 4) /* what is bigger goes to the heap */
#define HELD_MAX ((size_t)3 << 20)      /* so much of the heap is under way at a time */
#define WINDOW (512u << 10)             /* small data stay in so much of the arena, for the cache */

static const struct wire_data no_memory = {.where = WIRE_LOST};

static uint64_t arena_tail(const struct shim_context *self)
{
	const uint64_t tail =
		atomic_load_explicit(&self->ring.shared->arena_tail, memory_order_acquire);
	return tail > self->arena_base ? tail : self->arena_base;
}

/* Where a block of `size` bytes would begin: never across the arena's end. */
static uint64_t arena_place(const struct shim_context *self, size_t size, uint64_t tail)
{
	const uint64_t arena = self->ring.arena_size;
	const uint64_t position = self->arena_position;
	const uint64_t next = (position + arena - 1) / arena * arena;
	const uint64_t place = position % arena;
	if (place + size > arena)
		return next;
	/* Starting over early keeps the data in the cache, where the start is free already. */
	if (place > WINDOW && place > 2 * size && next + size <= tail + arena)
		return next;
	return position;
}

static uint64_t arena_take(struct shim_context *self, size_t size)
{
	const uint64_t arena = self->ring.arena_size;
	uint64_t tail = arena_tail(self);
	if (tail == self->arena_position) { /* empty */
		self->arena_position = (tail + arena - 1) / arena * arena;
		self->arena_base = tail = self->arena_position;
	}
	uint64_t at = arena_place(self, size, tail);
	if (at + size > tail + arena)
		behind_release(self);
	while (at + size > tail + arena && !self->lost) {
		/* Whatever is under way frees its data when it is executed. */
		const uint64_t head =
			atomic_load_explicit(&self->ring.shared->head, memory_order_relaxed);
		const uint64_t now = atomic_load(&self->ring.shared->tail);
		shim_wait_for(self,
			now + (head - now) / 2 + 1 > head ? head : now + (head - now) / 2 + 1,
			WIRE_WAIT_ARENA);
		tail = arena_tail(self);
		at = arena_place(self, size, tail);
		if (atomic_load(&self->ring.shared->tail) == head && at + size > tail + arena) {
			self->arena_base = tail = at; /* nothing is under way */
			break;
		}
	}
	self->arena_position = wire_align(at + size);
	return at;
}

/* Gives back heap blocks whose messages are executed. */
static void release_held(struct shim_context *self)
{
	const uint64_t tail = atomic_load_explicit(&self->ring.shared->tail, memory_order_acquire);
	unsigned kept = 0;
	for (unsigned i = 0; i < self->held_count; i++) {
		if (self->held[i].position < tail || self->lost)
			heap_give(self->held[i].block, self->held[i].size);
		else
			self->held[kept++] = self->held[i];
	}
	self->held_count = kept;
}

static size_t held_bytes(const struct shim_context *self)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < self->held_count; i++)
		bytes += self->held[i].size;
	return bytes;
}

void shim_give_later(struct shim_context *self, uint64_t block, size_t size)
{
	release_held(self);
	/* Running far ahead would only take more memory and leave the cache. What belongs to the
	 * message at hand cannot be waited for. */
	const uint64_t head = atomic_load_explicit(&self->ring.shared->head, memory_order_relaxed);
	while (self->held_count && !self->lost && self->held[0].position < head &&
		(self->held_count == SHIM_HELD || held_bytes(self) + size > HELD_MAX)) {
		shim_wait_for(self, self->held[0].position + 1, WIRE_WAIT_HEAP);
		release_held(self);
	}
	if (self->held_count < SHIM_HELD)
		self->held[self->held_count++] =
			(struct shim_held){self->position - 1, block, size};
}

void shim_keep(struct shim_context *self, uint64_t block)
{
	if (self->held_count && self->held[self->held_count - 1].block == block)
		self->held_count--;
}

static struct wire_data heap_room(struct shim_context *self, size_t size)
{
	const uint64_t block = heap_take(size);
	if (!block)
		return no_memory;
	/* The head of the message at hand is already placed. */
	shim_give_later(self, block, size);
	return (struct wire_data){.where = WIRE_HEAP, .size = size, .at = block};
}

static struct wire_data bulk_room(struct shim_context *self, size_t size)
{
	if (self->lost || size >= WIRE_SIZE_MAX)
		return no_memory;
	if (size > BLOCK_MAX)
		return heap_room(self, size);
	return (struct wire_data){.where = WIRE_ARENA, .size = size, .at = arena_take(self, size)};
}

void *shim_data_address(const struct shim_data *place, const struct wire_data *data)
{
	struct shim_context *self = place->self;
	switch ((enum wire_where)data->where) {
	case WIRE_INLINE:
		return place->message + data->at;
	case WIRE_ARENA:
		return self->ring.arena + data->at % self->ring.arena_size;
	case WIRE_HEAP:
		return process_have()->heap + data->at;
	case WIRE_REPLY:
		return self->ring.reply + data->at;
	case WIRE_NULL:
	case WIRE_OFFSET:
	case WIRE_LOST:
		break;
	}
	return NULL;
}

struct wire_data shim_in_room(struct shim_data *place, size_t size)
{
	if (!place->next)
		return bulk_room(place->self, size);
	const struct wire_data at = {.where = WIRE_INLINE, .size = size, .at = place->next};
	place->next += wire_align(size);
	return at;
}

/* ---- memory that is not there ---- */

#define LOOKED_AT (128u << 10) /* what is freed below this size stays mapped, as a rule */

/* The kernel reads the set before it looks at what is to be done with it, which is nothing. */
static bool word_there(uintptr_t at)
{
	const int number = errno;
	const bool there =
		!syscall(SYS_rt_sigprocmask, ~0, at & ~(uintptr_t)7, NULL, 8) || errno != EFAULT;
	errno = number;
	return there;
}

/* A call that GL refuses does not look at its data, so that programs get away with memory that they
 * have given back; we copy before GL can refuse. */
static bool there(const void *data, size_t size)
{
	const uintptr_t at = (uintptr_t)data;
	return size < LOOKED_AT || (word_there(at) && word_there(at + size - 1));
}

#define PAGE 4096u

/* As much as there is: of an array that the call says is longer than it is GL may want no more. */
static void copy_there(char *to, const char *from, size_t size)
{
	size_t at = there(from, size) ? size : 0;
	memcpy(to, from, at);
	while (at < size && word_there((uintptr_t)from + at)) {
		const size_t page = PAGE - ((uintptr_t)from + at) % PAGE;
		const size_t piece = page < size - at ? page : size - at;
		memcpy(to + at, from + at, piece);
		at += piece;
	}
}

struct wire_data shim_in_bulk(struct shim_data *place, const void *data, size_t size)
{
	const struct wire_data at = bulk_room(place->self, size);
	void *to = shim_data_address(place, &at);
	if (to)
		copy_there(to, data, size);
	return at;
}

static struct wire_data as_offset(const void *pointer)
{
	return (struct wire_data){.where = WIRE_OFFSET, .at = (uintptr_t)pointer};
}

struct wire_data shim_in_or_offset(
	struct shim_data *place, const void *data, size_t size, GLuint bound)
{
	return bound ? as_offset(data) : shim_in(place, data, size);
}

struct wire_data shim_in_image(
	struct shim_data *place, const void *data, const struct wire_layout *layout, GLuint bound)
{
	if (bound)
		return as_offset(data);
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	const struct wire_data at = shim_in_room(place, layout->size);
	void *to = shim_data_address(place, &at);
	if (to && there(data, layout->size))
		wire_layout_copy(layout, to, data);
	return at;
}

static size_t string_length(const char *string, const GLint *lengths, GLsizei i)
{
	if (!string)
		return 0;
	return lengths && lengths[i] >= 0 ? strnlen(string, (size_t)lengths[i]) : strlen(string);
}

size_t shim_strings_size(GLsizei count, const char *const *strings, const GLint *lengths)
{
	size_t size = 0;
	for (GLsizei i = 0; i < count; i++)
		size += string_length(strings[i], lengths, i) + 1;
	return size ? size : 1;
}

struct wire_data shim_in_strings(struct shim_data *place, GLsizei count, const char *const *strings,
	const GLint *lengths, size_t size)
{
	if (!strings)
		return (struct wire_data){.where = WIRE_NULL};
	const struct wire_data at = shim_in_room(place, size);
	char *to = shim_data_address(place, &at);
	if (!to)
		return at;
	*to = '\0';
	for (GLsizei i = 0; i < count; i++) {
		const size_t length = string_length(strings[i], lengths, i);
		if (length)
			memcpy(to, strings[i], length);
		to[length] = '\0';
		to += length + 1;
	}
	return at;
}

/* ---- answers ---- */

static struct wire_data out_room(struct shim_data *place, size_t size)
{
	if (size > WIRE_REPLY_SIZE - place->reply)
		return bulk_room(place->self, size);
	const struct wire_data at = {.where = WIRE_REPLY, .size = size, .at = place->reply};
	place->reply += wire_align(size);
	return at;
}

struct wire_data shim_out(struct shim_data *place, const void *data, size_t size)
{
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	const struct wire_data at = out_room(place, size);
	void *to = shim_data_address(place, &at);
	if (to && size)
		memcpy(to, data, size);
	return at;
}

struct wire_data shim_out_or_offset(
	struct shim_data *place, const void *data, size_t size, GLuint bound)
{
	return bound ? as_offset(data) : shim_out(place, data, size);
}

struct wire_data shim_out_image(
	struct shim_data *place, const void *data, const struct wire_layout *layout, GLuint bound)
{
	if (bound)
		return as_offset(data);
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	const struct wire_data at = out_room(place, layout->size);
	void *to = place->self->brings ? shim_data_address(place, &at) : NULL;
	if (to)
		wire_layout_copy(layout, to, data);
	return at;
}

static const void *answer_address(struct shim_context *self, const struct wire_data *from)
{
	const struct shim_data place = {.self = self};
	return self->lost ? NULL : shim_data_address(&place, from);
}

void shim_fetch(struct shim_context *self, void *to, const struct wire_data *from)
{
	const void *answer = answer_address(self, from);
	if (to && answer && from->size)
		memcpy(to, answer, from->size);
}

void shim_fetch_image(struct shim_context *self, void *to, const struct wire_data *from,
	const struct wire_layout *layout)
{
	const void *answer = answer_address(self, from);
	if (to && answer)
		wire_layout_copy(layout, to, answer);
}
