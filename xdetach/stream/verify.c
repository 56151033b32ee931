#define _GNU_SOURCE
#include "xdetach/stream/verify.h"

#include "base/io.h"
#include "xdetach/stream/chunk.h"
#include "xdetach/stream/thread.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define PROGRESS_STEP 0.1 /* seconds */

enum { THREADS_MAX = 16 };

static int open_image(const char *path, struct stream_index *index, struct err *err)
{
	scoped_fd int fd = io_open(AT_FDCWD, path, O_RDONLY, 0, err);
	if (fd < 0 || stream_index_read(index, fd, path, err) < 0)
		return -1;
	return steal_fd(&fd);
}

/* ---- verifying ---- */

struct piece {
	const struct stream_file *file;
	size_t at;
};

struct verifier {
	const struct stream_verify_options *options;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	struct piece *pieces; /* in the order they lie in the file */
	size_t count;
	size_t next;
	size_t running;
	uint64_t done;
	uint64_t total;
	struct err err;
};

static int by_offset(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	uint64_t left = x->file->chunks[x->at].offset, right = y->file->chunks[y->at].offset;
	return left < right ? -1 : left > right;
}

static size_t count_chunks(const struct stream_index *index)
{
	size_t count = 0;
	for (size_t i = 0; i < index->count; i++)
		count += index->files[i]->count;
	return count;
}

static void add_file(struct verifier *verifier, const struct stream_file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		verifier->pieces[verifier->count++] = (struct piece){file, i};
		verifier->total += file->chunks[i].extent;
	}
}

static int list_pieces(struct verifier *verifier, const struct stream_index *index, struct err *err)
{
	verifier->pieces = calloc(count_chunks(index) + 1, sizeof(*verifier->pieces));
	if (!verifier->pieces)
		return err_set(err, "out of memory");
	for (size_t i = 0; i < index->count; i++)
		if (index->files[i] != verifier->options->skip)
			add_file(verifier, index->files[i]);
	qsort(verifier->pieces, verifier->count, sizeof(*verifier->pieces), by_offset);
	return 0;
}

static bool is_stopped(const struct verifier *verifier)
{
	return verifier->options->stop && *verifier->options->stop;
}

static bool take_piece(struct verifier *verifier, struct piece *piece, const struct err *err)
{
	bool more = false;
	pthread_mutex_lock(&verifier->lock);
	if (err_is_set(err) && !err_is_set(&verifier->err))
		verifier->err = *err;
	if (!err_is_set(&verifier->err) && verifier->next < verifier->count &&
		!is_stopped(verifier)) {
		*piece = verifier->pieces[verifier->next++];
		more = true;
	}
	if (!more)
		verifier->running--;
	pthread_cond_signal(&verifier->changed);
	pthread_mutex_unlock(&verifier->lock);
	return more;
}

static void note_done(struct verifier *verifier, const struct piece *piece)
{
	pthread_mutex_lock(&verifier->lock);
	verifier->done += piece->file->chunks[piece->at].extent;
	pthread_mutex_unlock(&verifier->lock);
}

static void *run_verifier(void *data)
{
	struct verifier *verifier = data;
	struct err err = ERR_INIT;
	struct piece piece;
	scoped_free uint8_t *extent = aligned_alloc(STREAM_BLOCK, STREAM_EXTENT_MAX);
	if (!extent)
		err_set(&err, "out of memory");
	while (take_piece(verifier, &piece, &err))
		if (stream_chunk_read(verifier->fd, piece.file, piece.at, extent, &err) == 0)
			note_done(verifier, &piece);
	return NULL;
}

static void report(struct verifier *verifier)
{
	uint64_t done = verifier->done;
	if (!verifier->options->progress)
		return;
	pthread_mutex_unlock(&verifier->lock);
	verifier->options->progress(done, verifier->total, verifier->options->data);
	pthread_mutex_lock(&verifier->lock);
}

static void watch(struct verifier *verifier)
{
	double last = 0;
	pthread_mutex_lock(&verifier->lock);
	while (verifier->running) {
		pthread_cond_wait(&verifier->changed, &verifier->lock);
		if (io_now() - last < PROGRESS_STEP)
			continue;
		last = io_now();
		report(verifier);
	}
	report(verifier);
	pthread_mutex_unlock(&verifier->lock);
}

static int verify_pieces(struct verifier *verifier, struct err *err)
{
	pthread_t threads[THREADS_MAX];
	unsigned started = 0, wanted = verifier->options->threads;
	if (!wanted)
		wanted = stream_thread_processors();
	pthread_mutex_lock(&verifier->lock);
	while (started < wanted && started < THREADS_MAX &&
		stream_thread_start(&threads[started], run_verifier, verifier, err) == 0)
		started++;
	verifier->running = started;
	pthread_mutex_unlock(&verifier->lock);
	watch(verifier);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (!started)
		return -1;
	return err_is_set(&verifier->err) ? err_set(err, "%s", verifier->err.text) : 0;
}

int stream_index_verify(const struct stream_index *index, int fd,
	const struct stream_verify_options *options, struct err *err)
{
	struct verifier verifier = {.options = options, .fd = fd};
	pthread_mutex_init(&verifier.lock, NULL);
	pthread_cond_init(&verifier.changed, NULL);
	int result = list_pieces(&verifier, index, err);
	if (result == 0)
		result = verify_pieces(&verifier, err);
	free(verifier.pieces);
	pthread_cond_destroy(&verifier.changed);
	pthread_mutex_destroy(&verifier.lock);
	return result;
}

int stream_verify(const char *path, unsigned threads, stream_progress_fn *progress, void *data,
	struct err *err)
{
	struct stream_index index;
	const struct stream_verify_options options = {
		.threads = threads, .progress = progress, .data = data};
	scoped_fd int fd = open_image(path, &index, err);
	if (fd < 0)
		return -1;
	int result = stream_index_verify(&index, fd, &options, err);
	stream_index_finish(&index);
	return result < 0 ? err_context(err, "%s", path) : 0;
}

/* ---- looking into an image ---- */

int stream_extract(const char *path, const char *file, struct buf *out, struct err *err)
{
	struct stream_index index;
	scoped_fd int fd = open_image(path, &index, err);
	if (fd < 0)
		return -1;
	const struct stream_file *found = stream_index_find(&index, file);
	int result = found ? stream_file_load(fd, found, SIZE_MAX / 2, out, err)
			   : err_set(err, "there is no %s in it", file);
	if (result < 0)
		err_context(err, "%s", path);
	stream_index_finish(&index);
	return result;
}

int stream_seal(const char *path, char seal[STREAM_SEAL_SIZE], struct err *err)
{
	struct stream_index index;
	scoped_fd int fd = open_image(path, &index, err);
	if (fd < 0)
		return -1;
	int result = stream_index_seal(&index, fd, seal, err);
	stream_index_finish(&index);
	return result < 0 ? err_context(err, "%s", path) : 0;
}

int stream_list(const char *path, stream_list_fn *each, void *data, struct err *err)
{
	struct stream_index index;
	scoped_fd int fd = open_image(path, &index, err);
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		each(index.files[i]->name, index.files[i]->raw, index.files[i]->stored, data);
	stream_index_finish(&index);
	return 0;
}
