#define _GNU_SOURCE
#include "xdetach/stream/store.h"

#include "base/io.h"
#include "xdetach/stream/output.h"
#include "xdetach/stream/thread.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#define LEVEL 1
#define DEADLINE_LEAST 2.0   /* seconds */
#define DISK_SPEED 1.7e9     /* bytes a second that the deadline grants */
#define COMPRESS_SPEED 0.4e9 /* of one thread, until it is known better */
#define LOOK_AGAIN 5000000   /* nanoseconds: the clock alone can make a chunk due */

enum { COMPRESSORS_MAX = 16, WRITERS = 2 };

struct queue {
	struct stream_job *first;
	struct stream_job **last;
};

struct stream_store {
	pthread_mutex_t lock;
	pthread_cond_t work; /* something was queued, freed or ended */
	struct stream_pool *pool;
	struct stream_output *output;
	struct stream_index index;
	enum stream_compression compression;
	uint64_t expected;
	double start;

	struct queue pending;   /* as they came */
	struct queue ready;     /* compressed, or found not to be worth it */
	uint64_t pending_bytes; /* raw */
	uint64_t received;      /* raw */
	size_t open;            /* jobs put and not yet written */
	double speed;           /* of one compressing thread */
	bool held;
	bool closing; /* no more will be put */
	bool stopped; /* give up */
	struct err err;

