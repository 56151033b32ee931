/*
 * snapshot_stream.h: writing a context's stream: messages of the wire, executed in order on an
 *empty context, that make objects and state what they are.
 *
 *	PUT(s, glEnable, .cap = GL_BLEND);
 *	PUT(s, glShaderSource, .shader = 3, .count = 1, .string = stream_data(s, text, size));
 *
 * A `take` is one walk over a share group or a context: the driver is asked (with a context of it
 * current in the calling thread), the stream is written. Names in messages are the program's. The
 * first refusal stays; what is written after it is not used.
 */
#ifndef GLPROXY_SNAPSHOT_STREAM_H
#define GLPROXY_SNAPSHOT_STREAM_H

#include "base/buf.h"
#include "base/err.h"
#include "glproxy/context.h"
#include "glproxy/snapshot_file.h"
#include "messages.h"

/* What is being written of a context's stream: a part of it, which becomes a record when it has
 * grown (stream_flush). */
struct stream {
	struct buf messages;
	struct buf data;          /* small pieces, one behind another */
	struct buf pieces;        /* struct stream_piece: where large ones stand between them */
	uint64_t size;            /* of the part's data, large pieces included */
	struct snapshot_out *out; /* NULL: everything stays here, whatever its size */
	uint32_t context;
};

struct stream_piece {
	uint64_t at;
	uint64_t size;
	struct content_hash hash;
};

struct take {
	const struct driver *gl;
	struct names **names; /* of the context */
	struct context *context;
	struct stream out;
	bool refused;
	bool in_use;       /* the framebuffer being written is bound */
	bool clamps;       /* some level clamps colours otherwise than by default */
	bool parameters;   /* those of bound textures belong to the state (stacks.h) */
	bool debug_known;  /* debug.h: the context has debug output, */
	bool debug_output; /* ... which was on */
	struct err *err;
	void *room; /* take_room() */
	size_t room_size;
};

/* Two snapshots of the same state are the same bytes where the compiler can clear what lies between
 * the members of a message. */
#if defined(__has_builtin) && __has_builtin(__builtin_clear_padding)
#define stream_clear_padding __builtin_clear_padding
#else
#define stream_clear_padding(message) ((void)(message))
#endif

/* Data belongs to the message that is put next: parts end between messages. */
void stream_put(struct stream *stream, const void *message, size_t size);
struct wire_data stream_data(struct stream *stream, const void *data, size_t size);
void stream_flush(struct stream *stream);

/* Appends messages of another stream with their data; NULL for such that have none outside. */
void stream_append(struct stream *stream, const struct buf *messages, const struct buf *data);
void stream_finish(struct stream *stream);

/* Memory of `size` bytes for contents on their way, zeroed where they are small: used again for the
 * next object, freed with the walk. NULL with a refusal. */
void *take_room(struct take *t, size_t size);

#define PUT(s, call, ...)                                                            \
	do {                                                                         \
		struct wire_##call message_ = {                                      \
			.head = {WIRE_##call, (sizeof(struct wire_##call) + 7) / 8}, \
			##__VA_ARGS__};                                              \
		stream_clear_padding(&message_);                                     \
		stream_put(s, &message_, sizeof(message_));                          \
	} while (0)

/* Of calls that make or delete names: one name. */
#define PUT_NAME(s, call, field, name) \
	PUT(s, call, .n = 1, .field = stream_data(s, &(GLuint){name}, sizeof(GLuint)))

/* Refuses the snapshot with a sentence. */
void take_refuse(struct take *t, const char *format, ...) printf_like(2, 3);

/* The program's name of the driver's object; refuses where it has none: an object that was deleted
 * and is still used (`by` says what by). */
GLuint take_name(
	struct take *t, enum names_class cls, GLuint driver, const char *what, const char *by);

/* Puts the label of an object, if it has one (glObjectLabel). */
void take_label(struct take *t, GLenum identifier, GLuint name, GLuint driver);

/* glGetIntegerv() of one value; 0 where the driver does not know it. */
GLint take_integer(struct take *t, GLenum pname);

/* Whether the driver made an error since the last time; the error is taken away. */
bool take_failed(struct take *t);

/* ---- the walks ---- */

/* With a helper context of the group current: objects of the share group. */
void take_buffers(struct take *t);
void take_samplers(struct take *t);
void take_renderbuffers(struct take *t);
void take_syncs(struct take *t);
void take_mappings(struct take *t);
void take_textures(struct take *t);
void take_programs(struct take *t);
void take_arb_programs(struct take *t);

/* After the state of all contexts: programs deleted while a context uses them. */
void take_deleted(struct take *t);

/* Puts, into the texture bound to its target, the contents of one image. */
void take_texture(struct take *t, GLenum target, GLuint name);

/* Of one that is bound and has its storage already (views.h): parameters, and contents where they
 * are to be filled in. */
void take_shared_texture(struct take *t, GLenum target, GLuint name, GLuint driver, bool fill);

/* Puts the parameters of the texture that is bound to the target. */
void take_parameters(struct take *t, GLenum target);

/* The target of the driver's texture, and what to ask for what is bound to it; 0 where none is
 * found.
 */
struct take_target {
	GLenum target, binding;
};
struct take_target take_texture_kind(struct take *t, GLuint driver);

/* The target alone; refuses where none is found. */
GLenum take_texture_target(struct take *t, GLuint driver);

/* With the context itself current. */
void take_framebuffers(struct take *t);
void take_vertex_arrays(struct take *t);
void take_pipelines(struct take *t);
void take_current_programs(struct take *t);
void take_current_attributes(struct take *t, bool fixed_function);
void take_arb_state(struct take *t);
void take_draw_buffers(struct take *t); /* of the framebuffer that is bound */
void take_state(struct take *t);
void take_attributes(struct take *t); /* the part of the state that glPushAttrib can save */
void take_fixed_function(struct take *t);
void take_matrices(struct take *t);

/* Whether the context has the whole fixed function: compatibility profiles and ES 1. */
bool take_is_compatible(struct take *t);

/* Pixel store, GL_PACK_* or GL_UNPACK_* by the first of its names. */
void take_store(struct stream *stream, const struct wire_pixels *store, GLenum first);

/* Refuses when the program has used what is not kept: a bit an opcode, EXEC_USED words. */
void take_used(struct take *t, const uint64_t *used);

/* A name that no program has: for what a stream needs in passing. */
#define TAKE_SPARE 0xfffff0u

#endif
