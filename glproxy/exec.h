/*
 * exec.h: one context's stream being executed: where messages are taken apart, checked and become
 * calls of the driver. Generated decoders (decode.c) and those written by hand (calls_*.c) use it.
 *
 * Nothing in a message is believed. A message is copied before it is looked at; sizes are computed
 * here again and compared; offsets are compared with what is left. What does not hold ends the
 * client (exec_refuse). Bulk data stays in shared memory: a client that changes it while the driver
 * reads it harms only what it could have sent in the first place.
 *
 * One thread owns an exec.
 */
#ifndef GLPROXY_EXEC_H
#define GLPROXY_EXEC_H

#include "base/buf.h"
#include "glproxy/driver.h"
#include "glproxy/names.h"
#include "wire/message.h"
#include "wire/names.h"
#include "wire/ring.h"
#include "wire/size.h"
#include "wire/state.h"

#include <stdbool.h>

struct context;
struct journal_piece;
struct list_open;
struct proxy;

#define EXEC_USED 64 /* words of bits: opcodes are below 4096 */

struct exec {
	const struct driver *driver;
	struct wire_state state;
	struct names *names[NAMES_CLASSES];
	struct proxy *proxy;
	struct context *context; /* NULL for the control ring */

	bool replaying;  /* a journal is being replayed: there are no other threads */
	bool rebuilding; /* a snapshot is being replayed: blocks of the heap hold newer contents */
	bool foreign;    /* ... of another driver */
	bool in_begin;   /* the driver is between glBegin and glEnd */
	bool lenient;    /* errors of the snapshot being replayed are none */
	bool special;    /* messages are held, or a display list is being compiled (lists.h) */
	struct buf held; /* from glBegin on */
	struct list_open *list;
	unsigned sample;          /* messages until the next whose time is taken */
	unsigned turns;           /* messages since the last rebuild on request (live.h) */
	uint64_t used[EXEC_USED]; /* messages seen, a bit an opcode */

	bool failed;  /* the present message must not be executed any further */
	bool refused; /* GL refused the present call, where its execution looked */
	bool broken;  /* the client sent nonsense: its stream ends here */

	_Alignas(16) char message[WIRE_MESSAGE_MAX]; /* a private copy of the present one */
	size_t message_size;
	unsigned opcode;

	struct wire_mapping map;
	uint64_t position;
	uint64_t arena_end; /* arena data of the present message ends here */
	char *heap;
	bool replied;

	void *scratch; /* reused memory for the present message */
	size_t scratch_size;

	/* For the journal (journal.h): what the present message brought along; what a message that
	 * is changed while it is executed was before. */
	bool noting;
	bool changed;
	bool inner; /* its execution executes others, which are not noted */
	struct journal_piece *notes;
	unsigned note_count, note_room;
	struct buf before;
	char original[WIRE_MESSAGE_MAX];

	GLenum error; /* taken from the driver, not yet asked for by the program; as in GL, the
			 first */
};

/* What there is besides a call (wire/policy.txt: words of the same names). */
enum exec_duty {
	EXEC_SEES = 1,    /* before: it may read buffers that are mapped */
	EXEC_AIMS = 2,    /* after: it may have named another buffer of the window */
	EXEC_RECALLS = 4, /* after: it may have brought back what was named before */
	EXEC_LIST = 8,    /* display lists keep it */
	EXEC_VERTEX = 16, /* it may stand between glBegin and glEnd */
	EXEC_UNPACKS = 32 /* its data are laid out as the pixel store says */
};

struct exec_entry {
	void (*decode)(struct exec *x, const void *message);
	unsigned size;        /* of the fixed part */
	unsigned duties;      /* enum exec_duty */
	const uint16_t *data; /* how many pieces of data come along, and where each wire_data is */
};

extern const struct exec_entry exec_entries[];

void exec_init(struct exec *x, struct proxy *proxy, const struct wire_mapping *map);
void exec_finish(struct exec *x);

/* Executes what is published until the writer has closed the ring or sent nonsense. */
void exec_run(struct exec *x);

/* Executes the message in x->message as if it came from the ring ... */
void exec_replay(struct exec *x, size_t size);

