#define _GNU_SOURCE
#include "xdetach/stream/pool.h"

#include "base/io.h"
#include "xdetach/stream/stream.h"
#include "xdetach/stream/thread.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
	SLICE = 4, /* buffers prepared at a time */
	LOW = 4,
	THREADS_MAX = 8
};

#define PATIENCE 20000000 /* nanoseconds for a buffer to come back, while another may be made */

struct extra {
	struct extra *next;
	uint8_t *data;
};

struct stream_pool {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	uint8_t *area;
	size_t area_buffers; /* reserved */
	size_t prepared;     /* of them, from the start */
	size_t claimed;      /* by the preparing threads */
	double deadline;
	size_t least;
	uint8_t **free;
	size_t free_count;
	size_t free_capacity;
	size_t sent; /* on their way through those who will put them */
	struct extra *extras;
	size_t size;
	size_t limit; /* no more buffers than these, where one that was sent on can be waited for */
	bool impatient; /* buffers come back too slowly */
	bool stopped;
};

static void populate(uint8_t *at, size_t size)
{
	if (madvise(at, size, MADV_POPULATE_WRITE) == 0)
		return;
	for (size_t i = 0; i < size; i += 4096)
		((volatile uint8_t *)at)[i] = 0;
}

static bool claim(struct stream_pool *pool, size_t *first, size_t *count)
{
	pthread_mutex_lock(&pool->lock);
	bool late = pool->claimed >= pool->least && io_now() > pool->deadline;
	*first = pool->claimed;
	*count = pool->area_buffers - pool->claimed < SLICE ? pool->area_buffers - pool->claimed
							    : SLICE;
	if (late)
		*count = 0;
	pool->claimed += *count;
	pthread_mutex_unlock(&pool->lock);
	return *count > 0;
}

static void *prepare(void *data)
{
	struct stream_pool *pool = data;
	size_t first, count;
	while (claim(pool, &first, &count))
		populate(pool->area + first * STREAM_CHUNK, count * STREAM_CHUNK);
	return NULL;
}

static void prepare_all(struct stream_pool *pool, unsigned threads)
{
	pthread_t others[THREADS_MAX];
	unsigned count = 0;
	while (count + 1 < threads && count < THREADS_MAX &&
		stream_thread_start(&others[count], prepare, pool, NULL) == 0)
		count++;
	prepare(pool);
	for (unsigned i = 0; i < count; i++)
		pthread_join(others[i], NULL);
	pool->prepared = pool->claimed;
	pool->size = pool->prepared;
}

static int reserve(struct stream_pool *pool, size_t buffers, struct err *err)
{
	size_t size = buffers * STREAM_CHUNK;
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return err_errno(err, "%zu bytes of memory", size);
	madvise(area, size, MADV_HUGEPAGE);
	madvise(area, size, MADV_DONTFORK);
	pool->area = area;
	pool->area_buffers = buffers;
	return 0;
}

static int push_free(struct stream_pool *pool, uint8_t *buffer)
{
	if (pool->free_count == pool->free_capacity) {
		size_t capacity = pool->free_capacity ? pool->free_capacity * 2 : 64;
		void *grown = reallocarray(pool->free, capacity, sizeof(*pool->free));
		if (!grown)
			return -1;
		pool->free = grown;
		pool->free_capacity = capacity;
	}
	pool->free[pool->free_count++] = buffer;
	return 0;
}

static int fill_list(struct stream_pool *pool, struct err *err)
{
	for (size_t i = pool->prepared; i > 0; i--)
		if (push_free(pool, pool->area + (i - 1) * STREAM_CHUNK) < 0)
			return err_set(err, "out of memory");
	return 0;
}

struct stream_pool *stream_pool_create(
	size_t least, size_t wanted, unsigned threads, double seconds, struct err *err)
{
	struct stream_pool *pool = calloc(1, sizeof(*pool));
	if (!pool) {
		err_set(err, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->freed, NULL);
	size_t spare = stream_pool_spare_memory() / STREAM_CHUNK;
	size_t buffers = wanted < spare ? wanted : spare;
	pool->least = least;
	pool->limit = buffers;
	pool->deadline = io_now() + seconds;
	if (reserve(pool, buffers > least ? buffers : least, err) == 0) {
		prepare_all(pool, threads);
		if (fill_list(pool, err) == 0)
			return pool;
	}
	stream_pool_destroy(pool);
	return NULL;
}

/* With the lock held. */
static uint8_t *make_extra(struct stream_pool *pool)
{
	struct extra *extra = malloc(sizeof(*extra));
	void *data = mmap(
		NULL, STREAM_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!extra || data == MAP_FAILED) {
		free(extra);
		if (data != MAP_FAILED)
			munmap(data, STREAM_CHUNK);
		return NULL;
	}
	*extra = (struct extra){.next = pool->extras, .data = data};
	pool->extras = extra;
	pool->size++;
	return data;
}

/* Is it better to wait than to make one more? With the lock held. */
static bool is_worth_waiting(const struct stream_pool *pool)
{
	return !pool->stopped && !pool->free_count && pool->sent &&
		(pool->size >= pool->limit || !pool->impatient);
}

/* With the lock held. */
static void wait_for_one(struct stream_pool *pool)
{
	const struct timespec until = io_clock_in(CLOCK_REALTIME, PATIENCE);
	if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == ETIMEDOUT)
		pool->impatient = true;
}

uint8_t *stream_pool_get(struct stream_pool *pool)
{
	uint8_t *buffer = NULL;
	pthread_mutex_lock(&pool->lock);
	while (is_worth_waiting(pool))
		wait_for_one(pool);
	if (!pool->stopped && pool->free_count)
		buffer = pool->free[--pool->free_count];
	else if (!pool->stopped)
		buffer = make_extra(pool);
	pthread_mutex_unlock(&pool->lock);
	return buffer;
}

void stream_pool_sent(struct stream_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->sent++;
	pthread_mutex_unlock(&pool->lock);
}

void stream_pool_put(struct stream_pool *pool, uint8_t *buffer)
{
	pthread_mutex_lock(&pool->lock);
	if (pool->sent)
		pool->sent--;
	push_free(pool, buffer);
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

bool stream_pool_is_low(struct stream_pool *pool, uint64_t coming)
{
	pthread_mutex_lock(&pool->lock);
	bool low = pool->free_count <= LOW || pool->free_count < coming / STREAM_CHUNK;
	pthread_mutex_unlock(&pool->lock);
	return low;
}

size_t stream_pool_size(const struct stream_pool *pool)
{
	return pool->size;
}

void stream_pool_stop(struct stream_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopped = true;
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

void stream_pool_destroy(struct stream_pool *pool)
{
	if (!pool)
		return;
	for (struct extra *extra = pool->extras, *next; extra; extra = next) {
		next = extra->next;
		munmap(extra->data, STREAM_CHUNK);
		free(extra);
	}
	if (pool->area)
		munmap(pool->area, pool->area_buffers * STREAM_CHUNK);
	free(pool->free);
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
