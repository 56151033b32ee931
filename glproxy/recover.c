#define _GNU_SOURCE
#include "glproxy/recover.h"

#include "base/log.h"
#include "glproxy/calls_buffer.h"
#include "glproxy/context.h"
#include "glproxy/front.h"
#include "glproxy/lists.h"
#include "glproxy/snapshot.h"
#include "glproxy/surface.h"
#include "messages.h"
#include "wire/hello.h"

#include <string.h>
#include <sys/mman.h>

/* What the log's messages see instead of the files that are shared with the program. */
struct replay {
	struct proxy *proxy;
	struct exec control;
	struct exec *bound; /* whose context is current in this thread */
	struct wire_mapping map;
	char *heap, *real_heap;
};

static void *take_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void replay_finish(struct replay *replay)
{
	exec_finish(&replay->control);
	if (replay->map.shared)
		munmap(replay->map.shared, replay->map.mapped);
	if (replay->heap)
		munmap(replay->heap, WIRE_HEAP_SIZE);
	replay->proxy->heap = replay->real_heap;
}

static int replay_init(struct replay *replay, struct proxy *proxy, struct err *err)
{
	*replay = (struct replay){.proxy = proxy, .real_heap = proxy->heap};
	void *ring = take_memory(wire_ring_bytes());
	replay->heap = take_memory(WIRE_HEAP_SIZE);
	if (!ring || !replay->heap)
		return err_set(err, "no memory for the journal");
	wire_ring_format(&replay->map, ring);
	proxy->heap = replay->heap;
	exec_init(&replay->control, proxy, &replay->map);
	replay->control.replaying = true;
	return 0;
}

/* ---- which context ---- */

static void unbind(struct replay *replay)
{
	if (!replay->bound)
		return;
	lists_set_apart(replay->bound); /* as in live.c */
	eglMakeCurrent(replay->proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	replay->bound = NULL;
}

static void bind(struct replay *replay, struct exec *x)
{
	if (replay->bound == x)
		return;
	unbind(replay);
	if (!x->context)
		return;
	replay->bound = x;
	eglBindAPI(x->context->api);
	if (x->context->current)
		context_bind(x->context);
}

static struct exec *exec_of(struct replay *replay, uint32_t ring)
{
	if (!ring)
		return &replay->control;
	struct context *context = ring < PROXY_OBJECTS ? replay->proxy->contexts[ring] : NULL;
	return context ? &context->exec : NULL;
}

static const struct wire_ring *ring_of(const struct replay *replay, uint32_t ring)
{
	return ring ? replay->proxy->contexts[ring]->ring.shared : replay->proxy->control.shared;
}

/* ---- one entry ---- */

/* Data to where the message will look for it. */
static void put_pieces(struct replay *replay, const struct journal_entry *entry)
{
	const char *at = (const char *)(entry + 1) + wire_align(entry->message);
	for (uint32_t i = 0; i < entry->pieces; i++) {
		struct journal_piece piece;
		memcpy(&piece, at, sizeof(piece));
		at += sizeof(piece);
		memcpy(piece.heap ? replay->heap + piece.at
				  : replay->map.arena + piece.at % replay->map.arena_size,
			at, piece.size);
		at += wire_align(piece.size);
	}
}

/* What failed then is not tried again; what was made is made under the same number. */
static bool is_wanted(struct proxy *proxy, unsigned opcode, uint64_t answer)
{
	proxy->next_number = 0;
	if (opcode != WIRE_ckContextCreate && opcode != WIRE_ckSurfaceCreate)
		return true;
	if (!answer || answer >= PROXY_OBJECTS)
		return false;
	proxy->next_number = (GLuint)answer;
	return true;
}

static void execute(struct replay *replay, struct exec *x, const struct journal_entry *entry)
{
	const struct wire_mapping before = x->map;
	struct wire_head head = {0};
	memcpy(&head, entry + 1, entry->message ? sizeof(head) : 0);
	x->map = replay->map;
	x->replaying = true;
	if (!entry->message)
		buffers_to_driver(x);
	else if (is_wanted(replay->proxy, head.opcode, entry->answer)) {
		memcpy(x->message, entry + 1, entry->message);
		exec_replay(x, entry->message);
	}
	x->replaying = false;
	x->map = before;
	replay->proxy->next_number = 0;
}

/* The size that a window had by then; of the one that is made next, where there is none yet. */
static void replay_size(struct proxy *proxy, uint64_t number, uint64_t size)
{
	struct surface *surface = number < PROXY_OBJECTS ? proxy->surfaces[number] : NULL;
	unsigned *sizes = surface ? surface->replayed : proxy->next_size;
	sizes[0] = (unsigned)(size >> 32);
	sizes[1] = (unsigned)size;
}

static int replay_entry(struct replay *replay, struct journal_entry *entry, struct err *err)
{
	if (entry->ring == JOURNAL_SIZE) {
		replay_size(replay->proxy, entry->position, entry->answer);
		return 0;
	}
	struct exec *x = exec_of(replay, entry->ring);
	if (entry->ring == JOURNAL_VOID)
		return 0;
	if (!x || entry->message > WIRE_MESSAGE_MAX)
		return err_set(err, "the journal has a message of no context");
	if (entry->position >= atomic_load(&ring_of(replay, entry->ring)->tail)) {
		entry->ring = JOURNAL_VOID; /* not done: it comes from the ring */
		return 0;
	}
	put_pieces(replay, entry);
	bind(replay, x);
	execute(replay, x, entry);
	return x->broken ? err_set(err, "the journal has a message that is refused") : 0;
}

/* ---- all ---- */

/* A persistent mapping's two sides were the same when the base was taken. */
static void fill_blocks(struct group *group)
{
	for (size_t i = 0; i < group->mapping_count; i++)
		if (group->mappings[i].shadow)
			memcpy(group->mappings[i].block, group->mappings[i].driver,
				(size_t)group->mappings[i].length);
}

static void move_blocks(const struct replay *replay, struct group *group)
{
	for (size_t i = 0; i < group->mapping_count; i++) {
		struct mapping *m = &group->mappings[i];
		if (m->buffer && m->block >= replay->heap &&
			m->block < replay->heap + WIRE_HEAP_SIZE)
			m->block = replay->real_heap + (m->block - replay->heap);
	}
}

static int build_base(struct replay *replay, const struct journal *journal, struct err *err)
{
	struct proxy *proxy = replay->proxy;
	struct snapshot_place place;
	if (!journal_base(journal, &place))
		return 0;
	if (snapshot_adopt(proxy, &place, err) || snapshot_build(proxy, &place, err))
		return -1;
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id])
			fill_blocks(proxy->contexts[id]->group);
	return 0;
}