/* ... or at once, whatever is held or being compiled. */
void exec_direct(struct exec *x, size_t size);

/* ... of a plain message (no data beside it, no duty but to the driver), where it lies. */
void exec_plain(struct exec *x, const void *message);

/* Says in the log what is wrong and marks the stream as broken. */
void exec_refuse(struct exec *x, const char *what);

/* Where data of the message at hand lie; NULL: outside of the stream. Refuses nothing. */
const void *exec_peek(const struct exec *x, const struct wire_data *data);

/* ---- for decoders ---- */

/* Data that came: NULL where the program's pointer was NULL, or when it is refused. */
const void *exec_in(struct exec *x, const struct wire_data *data, size_t size);
const void *exec_in_or_offset(
	struct exec *x, const struct wire_data *data, GLuint bound, size_t size);
const void *exec_string(struct exec *x, const struct wire_data *data);
const void *exec_text(struct exec *x, const struct wire_data *data, int64_t length);
const GLchar **exec_strings(struct exec *x, const struct wire_data *data, GLsizei count);

/* The journal shall have these bytes: of the heap, or at a position of the arena. */
void exec_note(struct exec *x, bool heap, uint64_t at, const void *data, uint64_t size);

/* ... and all data of the message at hand, which is executed another time. */
void exec_note_all(struct exec *x);

/* Data of the present message is about to be changed where it is. */
void exec_changes(struct exec *x, const void *data);

/* Room for an answer. */
void *exec_out(struct exec *x, const struct wire_data *data, size_t size);
void *exec_out_or_offset(struct exec *x, const struct wire_data *data, GLuint bound, size_t size);

/* What a waiting call returns. */
void exec_reply(struct exec *x, uint64_t value);

/* Memory for `count` names or pointers, valid until the next message. */
void *exec_scratch(struct exec *x, GLsizei count);

GLuint exec_name(struct exec *x, enum names_class cls, GLuint name);
void exec_names(struct exec *x, enum names_class cls, int64_t count, const GLuint *names);
void exec_names_copy(
	struct exec *x, enum names_class cls, GLsizei count, const GLuint *from, GLuint *to);
void exec_names_made(struct exec *x, enum names_class cls, GLsizei count, const GLuint *program,
	const GLuint *driver);
void exec_name_made(struct exec *x, enum names_class cls, GLuint program, GLuint driver);
void exec_names_dropped(struct exec *x, enum names_class cls, GLsizei count, const GLuint *program);
void exec_names_back(struct exec *x, enum names_class cls, GLsizei count, GLuint *names);

/* One value of `element` bytes (integer, float or double by the pointer's type) that may be a
 * name. */
#define exec_name_back(x, cls, values, element)     \
	_Generic((values), GLfloat *                \
		 : exec_name_back_float, GLdouble * \
		 : exec_name_back_double, default   \
		 : exec_name_back_integer)(x, cls, (void *)(values), element)
void exec_name_back_integer(struct exec *x, enum names_class cls, void *value, size_t element);
void exec_name_back_float(struct exec *x, enum names_class cls, void *value, size_t element);
void exec_name_back_double(struct exec *x, enum names_class cls, void *value, size_t element);

enum names_class exec_attachment_class(
	struct exec *x, GLenum target, GLenum attachment, GLenum pname);
enum names_class exec_named_attachment_class(
	struct exec *x, GLuint framebuffer, GLenum attachment, GLenum pname);

GLsync exec_handle(struct exec *x, uint64_t handle);

/* Moves the driver's pending errors aside, so that the proxy's own calls leave no trace and an
 * error of the call in hand is seen. exec_errors_since() returns the first new one. */
void exec_errors_take(struct exec *x);
GLenum exec_errors_since(struct exec *x);

/* An error of ours, as if the driver had made it. */
void exec_error(struct exec *x, GLenum error);

/* wire_state.ask of this end. */
int64_t exec_ask(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
	GLint index, GLenum pname);

static inline struct exec *exec_of_state(struct wire_state *st)
{
	return (struct exec *)((char *)st - offsetof(struct exec, state));
}

#endif
