#include "glproxy/exec.h"

#include "base/log.h"
#include "glproxy/calls_buffer.h"
#include "glproxy/context.h"
#include "glproxy/front.h"
#include "glproxy/journal.h"
#include "glproxy/lists.h"
#include "glproxy/live.h"
#include "glproxy/proxy.h"
#include "messages.h"
#include "wire/hello.h"

#include <string.h>

void exec_init(struct exec *x, struct proxy *proxy, const struct wire_mapping *map)
{
	memset(x, 0, sizeof(*x));
	wire_state_init(&x->state);
	x->state.ask = exec_ask;
	x->driver = proxy->driver;
	x->proxy = proxy;
	x->heap = proxy->heap;
	x->map = *map;
	x->position = map->shared->tail;
}

void exec_finish(struct exec *x)
{
	wire_state_finish(&x->state);
	lists_close(x);
	buf_finish(&x->held);
	free(x->scratch);
	x->scratch = NULL;
	free(x->notes);
	x->notes = NULL;
	buf_finish(&x->before);
}

void exec_refuse(struct exec *x, const char *what)
{
	x->failed = true;
	if (x->broken)
		return;
	x->broken = true;
	log_line("process %d: %s: %s: the client is ended", x->proxy->client,
		wire_opcode_name(x->opcode), what);
}

/* ---- data ---- */

static const char *within(const char *base, uint64_t room, uint64_t at, uint64_t size)
{
	return base && at <= room && size <= room - at ? base + at : NULL;
}

const void *exec_peek(const struct exec *x, const struct wire_data *data)
{
	switch ((enum wire_where)data->where) {
	case WIRE_INLINE:
		return within(x->message, x->message_size, data->at, data->size);
	case WIRE_ARENA:
		return within(
			x->map.arena, x->map.arena_size, data->at % x->map.arena_size, data->size);
	case WIRE_HEAP:
		return within(x->heap, WIRE_HEAP_SIZE, data->at, data->size);
	case WIRE_REPLY:
		return within(x->map.reply, WIRE_REPLY_SIZE, data->at, data->size);
	case WIRE_NULL:
	case WIRE_OFFSET:
	case WIRE_LOST:
		break;
	}
	return NULL;
}

static char *find(struct exec *x, const struct wire_data *data)
{
	if (data->at % WIRE_ALIGNMENT && data->where != WIRE_OFFSET)
		return NULL;
	char *found = (char *)(uintptr_t)exec_peek(x, data);
	if (found && data->where == WIRE_ARENA && data->at + data->size > x->arena_end)
		x->arena_end = data->at + data->size;
	if (found && (data->where == WIRE_ARENA || data->where == WIRE_HEAP))
		x->map.counts->data += data->size;
	return found;
}

/* A piece of data of the size we computed, or NULL. */
static void *checked(struct exec *x, const struct wire_data *data, size_t size)
{
	if (data->where == WIRE_NULL)
		return NULL;
	if (data->where == WIRE_LOST) {
		exec_error(x, GL_OUT_OF_MEMORY);
		x->failed = true;
		return NULL;
	}
	void *found = data->size == size ? find(x, data) : NULL;
	if (!found)
		exec_refuse(x,
			data->size == size ? "data outside of the stream"
					   : "data of another size than expected");
	return found;
}

/* ---- what the journal wants to know ---- */

void exec_note(struct exec *x, bool heap, uint64_t at, const void *data, uint64_t size)
{
	struct journal_piece *last = x->note_count ? &x->notes[x->note_count - 1] : NULL;
	if (last && last->heap && heap && last->at + last->size == at &&
		last->data + last->size == data) {
		last->size += size;
		return;
	}
	if (x->note_count == x->note_room) {
		const unsigned room = x->note_room ? x->note_room * 2 : 16;
		struct journal_piece *grown = realloc(x->notes, room * sizeof(*grown));
		if (!grown)
			return;
		x->notes = grown;
		x->note_room = room;
	}
	x->notes[x->note_count++] =
		(struct journal_piece){.at = at, .size = size, .heap = heap, .data = data};
}

