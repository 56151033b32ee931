#include "glproxy/lists.h"

#include "glproxy/lists_draw.h"
#include "glproxy/live.h"
#include "glproxy/proxy.h"
#include "glproxy/replay.h"
#include "hand.h"
#include "wire/hello.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

/* What calling a list does to glBegin. */
enum effect { NONE, OPENS, CLOSES };

struct list {
	struct stream log;
	enum effect effect;
	const char *lost;
};

struct lists {
	pthread_mutex_t lock;
	struct list **pages[PAGE];
};

/* A name that glGenLists gave out, of a list that nothing was put into. */
static struct list empty;

struct lists *lists_create(void)
{
	struct lists *lists = calloc(1, sizeof(*lists));
	if (lists)
		pthread_mutex_init(&lists->lock, NULL);
	return lists;
}

static void list_destroy(struct list *list)
{
	if (!list || list == &empty)
		return;
	stream_finish(&list->log);
	free(list);
}

void lists_clear(struct lists *lists)
{
	for (unsigned page = 0; page < PAGE; page++) {
		for (unsigned i = 0; lists->pages[page] && i < PAGE; i++)
			list_destroy(lists->pages[page][i]);
		free(lists->pages[page]);
		lists->pages[page] = NULL;
	}
}

void lists_destroy(struct lists *lists)
{
	if (!lists)
		return;
	lists_clear(lists);
	pthread_mutex_destroy(&lists->lock);
	free(lists);
}

static struct list *find(const struct lists *lists, GLuint name)
{
	struct list **page = name / PAGE < PAGE ? lists->pages[name / PAGE] : NULL;
	return page ? page[name % PAGE] : NULL;
}

/* Under the lock; takes the list over. */
static void put(struct lists *lists, GLuint name, struct list *list)
{
	if (name / PAGE >= PAGE || (!list && !find(lists, name))) {
		list_destroy(list);
		return;
	}
	struct list ***page = &lists->pages[name / PAGE];
	if (!*page)
		*page = calloc(PAGE, sizeof(**page));
	if (!*page) {
		list_destroy(list);
		return;
	}
	list_destroy((*page)[name % PAGE]);
	(*page)[name % PAGE] = list;
}

static struct lists *lists_of(const struct exec *x)
{
	return x->context ? x->context->group->lists : NULL;
}

/* ---- what goes into a list ---- */

static void see(struct exec *x)
{
	x->special = x->held.size || x->list;
}

static void note_store(struct list_open *open, const struct wire_pixels *p)
{
	if (open->stored && !memcmp(&open->store, p, sizeof(*p)))
		return;
	open->store = *p;
	open->stored = true;
	take_store(&open->log, p, GL_UNPACK_SWAP_BYTES);
}

/* Data outside of the message are copied into the log. */
static void note_data(struct exec *x, struct list_open *open, char *place)
{
	struct wire_data data;
	memcpy(&data, place, sizeof(data));
	if (data.where == WIRE_OFFSET && exec_entries[x->opcode].duties & EXEC_UNPACKS)
		open->lost = "pixels from a buffer";
	if (data.where != WIRE_ARENA && data.where != WIRE_HEAP)
		return;
	const void *found = exec_peek(x, &data);
	if (!found)
		return; /* its execution will refuse it */
	data = stream_data(&open->log, found, data.size);
	memcpy(place, &data, sizeof(data));
}

static void note(struct exec *x)
{
	struct list_open *open = x->list;
	const struct exec_entry *entry = &exec_entries[x->opcode];
	if (lists_note_draw(x, &open->log, &open->lost))
		return;
	if (entry->duties & EXEC_UNPACKS)
		note_store(open, &x->state.unpack);
	const size_t at = open->log.messages.size;
	stream_put(&open->log, x->message, x->message_size);
	for (unsigned i = 1; !buf_failed(&open->log.messages) && i <= entry->data[0]; i++)
		note_data(x, open, open->log.messages.data + at + entry->data[i]);
}

/* ---- what is held ---- */

#define HELD_KEEP ((size_t)1 << 20)

/* Most of what comes between glBegin and glEnd: vertices and what they have. */
static bool is_plain(unsigned opcode)
{
	const struct exec_entry *entry = &exec_entries[opcode];
	return (entry->duties & ~(unsigned)EXEC_LIST) == EXEC_VERTEX && !entry->data[0] &&
		opcode != WIRE_glBegin && opcode != WIRE_glEnd;
}

