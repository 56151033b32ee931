/*
 * store.h: from chunks in memory to a durable file: threads that compress and threads that
 * write, straight to the disk (O_DIRECT) where the file system can.
 *
 * With STREAM_AUTO a chunk is compressed as long as all that waits can be compressed before a
 * deadline; when it cannot, the writers take chunks as they are, so that neither the disk nor the
 * processors stand idle. The deadline is what a good disk needs for everything uncompressed, and
 * two seconds at least, since a small image is worth making smaller.
 *
 * Any thread may put; one thread drives the rest.
 */
#ifndef XDETACH_STREAM_STORE_H
#define XDETACH_STREAM_STORE_H

#include "base/err.h"
#include "xdetach/stream/format.h"
#include "xdetach/stream/pool.h"
#include "xdetach/stream/stream.h"

/* Chunks up to this size come from the heap instead of the pool and are packed together. */
#define STREAM_SMALL (64u << 10)

/* A chunk on its way. */
struct stream_job {
	struct stream_job *next;
	struct stream_file *file;
	size_t at;     /* its number in the file */
	uint8_t *data; /* `raw` bytes, later `stored` bytes */
	bool pooled;   /* whose: the pool's, or the heap's */
	uint32_t raw;
	uint32_t stored;
	uint32_t kind;
};

struct stream_store;

/* The pool is borrowed and outlives the store; `begin` is when (io_now()) the time until the
 * deadline began to run. */
struct stream_store *stream_store_create(const char *path,
	const struct stream_capture_options *options, double begin, struct stream_pool *pool,
	struct err *err);

/* A new file of the index; NULL with an error for a name that is there already. */
struct stream_file *stream_store_add(struct stream_store *store, const char *name, struct err *err);

/* Takes the job and its data over, in any case. */
void stream_store_put(struct stream_store *store, struct stream_job *job);

/* With `hold`: from now on chunks are compressed too. */
void stream_store_release(struct stream_store *store);

/* 0, or -1 with the first error of a thread. */
int stream_store_error(struct stream_store *store, struct err *err);

/* All chunks were put: writes the rest, the index and the trailer, and syncs. */
int stream_store_finish(struct stream_store *store, struct stream_stats *stats, struct err *err);

/* Stops the threads; removes the file unless finished. Takes NULL. */
void stream_store_destroy(struct stream_store *store);

/* Frees a job and gives its buffer back. */
void stream_job_destroy(struct stream_job *job, struct stream_pool *pool);

#endif