/* A change of the message is of one piece of it; the same piece may be changed once more. */
void exec_changes(struct exec *x, const void *data)
{
	if (!x->noting)
		return;
	const char *at = data;
	if (at >= x->message && at < x->message + sizeof(x->message)) {
		if (!x->changed)
			memcpy(x->original, x->message, x->message_size);
		x->changed = true;
		return;
	}
	for (unsigned i = 0; i < x->note_count; i++) {
		struct journal_piece *note = &x->notes[i];
		if (note->data != at || x->before.size)
			continue;
		buf_append(&x->before, note->data, note->size);
		note->data = x->before.data;
	}
}

void exec_note_all(struct exec *x)
{
	const uint16_t *places = exec_entries[x->opcode].data;
	for (unsigned i = 1; x->noting && i <= places[0]; i++) {
		struct wire_data data;
		memcpy(&data, x->message + places[i], sizeof(data));
		const char *found = data.where == WIRE_ARENA || data.where == WIRE_HEAP
			? exec_peek(x, &data)
			: NULL;
		if (found)
			exec_note(x, data.where == WIRE_HEAP, data.at, found, data.size);
	}
}

static void *checked_in(struct exec *x, const struct wire_data *data, size_t size)
{
	void *found = checked(x, data, size);
	if (x->noting && found && (data->where == WIRE_ARENA || data->where == WIRE_HEAP))
		exec_note(x, data->where == WIRE_HEAP, data->at, found, size);
	return found;
}

/* What it leaves behind, and what the program wrote into mappings that it made visible. */
static void keep(struct exec *x, size_t size)
{
	struct journal *journal = x->proxy->journal;
	if (!journal || (!x->noting && !x->note_count))
		return;
	if (x->changed)
		memcpy(x->message, x->original, size);
	x->message_size = x->noting ? size : 0;
	journal_append(journal, x);
}

/* What the GPU will draw only later, from a list, is kept in any case. */
static void note_nothing(struct exec *x, unsigned opcode)
{
	const struct journal *journal = x->proxy->journal;
	if (x->inner)
		return;
	x->noting = journal && !x->replaying && (x->list || journal_keeps(journal, opcode));
	x->changed = false;
	x->note_count = 0;
	if (x->before.size)
		buf_clear(&x->before);
}

/* ---- data that came ---- */

const void *exec_in(struct exec *x, const struct wire_data *data, size_t size)
{
	return checked_in(x, data, size);
}

static void *offset(struct exec *x, const struct wire_data *data)
{
	if (data->where == WIRE_OFFSET)
		return (void *)(uintptr_t)data->at;
	exec_refuse(x, "data where a buffer is bound");
	return NULL;
}

const void *exec_in_or_offset(
	struct exec *x, const struct wire_data *data, GLuint bound, size_t size)
{
	return bound ? offset(x, data) : checked_in(x, data, size);
}

void *exec_out(struct exec *x, const struct wire_data *data, size_t size)
{
	return checked(x, data, size);
}

void *exec_out_or_offset(struct exec *x, const struct wire_data *data, GLuint bound, size_t size)
{
	return bound ? offset(x, data) : checked(x, data, size);
}

const void *exec_string(struct exec *x, const struct wire_data *data)
{
	const char *text = checked_in(x, data, data->size);
	if (text && (!data->size || text[data->size - 1])) {
		exec_refuse(x, "a string without an end");
		return NULL;
	}
	return text;
}

const void *exec_text(struct exec *x, const struct wire_data *data, int64_t length)
{
	return length < 0 ? exec_string(x, data) : checked_in(x, data, (size_t)length);
}

const GLchar **exec_strings(struct exec *x, const struct wire_data *data, GLsizei count)
{
	const char *text = exec_string(x, data);
	if (!text || x->failed)
		return NULL;
	const GLchar **strings = exec_scratch(x, count);
	const char *end = text + data->size;
	for (GLsizei i = 0; strings && i < count; i++) {
		if (text >= end) {
			exec_refuse(x, "fewer strings than announced");
			return NULL;
		}
		strings[i] = text;
		text += strnlen(text, (size_t)(end - text)) + 1;
	}
	return strings;
}