/* buf_append() of a few words, where there is room. */
static bool hold_plain(struct exec *x)
{
	struct buf *held = &x->held;
	const size_t size = x->message_size;
	if (held->capacity - held->size <= size)
		return false;
	for (size_t at = 0; at < size; at += 8)
		memcpy(held->data + held->size + at, x->message + at, 8);
	held->size += size;
	return true;
}

static void execute_held(struct exec *x)
{
	struct buf held = x->held;
	x->held = (struct buf)BUF_INIT;
	for (size_t at = 0; at < held.size;) {
		struct wire_head head;
		memcpy(&head, held.data + at, sizeof(head));
		const size_t size = (size_t)head.units * 8;
		x->used[head.opcode / 64] |= (uint64_t)1 << (head.opcode % 64);
		if (is_plain(head.opcode)) {
			exec_plain(x, held.data + at);
		} else {
			memcpy(x->message, held.data + at, size);
			exec_direct(x, size);
		}
		at += size;
	}
	buf_clear(&held);
	if (held.capacity > HELD_KEEP)
		buf_finish(&held);
	x->held = held;
	see(x);
}

/* ---- primitives that are in the ring as a whole ---- */

#define WHOLE_MAX ((size_t)64 << 10)

/* The plain message at `at`, copied behind what is held; its opcode, or none where it is not plain,
 * not whole, or does not lie in one piece. */
static unsigned take_plain(struct exec *x, uint64_t at, uint64_t end)
{
	const uint64_t place = at & (x->map.ring_size - 1);
	char *copy = x->held.data + x->held.size;
	struct wire_head head;
	memcpy(&head, x->map.data + place, sizeof(head));
	const size_t size = (size_t)head.units * 8;
	const bool fits = size && size <= end - at && size <= x->map.ring_size - place &&
		size <= x->held.capacity - x->held.size;
	const bool plain = fits && head.opcode < WIRE_OPCODES &&
		size >= exec_entries[head.opcode].size &&
		(head.opcode == WIRE_glEnd || is_plain(head.opcode));
	if (!plain)
		return WIRE_OPCODES;
	for (size_t i = 0; i < size; i += 8)
		memcpy(copy + i, x->map.data + place + i, 8);
	memcpy(copy, &head, sizeof(head)); /* what was just checked */
	x->held.size += size;
	return head.opcode;
}

/* Copies what follows, up to the glEnd. */
static bool take_whole(struct exec *x, uint64_t begin, uint64_t end)
{
	unsigned opcode;
	do
		opcode = take_plain(x, begin + x->held.size, end);
	while (opcode < WIRE_OPCODES && opcode != WIRE_glEnd);
	return opcode == WIRE_glEnd;
}

size_t lists_whole_primitive(struct exec *x, uint64_t end)
{
	const struct live *live = x->proxy->live;
	if (!x->context || x->special || x->in_begin || x->proxy->journal || (live && live->every))
		return 0;
	if (!buf_reserve(&x->held, WHOLE_MAX))
		return 0;
	memcpy(x->held.data, x->message, x->message_size);
	x->held.size = x->message_size;
	if (!take_whole(x, x->position, end)) {
		buf_clear(&x->held);
		return 0;
	}
	const size_t size = x->held.size;
	execute_held(x);
	return size;
}

static bool lies_in_message(const struct exec *x)
{
	const uint16_t *places = exec_entries[x->opcode].data;
	for (unsigned i = 1; i <= places[0]; i++) {
		struct wire_data data;
		memcpy(&data, x->message + places[i], sizeof(data));
		if (data.where == WIRE_ARENA || data.where == WIRE_HEAP)
			return false;
	}
	return true;
}

static enum effect effect_of_call(struct exec *x)
{
	struct wire_glCallList call;
	struct lists *lists = lists_of(x);
	memcpy(&call, x->message, sizeof(call));
	pthread_mutex_lock(&lists->lock);
	const struct list *list = find(lists, call.list);
	const enum effect effect = list ? list->effect : NONE;
	pthread_mutex_unlock(&lists->lock);
	return effect;
}

static enum effect effect_of(struct exec *x)
{
	return x->opcode == WIRE_glBegin       ? OPENS
		: x->opcode == WIRE_glEnd      ? CLOSES
		: x->opcode == WIRE_glCallList ? effect_of_call(x)
					       : NONE;
}

