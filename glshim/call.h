/*
 * call.h: how an entry point of the shim says something to the proxy.
 *
 * This is the hot path of somebody else's program: nothing here takes memory from the heap, changes
 * errno or ends the process. A message is put into the current context's ring (shim_put, for data
 * shim_put_data and shim_in), published, and, where the call returns something, waited for.
 *
 * shim_current is never NULL: a thread without a context, a child after fork() and a context whose
 * proxy is lost talk to a ring that nobody reads, and every answer is 0.
 */
#ifndef GLSHIM_CALL_H
#define GLSHIM_CALL_H

#include "glshim/behind.h"
#include "glshim/query.h"
#include "wire/message.h"
#include "wire/names.h"
#include "wire/pixel.h"
#include "wire/ring.h"
#include "wire/size.h"
#include "wire/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_group;

#define SHIM_HELD 32 /* blocks of the heap that messages under way refer to */

struct shim_held {
	uint64_t position; /* free when the proxy has come to it */
	uint64_t block;
	size_t size;
};

#define SHIM_IN_FLIGHT 2 /* swaps that may be under way */

#define SHIM_CACHE 64 /* remembered answers */

struct shim_answer {
	uint64_t moment; /* the ring's position behind the get; 0: never */
	GLenum pname;
	uint32_t kind; /* the type of the values */
	uint32_t bytes;
	_Alignas(8) char values[128];
};

#define SHIM_TRIED 64

/* A call that changes no state (calm.h), and where in the ring it was first made in this state. */
struct shim_tried {
	uint64_t key;
	uint64_t moment;
};

#define SHIM_LOCATIONS 256
#define SHIM_LOCATION_NAME 48

/* The number of a uniform, attribute or uniform block, which only linking changes. */
struct shim_location {
	uint32_t links; /* the group's count of links at that time */
	uint32_t kind;
	GLuint program;
	GLint value;
	char name[SHIM_LOCATION_NAME];
};

struct shim_context {
	/* The ring, as its one writer sees it. */
	uint64_t position; /* where the next message goes */
	uint64_t limit;    /* up to here is known to be free and contiguous */
	uint64_t kick_at;  /* where the reader is looked after next */
	struct wire_mapping ring;
	uint64_t arena_position;
	uint64_t arena_base; /* before this the arena is free, whatever its tail says */
	bool lost;           /* nobody reads: answers are 0 */
	unsigned id;         /* the ring's and context's number; 0: the control ring */
	unsigned spins;      /* how long a wait may spin: adapted to what has paid */

	uint64_t quiet;                  /* no error can be pending while `position` is this */
	uint64_t no_error;               /* up to here, calls made no error */
	uint64_t still_begin, still_end; /* messages between these changed no state (calm.h) */
	bool may_be_calm;
	struct shim_tried tried[SHIM_TRIED];
	struct shim_answer answers[SHIM_CACHE];
	struct shim_location locations[SHIM_LOCATIONS];

	struct shim_group *group;
	struct shim_names *names[NAMES_CLASSES];
	struct behind behind;
	/* Of the copies of buffers (shadow.h): where the last message stands that maps, and the
	 * last one that writes. */
	uint64_t map_begin, write_begin, write_end;
	struct shim_queries queries;
	struct shim_held held[SHIM_HELD];
	unsigned held_count;
	uint64_t *seen; /* positions of other rings already waited for, by ring number */
	struct shim_context *next_in_group;

	GLenum render_mode;
	void *select_buffer;
	GLsizei select_size;
	void *feedback_buffer;
	GLsizei feedback_size;
	GLenum feedback_type;
	void *debug_callback;
	bool brings;      /* images for answers bring along what the program has there */
	bool delivering;  /* debug messages to the callback, at this moment */
	bool synchronous; /* GL_DEBUG_OUTPUT_SYNCHRONOUS: every call waits */
	const void *debug_user;
	uint32_t swaps;
	uint64_t swap_ends[SHIM_IN_FLIGHT]; /* where the messages of the last ones end */

	struct wire_state state;
};

extern __thread struct shim_context *shim_current __attribute__((tls_model("initial-exec")));

/* ---- slow paths (call.c) ---- */
void shim_make_room(struct shim_context *self, size_t size);
void shim_kick(struct shim_context *self);
uint64_t shim_wait(struct shim_context *self);
void shim_order_slow(struct shim_context *self);

/* Waits until the reader has come to `position`. False: the stream is lost. */
bool shim_wait_for(struct shim_context *self, uint64_t position, enum wire_wait what);

#define SHIM_KICK_EVERY 4096