void exec_reply(struct exec *x, uint64_t value)
{
	atomic_store_explicit(&x->map.shared->value, value, memory_order_relaxed);
	atomic_store_explicit(&x->map.shared->answered, x->opcode, memory_order_relaxed);
	x->replied = true;
}

#define SCRATCH_MAX ((size_t)64 << 20)

void *exec_scratch(struct exec *x, GLsizei count)
{
	const size_t size = wire_bytes(count, sizeof(void *)) + sizeof(void *);
	if (size > x->scratch_size) {
		void *memory = size < SCRATCH_MAX ? realloc(x->scratch, size) : NULL;
		if (!memory) {
			exec_error(x, GL_OUT_OF_MEMORY);
			x->failed = true;
			return NULL;
		}
		x->scratch = memory;
		x->scratch_size = size;
	}
	memset(x->scratch, 0, size);
	return x->scratch;
}

/* ---- the stream ---- */

_Static_assert((unsigned)WIRE_OPCODES <= (unsigned)WIRE_WAIT_RING,
	"opcodes are counted below the other waits");

/* The decoder of a message. The time of some is taken, so that it costs nothing. */
static void decode(struct exec *x, const void *message)
{
	struct wire_work *work = &x->map.counts->work[x->opcode];
	work->calls++;
	if (__builtin_expect(x->sample++ % WIRE_SAMPLE, 1)) {
		exec_entries[x->opcode].decode(x, message);
		return;
	}
	const uint64_t begun = wire_now();
	exec_entries[x->opcode].decode(x, message);
	work->samples++;
	work->nanoseconds += wire_now() - begun;
}

void exec_direct(struct exec *x, size_t size)
{
	struct wire_head head;
	memcpy(&head, x->message, sizeof(head));
	const unsigned opcode = x->opcode = head.opcode;
	x->message_size = size;
	x->failed = false;
	const struct exec_entry *entry = &exec_entries[opcode];
	if (entry->duties & EXEC_SEES && x->context && x->context->group->persistent)
		buffers_to_driver(x);
	decode(x, x->message);
	if (entry->duties & (EXEC_AIMS | EXEC_RECALLS))
		front_look(x, entry->duties & EXEC_AIMS);
	if (opcode == WIRE_glBegin || opcode == WIRE_glEnd)
		x->in_begin = opcode == WIRE_glBegin && !lists_compiling(x);
}

void exec_plain(struct exec *x, const void *message)
{
	struct wire_head head;
	memcpy(&head, message, sizeof(head));
	x->opcode = head.opcode;
	x->failed = false;
	decode(x, message);
}

static void execute(struct exec *x, size_t size)
{
	struct wire_head head;
	memcpy(&head, x->message, sizeof(head));
	x->message_size = size;
	x->opcode = head.opcode;
	x->failed = false;
	x->refused = false;
	x->arena_end = 0;
	x->replied = false;
	note_nothing(x, head.opcode);
	if (head.opcode == WIRE_PADDING)
		return;
	if (head.opcode >= WIRE_OPCODES || !exec_entries[head.opcode].decode) {
		exec_refuse(x, "an unknown message");
		return;
	}
	if (size < exec_entries[head.opcode].size) {
		exec_refuse(x, "a message that is too short");
		return;
	}
	x->used[head.opcode / 64] |= (uint64_t)1 << (head.opcode % 64);
	if (__builtin_expect(
		    x->special || head.opcode == WIRE_glBegin || head.opcode == WIRE_glCallList,
		    0) &&
		lists_keep(x))
		return;
	exec_direct(x, size);
}

/* Most messages are of few words, which memcpy() of a size that it does not know takes its time
 * over. */
static void copy_words(char *to, const char *from, size_t size)
{
	if (size > 128) {
		memcpy(to, from, size);
		return;
	}
	for (size_t at = 0; at < size; at += 8)
		memcpy(to + at, from + at, 8);
}