static bool hold(struct exec *x)
{
	if (x->held.size && is_plain(x->opcode) && hold_plain(x))
		return true;
	const bool vertex = exec_entries[x->opcode].duties & EXEC_VERTEX;
	const enum effect effect = effect_of(x);
	if (!x->held.size && (effect != OPENS || x->in_begin))
		return false;
	if (x->rebuilding && !vertex)
		return false; /* a snapshot says more, but not to the primitive */
	buf_append(&x->held, x->message, x->message_size);
	if (buf_failed(&x->held)) {
		exec_error(x, GL_OUT_OF_MEMORY);
		buf_finish(&x->held);
	} else if (!vertex || effect == CLOSES || !lies_in_message(x) ||
		(effect == OPENS && x->held.size > x->message_size)) {
		execute_held(x);
	}
	see(x);
	return true;
}

bool lists_keep(struct exec *x)
{
	struct list_open *open = x->list;
	if (!x->context || (open && open->replaying))
		return false;
	if (open && exec_entries[x->opcode].duties & EXEC_LIST) {
		note(x);
		if (open->mode == GL_COMPILE && open->apart)
			exec_note_all(x);
		if (open->mode == GL_COMPILE)
			return open->apart;
	}
	return hold(x);
}

/* ---- a list from its beginning to its end ---- */

static GLuint compiled_by_driver(const struct exec *x)
{
	GLint name = 0;
	if (!x->in_begin)
		x->driver->GetIntegerv(GL_LIST_INDEX, &name);
	return (GLuint)name;
}

static struct list_open *open_list(struct exec *x, GLuint name, GLenum mode)
{
	struct list_open *open = calloc(1, sizeof(*open));
	x->list = open;
	see(x);
	if (!open)
		return NULL;
	open->name = name;
	open->mode = mode;
	return open;
}

void proxy_glNewList(struct exec *x, GLuint list, GLenum mode)
{
	if (x->list && x->list->apart) {
		exec_error(x, GL_INVALID_OPERATION);
		return;
	}
	x->driver->NewList(list, mode);
	if (x->context && !x->list && list && compiled_by_driver(x) == list)
		open_list(x, list, mode);
}

static void drop_errors(const struct exec *x)
{
	while (x->driver->GetError())
		;
}

/* Compiles a log. The driver's errors of it stay pending. */
static void compile(struct exec *x, GLuint name, const struct stream *log)
{
	struct list_open *before = x->list;
	struct list_open busy = {.name = name, .mode = GL_COMPILE, .replaying = true};
	const struct wire_pixels store = x->state.unpack;
	struct stream stream = {0};
	exec_errors_take(x);
	x->list = &busy;
	x->driver->NewList(name, GL_COMPILE);
	replay_quietly(x, log);
	x->driver->EndList();
	take_store(&stream, &store, GL_UNPACK_SWAP_BYTES);
	replay_quietly(x, &stream);
	stream_finish(&stream);
	x->list = before;
}

static enum effect effect_of_log(const struct stream *log)
{
	enum effect effect = NONE;
	for (size_t at = 0; at < log->messages.size;) {
		struct wire_head head;
		memcpy(&head, log->messages.data + at, sizeof(head));
		if (head.opcode == WIRE_glBegin)
			effect = OPENS;
		else if (head.opcode == WIRE_glEnd)
			effect = effect == OPENS ? NONE : CLOSES;
		at += (size_t)head.units * 8;
	}
	return effect;
}

/* The open list's log becomes the group's. */
static void publish(struct exec *x)
{
	struct lists *lists = lists_of(x);
	struct list_open *open = x->list;
	struct list *list = calloc(1, sizeof(*list));
	if (!list) {
		exec_error(x, GL_OUT_OF_MEMORY);
	} else {
		list->log = open->log;
		list->lost = open->lost;
		list->effect = effect_of_log(&open->log);
		open->log = (struct stream){0};
		pthread_mutex_lock(&lists->lock);
		put(lists, open->name, list);
		pthread_mutex_unlock(&lists->lock);
	}
	lists_close(x);
}

void lists_close(struct exec *x)
{
	if (x->list)
		stream_finish(&x->list->log);
	free(x->list);
	x->list = NULL;
	buf_clear(&x->held);
	x->special = false;
}