/* The place of a message of `size` bytes with its head filled in. */
static inline void *shim_put(struct shim_context *self, unsigned opcode, size_t size)
{
	const size_t whole = wire_align(size);
	if (__builtin_expect(self->position + whole > self->limit, 0))
		shim_make_room(self, whole);
	struct wire_head *head = (struct wire_head *)(self->ring.data +
		(self->position & (self->ring.ring_size - 1)));
	*head = (struct wire_head){(uint16_t)opcode, (uint16_t)(whole / 8)};
	self->position += whole;
	return head;
}

/* Lets the reader see everything that was put. */
static inline void shim_publish(struct shim_context *self)
{
	atomic_store_explicit(&self->ring.shared->head, self->position, memory_order_release);
	if (__builtin_expect(self->position >= self->kick_at, 0))
		shim_kick(self);
}

/* Objects may be shared with contexts of other threads: what those have said comes first. */
static inline void shim_order(struct shim_context *self)
{
	if (__builtin_expect(self->seen != NULL, 0))
		shim_order_slow(self);
}

/* ---- data of one message ---- */

struct shim_data {
	struct shim_context *self;
	char *message;
	size_t next; /* where inline data goes; 0: all data goes to the arena */
	size_t reply;
};

/* As shim_put(), for a message with `total` bytes of data (each piece wire_align()ed). */
static inline void *shim_put_data(struct shim_data *place, struct shim_context *self,
	unsigned opcode, size_t size, size_t total)
{
	const size_t fixed = wire_align(size);
	const bool here = total <= WIRE_INLINE_MAX;
	place->self = self;
	place->next = here ? fixed : 0;
	place->reply = 0;
	place->message = shim_put(self, opcode, here ? fixed + total : fixed);
	return place->message;
}

struct wire_data shim_in_bulk(struct shim_data *place, const void *data, size_t size);

/* Copies data to where the proxy finds it. */
static inline struct wire_data shim_in(struct shim_data *place, const void *data, size_t size)
{
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	if (!place->next)
		return shim_in_bulk(place, data, size);
	const struct wire_data at = {.where = WIRE_INLINE, .size = size, .at = place->next};
	__builtin_memcpy(place->message + place->next, data, size);
	place->next += wire_align(size);
	return at;
}

/* The address of data that was placed, for callers that fill it in themselves. */
void *shim_data_address(const struct shim_data *place, const struct wire_data *data);

/* Room for `size` bytes that the caller fills in through shim_data_address(). */
struct wire_data shim_in_room(struct shim_data *place, size_t size);

struct wire_data shim_in_or_offset(
	struct shim_data *place, const void *data, size_t size, GLuint bound);
struct wire_data shim_in_image(
	struct shim_data *place, const void *data, const struct wire_layout *layout, GLuint bound);

/* Strings, joined; each with its zero byte. `lengths` may be NULL, or negative for "to the end". */
size_t shim_strings_size(GLsizei count, const char *const *strings, const GLint *lengths);
struct wire_data shim_in_strings(struct shim_data *place, GLsizei count, const char *const *strings,
	const GLint *lengths, size_t size);

/* Room for an answer. What the program has there comes along where it is small, because a call that
 * fails must leave it alone. */
struct wire_data shim_out(struct shim_data *place, const void *data, size_t size);
struct wire_data shim_out_or_offset(
	struct shim_data *place, const void *data, size_t size, GLuint bound);
struct wire_data shim_out_image(
	struct shim_data *place, const void *data, const struct wire_layout *layout, GLuint bound);

/* Brings an answer to the program. */
void shim_fetch(struct shim_context *self, void *to, const struct wire_data *from);
void shim_fetch_image(struct shim_context *self, void *to, const struct wire_data *from,
	const struct wire_layout *layout);

/* Gives a block of the heap back when the messages put so far are executed. */
void shim_give_later(struct shim_context *self, uint64_t block, size_t size);

/* ... but not, after all, the last one. */
void shim_keep(struct shim_context *self, uint64_t block);

/* An error of ours, as if the driver had made it. */
void shim_error(struct shim_context *self, GLenum error);

/* Gives waiting debug messages to the program's callback. */
void shim_deliver(struct shim_context *self);

/* A call names buffers that it, or calls after it, may write into; those bound to a target that is
 * only read are not meant. Target 0: none (shadow.c). */
void shim_buffers_named(
	struct shim_context *self, GLenum target, GLsizei count, const GLuint *buffers);

/* ---- names (names.c) ---- */
void shim_names_make(struct shim_context *self, enum names_class cls, GLsizei count, GLuint *names);
GLuint shim_name_make(struct shim_context *self, enum names_class cls);
void shim_name_adopt(struct shim_context *self, enum names_class cls, GLuint name);
void shim_names_drop(
	struct shim_context *self, enum names_class cls, GLsizei count, const GLuint *names);

/* wire_state.ask of this end. */
int64_t shim_ask(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
	GLint index, GLenum pname);

#endif