static int replay_log(struct replay *replay, const struct journal *journal, struct err *err)
{
	uint64_t at = 0;
	struct journal_entry *entry;
	if (!journal_is_whole(journal))
		return err_set(err, "the journal had no more room");
	while ((entry = journal_next(journal, &at)))
		if (replay_entry(replay, entry, err))
			return -1;
	unbind(replay);
	return 0;
}

static bool names_front(const struct proxy *proxy)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id] && proxy->contexts[id]->front)
			return true;
	return false;
}

/* Nothing is left to be drawn when the program goes on. `show`: what was on its way to the windows
 * may not have arrived there. */
static void settle(struct replay *replay, bool show)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++) {
		struct context *context = replay->proxy->contexts[id];
		if (!context || !context->current)
			continue;
		bind(replay, &context->exec);
		context->exec.driver->Finish();
		if (show)
			front_show(context);
	}
	unbind(replay);
}

static void connect_surfaces(struct proxy *proxy)
{
	proxy->let_go = false;
	for (unsigned number = 1; number < PROXY_OBJECTS; number++)
		if (proxy->surfaces[number])
			surface_take_hold(proxy->surfaces[number]);
}

/* Swaps of the log went to front buffers (front.c): where no program uses them, the window has
 * them. */
static void drop_fronts(struct proxy *proxy)
{
	if (names_front(proxy))
		return;
	for (unsigned number = 1; number < PROXY_OBJECTS; number++)
		if (proxy->surfaces[number])
			surface_unite(proxy->surfaces[number]);
}

static void to_real_files(struct replay *replay)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++) {
		struct context *context = replay->proxy->contexts[id];
		if (!context)
			continue;
		move_blocks(replay, context->group);
		context->exec.heap = replay->real_heap;
		context->exec.replied = false;
	}
}

int recover(struct proxy *proxy, const char *directory, struct journal *journal, bool hold,
	struct err *err)
{
	scoped(replay_finish) struct replay replay = {.proxy = proxy};
	if (proxy_init(proxy, directory, journal_client(journal), true, err)) {
		journal_close(journal);
		replay.real_heap = proxy->heap;
		return -1;
	}
	proxy->let_go = proxy->replaying = true;
	if (replay_init(&replay, proxy, err) || build_base(&replay, journal, err) ||
		replay_log(&replay, journal, err)) {
		journal_close(journal);
		return err_context(err, "replacing the proxy of process %d", proxy->client);
	}
	if (hold)
		connect_surfaces(proxy);
	settle(&replay, hold && journal_mode(journal) == JOURNAL_ALL);
	drop_fronts(proxy);
	to_real_files(&replay);
	proxy->journal = journal;
	proxy->replaying = proxy->restored = false;
	recover_renew(proxy);
	return 0;
}

bool recover_renew(struct proxy *proxy)
{
	struct snapshot_place place;
	struct err err = ERR_INIT;
	const bool taken = !journal_base_begin(proxy->journal, &place, &err) &&
		!snapshot_take(proxy, &place, &err);
	if (!taken)
		log_debug("process %d: no base for the journal: %s", proxy->client, err.text);
	journal_base_end(proxy->journal, taken);
	return taken;
}