	pthread_t threads[COMPRESSORS_MAX + WRITERS];
	unsigned thread_count;
	unsigned compressors;
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_push(struct queue *queue, struct stream_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct stream_job *queue_pop(struct queue *queue)
{
	struct stream_job *job = queue->first;
	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

void stream_job_destroy(struct stream_job *job, struct stream_pool *pool)
{
	if (!job)
		return;
	if (job->pooled)
		stream_pool_put(pool, job->data);
	else
		free(job->data);
	free(job);
}

/* ---- with the lock held ---- */

static uint64_t bytes_to_come(const struct stream_store *store)
{
	if (store->closing || store->received > store->expected)
		return 0;
	return store->expected - store->received;
}

/* True when what is still to come and to be done cannot be compressed in time. */
static bool is_behind(const struct stream_store *store)
{
	uint64_t coming = bytes_to_come(store);
	double allowed = (double)(store->received + coming) / DISK_SPEED;
	if (allowed < DEADLINE_LEAST)
		allowed = DEADLINE_LEAST;
	double left = store->start + allowed - io_now();
	return (double)(store->pending_bytes + coming) > left * store->speed * store->compressors;
}

/* While the application waits, memory and processors belong to the copying: nothing is done with
 * what came, unless there are too few buffers for what is still to come. */
static bool may_work(const struct stream_store *store)
{
	return !store->held || stream_pool_is_low(store->pool, bytes_to_come(store));
}

/* May a writer take a chunk as it came? */
static bool is_raw_due(const struct stream_store *store)
{
	if (!store->pending.first || store->compression == STREAM_ZSTD || !may_work(store))
		return false;
	return store->held || store->compression == STREAM_RAW || is_behind(store);
}

static bool may_compress(const struct stream_store *store)
{
	if (!store->pending.first || store->compression == STREAM_RAW)
		return false;
	return store->held ? store->compression == STREAM_ZSTD && may_work(store) : true;
}

static struct stream_job *take_pending(struct stream_store *store)
{
	struct stream_job *job = queue_pop(&store->pending);
	store->pending_bytes -= job->raw;
	return job;
}

static void wait_for_work(struct stream_store *store)
{
	const struct timespec until = io_clock_in(CLOCK_REALTIME, LOOK_AGAIN);
	pthread_cond_timedwait(&store->work, &store->lock, &until);
}

static bool is_over(const struct stream_store *store)
{
	return store->stopped || (store->closing && !store->open);
}

/* ---- compressing ---- */

struct compressor {
	ZSTD_CCtx *context;
	uint8_t *scratch;
	size_t capacity;
};

static int compressor_init(struct compressor *compressor, struct err *err)
{
	compressor->capacity = ZSTD_compressBound(STREAM_CHUNK);
	compressor->context = ZSTD_createCCtx();
	compressor->scratch = malloc(compressor->capacity);
	if (!compressor->context || !compressor->scratch)
		return err_set(err, "out of memory");
	return 0;
}

static void compressor_finish(struct compressor *compressor)
{
	ZSTD_freeCCtx(compressor->context);
	free(compressor->scratch);
}

/* Less than a thirty-second saved is not worth decompressing. */
static void compress(struct compressor *compressor, struct stream_job *job)
{
	if (stream_is_zero(job->data, job->raw)) {
		job->kind = STREAM_KIND_ZERO;
		job->stored = 0;
		return;
	}
	size_t size = ZSTD_compressCCtx(compressor->context, compressor->scratch,
		compressor->capacity, job->data, job->raw, LEVEL);
	if (ZSTD_isError(size) || size > job->raw - job->raw / 32)
		return;
	memcpy(job->data, compressor->scratch, size);
	job->kind = STREAM_KIND_ZSTD;
	job->stored = (uint32_t)size;
}

static void note_speed(struct stream_store *store, uint32_t bytes, double seconds)
{
	if (bytes <= STREAM_SMALL || seconds <= 0)
		return;
	store->speed += ((double)bytes / seconds - store->speed) / 8;
}

static void compress_all(struct stream_store *store, struct compressor *compressor)
{
	pthread_mutex_lock(&store->lock);
	while (!is_over(store)) {
		if (!may_compress(store)) {
			wait_for_work(store);
			continue;
		}
		struct stream_job *job = take_pending(store);
		pthread_mutex_unlock(&store->lock);
		double begin = io_now();
		compress(compressor, job);
		double took = io_now() - begin;
		pthread_mutex_lock(&store->lock);
		note_speed(store, job->raw, took);
		queue_push(&store->ready, job);
		pthread_cond_broadcast(&store->work);
	}
	pthread_mutex_unlock(&store->lock);
}

static void note_error(struct stream_store *store, const struct err *err)
{
	pthread_mutex_lock(&store->lock);
	if (!err_is_set(&store->err))
		store->err = *err;
	pthread_mutex_unlock(&store->lock);
}

static void *run_compressor(void *data)
{
	struct stream_store *store = data;
	struct compressor compressor = {0};
	struct err err = ERR_INIT;
	if (compressor_init(&compressor, &err) < 0)
		note_error(store, &err);
	else
		compress_all(store, &compressor);
	compressor_finish(&compressor);
	return NULL;
}

/* ---- writing ---- */

static struct stream_job *take_for_writing(struct stream_store *store)
{
	if (store->ready.first)
		return queue_pop(&store->ready);
	return is_raw_due(store) ? take_pending(store) : NULL;
}

static void write_job(struct stream_store *store, struct stream_job *job)
{
	struct err err = ERR_INIT;
	if (stream_output_write(store->output, job, &err) < 0)
		note_error(store, &err);
	stream_job_destroy(job, store->pool);
}

static void *run_writer(void *data)
{
	struct stream_store *store = data;
	pthread_mutex_lock(&store->lock);
	while (!is_over(store)) {
		struct stream_job *job = take_for_writing(store);
		if (!job) {
			wait_for_work(store);
			continue;
		}
		pthread_mutex_unlock(&store->lock);
		write_job(store, job);
		pthread_mutex_lock(&store->lock);
		store->open--;
		pthread_cond_broadcast(&store->work);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/* ---- outside ---- */

static int start_threads(struct stream_store *store, struct err *err)
{
	for (unsigned i = 0; i < store->compressors + WRITERS; i++) {
		if (stream_thread_start(&store->threads[i],
			    i < store->compressors ? run_compressor : run_writer, store, err) < 0)
			return -1;
		store->thread_count++;
	}
	return 0;
}

static void set_options(struct stream_store *store, const struct stream_capture_options *options)
{
	unsigned threads = options->threads ? options->threads : stream_thread_processors();
	if (threads > COMPRESSORS_MAX)
		threads = COMPRESSORS_MAX;
	store->compression = options->compression;
	store->compressors = options->compression == STREAM_RAW ? 0 : threads;
	store->expected = options->expected;
	store->held = options->hold;
	store->speed = COMPRESS_SPEED;
}

struct stream_store *stream_store_create(const char *path,
	const struct stream_capture_options *options, double begin, struct stream_pool *pool,
	struct err *err)
{
	struct stream_store *store = calloc(1, sizeof(*store));
	if (!store) {
		err_set(err, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->work, NULL);
	queue_init(&store->pending);
	queue_init(&store->ready);
	store->pool = pool;
	store->start = begin;
	set_options(store, options);
	store->output = stream_output_create(path, options->expected, err);
	if (store->output && start_threads(store, err) == 0)
		return store;
	stream_store_destroy(store);
	return NULL;
}

struct stream_file *stream_store_add(struct stream_store *store, const char *name, struct err *err)
{
	struct stream_file *file = NULL;
	pthread_mutex_lock(&store->lock);
	if (stream_index_find(&store->index, name))
		err_set(err, "criu sent %s twice", name);
	else if (!(file = stream_index_add(&store->index, name)))
		err_set(err, "out of memory");
	pthread_mutex_unlock(&store->lock);
	return file;
}

void stream_store_put(struct stream_store *store, struct stream_job *job)
{
	job->kind = STREAM_KIND_RAW;
	job->stored = job->raw;
	if (job->pooled)
		stream_pool_sent(store->pool);
	pthread_mutex_lock(&store->lock);
	queue_push(&store->pending, job);
	store->pending_bytes += job->raw;
	store->received += job->raw;
	store->open++;
	pthread_cond_broadcast(&store->work);
	pthread_mutex_unlock(&store->lock);
}

void stream_store_release(struct stream_store *store)
{
	pthread_mutex_lock(&store->lock);
	store->held = false;
	pthread_cond_broadcast(&store->work);
	pthread_mutex_unlock(&store->lock);
}

int stream_store_error(struct stream_store *store, struct err *err)
{
	int result = 0;
	pthread_mutex_lock(&store->lock);
	if (err_is_set(&store->err)) {
		err_set(err, "%s", store->err.text);
		result = -1;
	}
	pthread_mutex_unlock(&store->lock);
	return result;
}

static void join_threads(struct stream_store *store)
{
	for (unsigned i = 0; i < store->thread_count; i++)
		pthread_join(store->threads[i], NULL);
	store->thread_count = 0;
}

static void close_queue(struct stream_store *store)
{
	pthread_mutex_lock(&store->lock);
	store->closing = true;
	store->held = false;
	pthread_cond_broadcast(&store->work);
	pthread_mutex_unlock(&store->lock);
	join_threads(store);
}

static void count(const struct stream_index *index, uint64_t size, struct stream_stats *stats)
{
	*stats = (struct stream_stats){.stored_bytes = size, .files = (uint32_t)index->count};
	for (size_t i = 0; i < index->count; i++)
		stats->raw_bytes += index->files[i]->raw;
}

int stream_store_finish(struct stream_store *store, struct stream_stats *stats, struct err *err)
{
	close_queue(store);
	if (stream_store_error(store, err) < 0)
		return -1;
	uint64_t size;
	if (stream_output_finish(store->output, &store->index, &size, err) < 0)
		return -1;
	if (stats)
		count(&store->index, size, stats);
	return 0;
}

static void drop(struct queue *queue, struct stream_pool *pool)
{
	while (queue->first)
		stream_job_destroy(queue_pop(queue), pool);
}

void stream_store_destroy(struct stream_store *store)
{
	if (!store)
		return;
	pthread_mutex_lock(&store->lock);
	store->stopped = true;
	pthread_cond_broadcast(&store->work);
	pthread_mutex_unlock(&store->lock);
	join_threads(store);
	drop(&store->pending, store->pool);
	drop(&store->ready, store->pool);
	stream_output_destroy(store->output);
	stream_index_finish(&store->index);
	pthread_cond_destroy(&store->work);
	pthread_mutex_destroy(&store->lock);
	free(store);
}