/* Copies the message at the present position; its length, or 0 when it is none. */
static size_t take_message(struct exec *x, uint64_t head, char *copy)
{
	const uint64_t place = x->position & (x->map.ring_size - 1); /* a power of two */
	const char *source = x->map.data + place;
	struct wire_head begin;
	memcpy(&begin, source, sizeof(begin));
	const size_t size = (size_t)begin.units * 8;
	if (!size || size > head - x->position || size > x->map.ring_size - place ||
		(size > WIRE_MESSAGE_MAX && begin.opcode != WIRE_PADDING)) {
		exec_refuse(x, "a message of an impossible length");
		return 0;
	}
	copy_words(copy, source, begin.opcode == WIRE_PADDING ? 8 : size);
	memcpy(copy, &begin, sizeof(begin)); /* the length just checked */
	return size;
}

/* Whoever waits for an answer, or for room, may be asleep. */
static void wake_writer(struct wire_ring *shared)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&shared->writer_sleeps, memory_order_relaxed))
		wire_wake(&shared->tail);
}

/* The same without a fence, after each message: one that is missed is seen after the next. */
static void wake_who_has_what_it_wants(const struct exec *x)
{
	struct wire_ring *shared = x->map.shared;
	if (__builtin_expect(
		    atomic_load_explicit(&shared->writer_sleeps, memory_order_relaxed), 0) &&
		x->position >= atomic_load_explicit(&shared->writer_wants, memory_order_relaxed))
		wire_wake(&shared->tail);
}

static void done(struct exec *x, size_t size)
{
	struct wire_ring *shared = x->map.shared;
	x->position += size;
	if (x->arena_end)
		atomic_store_explicit(&shared->arena_tail, x->arena_end, memory_order_release);
	atomic_store_explicit(&shared->tail, x->position, memory_order_release);
	if (x->replied)
		wake_writer(shared);
	else
		wake_who_has_what_it_wants(x);
}

/* A primitive that is there from glBegin to glEnd; its size, or 0. */
static size_t execute_primitive(struct exec *x, size_t size, uint64_t head)
{
	struct wire_head begin;
	memcpy(&begin, x->message, sizeof(begin));
	if (begin.opcode != WIRE_glBegin || size < exec_entries[WIRE_glBegin].size)
		return 0;
	x->message_size = size;
	x->arena_end = 0;
	x->replied = false;
	return lists_whole_primitive(x, head);
}

static void execute_until(struct exec *x, uint64_t head)
{
	while (x->position != head && !x->broken) {
		const size_t size = take_message(x, head, x->message);
		if (!size)
			return;
		const size_t whole = execute_primitive(x, size, head);
		if (!whole)
			execute(x, size);
		if (!x->broken) {
			keep(x, size);
			done(x, whole ? whole : size);
		}
		live_boundary(x);
	}
}

void exec_replay(struct exec *x, size_t size)
{
	execute(x, size);
}

#define SPINS_MIN 64
#define SPINS_MAX 4096

/* Nothing to do: spin as long as that has paid lately, then sleep. */
static void idle(struct exec *x, unsigned *spins)
{
	struct wire_ring *shared = x->map.shared;
	for (unsigned i = 0; i < *spins; i++) {
		if (atomic_load_explicit(&shared->head, memory_order_acquire) != x->position) {
			if (*spins < SPINS_MAX)
				*spins *= 2;
			return;
		}
		wire_pause();
	}
	if (*spins > SPINS_MIN)
		*spins /= 2;
	wake_writer(shared);
	atomic_store(&shared->reader_sleeps, 1);
	if (atomic_load(&shared->head) == x->position && !atomic_load(&shared->closed) &&
		!live_wanted(x))
		wire_sleep(&shared->head, x->position, 1000);
	atomic_store(&shared->reader_sleeps, 0);
}

void exec_run(struct exec *x)
{
	struct wire_ring *shared = x->map.shared;
	unsigned spins = SPINS_MAX;
	while (!x->broken) {
		live_point(x);
		const uint64_t head = atomic_load_explicit(&shared->head, memory_order_acquire);
		if (head != x->position) {
			if (head - x->position > x->map.ring_size)
				exec_refuse(x, "more than the ring holds");
			else
				execute_until(x, head);
			wake_writer(shared);
		} else if (atomic_load(&shared->closed)) {
			break;
		} else {
			idle(x, &spins);
		}
	}
	atomic_store(&shared->lost, 1);
	wire_wake(&shared->tail);
}
