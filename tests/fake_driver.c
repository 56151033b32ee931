#include "tests/fake_driver.h"

#include "glproxy/debug.h"
#include "glproxy/lists.h"
#include "glproxy/memo.h"
#include "glproxy/queries.h"
#include "glproxy/views.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

unsigned fake_calls;

static uint64_t nothing(void)
{
	fake_calls++;
	return 0;
}

/* An address space as large as the real heap file; untouched pages cost nothing. */
static void *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	return memory;
}

#define HEAP ((size_t)1 << 34)

static void begin(struct fake *fake)
{
	struct exec *x = &fake->context.exec;
	wire_ring_format(&fake->context.ring, fake->ring);
	exec_init(x, &fake->proxy, &fake->context.ring);
	x->context = &fake->context;
	fake->group.memo = memo_create();
	fake->group.views = views_create();
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++)
		x->names[cls] = fake->names[cls];
}

static void end(struct fake *fake)
{
	exec_finish(&fake->context.exec);
	free(fake->context.feedback);
	fake->context.feedback = NULL;
	for (size_t i = 0; i < fake->group.mapping_count; i++)
		free(fake->group.mappings[i].shadow);
	memo_destroy(fake->group.memo);
	views_destroy(fake->group.views);
	free(fake->group.mappings);
	free(fake->group.syncs);
	fake->group.mappings = NULL;
	fake->group.syncs = NULL;
	fake->group.mapping_count = fake->group.sync_count = 0;
	fake->group.mapped = fake->group.persistent = 0;
}

void fake_reset(struct fake *fake)
{
	end(fake);
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++)
		names_clear(fake->names[cls]);
	atomic_store(&fake->context.ring.shared->tail, 0);
	atomic_store(&fake->context.ring.shared->messages, 0);
	begin(fake);
}

void fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	uint64_t (*call)(void) = nothing;
	for (size_t at = 0; at < sizeof(fake->driver); at += sizeof(call))
		memcpy((char *)&fake->driver + at, &call, sizeof(call));
	fake->heap = reserve(HEAP);
	fake->ring = reserve(wire_ring_bytes());
	pthread_mutex_init(&fake->context.debug_lock, NULL);
	fake->proxy.driver = &fake->driver;
	fake->proxy.heap = fake->heap;
	pthread_mutex_init(&fake->proxy.lock, NULL);
	fake->proxy.contexts = calloc(PROXY_OBJECTS, sizeof(*fake->proxy.contexts));
	fake->proxy.surfaces = calloc(PROXY_OBJECTS, sizeof(*fake->proxy.surfaces));
	pthread_mutex_init(&fake->group.lock, NULL);
	fake->group.lists = lists_create();
	fake->context.group = &fake->group;
	fake->context.queries = queries_create();
	fake->context.debug = debug_create();
	fake->proxy.let_go = true; /* of X servers */
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++)
		fake->names[cls] = names_create();
	begin(fake);
}

void fake_finish(struct fake *fake)
{
	end(fake);
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++)
		names_destroy(fake->names[cls]);
	free(fake->proxy.contexts);
	free(fake->proxy.surfaces);
	lists_destroy(fake->group.lists);
	queries_destroy(fake->context.queries);
	debug_destroy(fake->context.debug);
	munmap(fake->heap, HEAP);
	munmap(fake->ring, wire_ring_bytes());
}

bool fake_feed(struct fake *fake, const void *message, size_t size)
{
	struct exec *x = &fake->context.exec;
	struct wire_ring *shared = fake->context.ring.shared;
	const uint64_t place = x->position % WIRE_RING_SIZE;
	if (place + size > WIRE_RING_SIZE)
		x->position += WIRE_RING_SIZE - place;
	memcpy(fake->context.ring.data + x->position % WIRE_RING_SIZE, message, size);
	atomic_store(&shared->tail, x->position);
	atomic_store(&shared->head, x->position + size);
	atomic_store(&shared->closed, 1);
	x->broken = false;
	exec_run(x);
	const bool refused = x->broken;
	x->position = (x->position + size + 7) & ~(uint64_t)7;
	return refused;
}