void proxy_glEndList(struct exec *x)
{
	struct list_open *open = x->list;
	if (open && open->apart) {
		compile(x, open->name, &open->log);
		if (open->mode != GL_COMPILE)
			drop_errors(x); /* of messages that were executed as well */
	} else {
		x->driver->EndList();
	}
	if (open && !x->in_begin && !compiled_by_driver(x))
		publish(x);
}

GLuint proxy_glGenLists(struct exec *x, GLsizei range)
{
	struct lists *lists = lists_of(x);
	const GLuint first = x->driver->GenLists(range);
	if (!first || !lists)
		return first;
	pthread_mutex_lock(&lists->lock);
	for (GLuint i = 0; i < (GLuint)range && (first + i) / PAGE < PAGE; i++)
		put(lists, first + i, &empty);
	pthread_mutex_unlock(&lists->lock);
	return first;
}

void proxy_glDeleteLists(struct exec *x, GLuint list, GLsizei range)
{
	struct lists *lists = lists_of(x);
	x->driver->DeleteLists(list, range);
	if (!lists || range <= 0)
		return;
	pthread_mutex_lock(&lists->lock);
	for (GLuint i = 0; i < (GLuint)range && list + i >= list && (list + i) / PAGE < PAGE; i++)
		put(lists, list + i, NULL);
	pthread_mutex_unlock(&lists->lock);
}

bool lists_answer(const struct exec *x, GLenum pname, GLint *value)
{
	if (!x->list || !x->list->apart || (pname != GL_LIST_INDEX && pname != GL_LIST_MODE))
		return false;
	*value = pname == GL_LIST_INDEX ? (GLint)x->list->name : (GLint)x->list->mode;
	return true;
}

/* ---- snapshots ---- */

/* The driver's list is what it was before its glNewList. */
void lists_set_apart(struct exec *x)
{
	struct list_open *open = x->list;
	if (!open || open->apart)
		return;
	/* Mesa takes a primitive that is left open in a list for one that is open. */
	if (open->mode == GL_COMPILE && effect_of_log(&open->log) == OPENS)
		x->driver->End();
	x->driver->EndList();
	open->apart = true;
	const struct list *before = find(lists_of(x), open->name);
	if (before)
		compile(x, open->name, &before->log);
	else
		x->driver->DeleteLists(open->name, 1);
	drop_errors(x);
}

static void refuse_lost(struct take *t, const char *lost)
{
	if (lost)
		take_refuse(t, "a display list with %s is not kept yet", lost);
}

void take_lists(struct take *t)
{
	const struct lists *lists = t->context->group->lists;
	PUT(&t->out, ckLenient, .on = GL_TRUE);
	for (GLuint name = 1; name / PAGE < PAGE; name++) {
		if (!lists->pages[name / PAGE])
			name |= PAGE - 1;
		const struct list *list = find(lists, name);
		if (!list)
			continue;
		PUT(&t->out, glNewList, .list = name, .mode = GL_COMPILE);
		stream_append(&t->out, &list->log.messages, &list->log.data);
		PUT(&t->out, glEndList);
		refuse_lost(t, list->lost);
	}
	PUT(&t->out, ckLenient, .on = GL_FALSE);
}

/* First what is held: to the list it has been said already. */
void take_open(struct take *t)
{
	const struct exec *x = &t->context->exec;
	const struct list_open *open = x->list;
	stream_append(&t->out, &x->held, NULL);
	if (!open)
		return;
	PUT(&t->out, ckListOpen, .list = open->name, .mode = GL_COMPILE);
	stream_append(&t->out, &open->log.messages, &open->log.data);
	PUT(&t->out, ckListOpen, .list = open->name, .mode = open->mode);
	take_store(&t->out, &x->state.unpack, GL_UNPACK_SWAP_BYTES);
	refuse_lost(t, open->lost);
}

/* Messages between two of these are noted and not executed. */
void proxy_ckListOpen(struct exec *x, GLuint list, GLenum mode)
{
	if (!x->rebuilding || (mode != GL_COMPILE && mode != GL_COMPILE_AND_EXECUTE)) {
		exec_refuse(x, "a message of snapshots");
		return;
	}
	struct list_open *open = x->list ? x->list : open_list(x, list, mode);
	if (!open)
		return;
	open->apart = true;
	open->mode = mode;
}
