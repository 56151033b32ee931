#define _GNU_SOURCE
#include "xdetach/stream/feed.h"

#include "base/io.h"
#include "xdetach/stream/chunk.h"
#include "xdetach/stream/gate.h"
#include "xdetach/stream/store.h"
#include "xdetach/stream/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PIPE_SIZE (4 << 20)
#define PIPE_SIZE_USER (1 << 20) /* what an ordinary user may ask for */
#define READ_SPEED 8e9           /* bytes a second: faster criu does not read */
#define SLOT_SIZE (STREAM_EXTENT_MAX)

enum {
	SLOTS = 4,
	SLOTS_AHEAD = 8, /* of the file that is read before criu asks for it */
	WORKERS_MAX = 16
};

/*
 * Pages of memory (pages-N.img) are given to the pipe as they lie in a slot, without copying: criu
 * reads them, and a slot may be filled again when as many pages as a pipe holds have followed.
 * Other files criu may splice on, into a pipe of the application's, say, where they stay: those are
 * copied.
 */
#define LENT_PREFIX "pages-"

struct feed {
	struct feed *next;
	struct stream_feeder *feeder;
	pthread_t thread;
	int pipe;
	struct buf bytes;               /* all there is, or */
	const struct stream_file *file; /* chunks, with the feeder's lock: */
	uint8_t *slots;                 /* slot_count * SLOT_SIZE */
	size_t slot_count;
	bool started;
	size_t fetched;             /* chunks given to workers */
	size_t sent;                /* chunks whose slots are free again */
	size_t pushed;              /* chunks in the pipe: only the feed's thread */
	bool lent;                  /* pages of the slots lie in the pipe */
	uint64_t pages;             /* that were lent so far */
	uint64_t ends[SLOTS_AHEAD]; /* `pages` behind each chunk */
	uint64_t pipe_pages;        /* that the pipe holds */
	bool ready[SLOTS_AHEAD];
	bool failed;
};

struct stream_feeder {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	struct stream_gate *gate;
	int wake;
	struct feed *feeds;
	struct feed *ahead; /* of them: without a pipe yet */
	bool stopped;
	struct err err;
	pthread_t workers[WORKERS_MAX];
	unsigned worker_count;
};

bool stream_feed_is_small(const struct stream_file *file)
{
	return file->raw <= STREAM_SMALL;
}

/* ---- workers ---- */

static bool wants_chunk(const struct feed *feed)
{
	return feed->file && !feed->failed && feed->fetched < feed->file->count &&
		feed->fetched - feed->sent < feed->slot_count;
}

/* The feed that is shortest of chunks comes first. With the lock. */
static struct feed *pick_feed(struct stream_feeder *feeder)
{
	struct feed *best = NULL;
	for (struct feed *feed = feeder->feeds; feed; feed = feed->next)
		if (wants_chunk(feed) &&
			(!best || feed->fetched - feed->sent < best->fetched - best->sent))
			best = feed;
	return best;
}

static void note_error(struct stream_feeder *feeder, const struct err *err)
{
	if (!err_is_set(&feeder->err))
		feeder->err = *err;
}

static void fetch(struct stream_feeder *feeder, struct stream_unpacker *unpacker, struct feed *feed)
{
	struct err err = ERR_INIT;
	size_t at = feed->fetched++;
	uint8_t *slot = feed->slots + at % feed->slot_count * SLOT_SIZE;
	pthread_mutex_unlock(&feeder->lock);
	int result = stream_chunk_load(unpacker, feeder->fd, feed->file, at, slot, &err);
	pthread_mutex_lock(&feeder->lock);
	if (result < 0) {
		feed->failed = true;
		note_error(feeder, &err);
	}
	feed->ready[at % feed->slot_count] = true;
	pthread_cond_broadcast(&feeder->changed);
}

static void *run_worker(void *data)
{
	struct stream_feeder *feeder = data;
	struct err err = ERR_INIT;
	struct stream_unpacker *unpacker = stream_unpacker_create(&err);
	pthread_mutex_lock(&feeder->lock);
	if (!unpacker)
		note_error(feeder, &err);
	while (!feeder->stopped && unpacker) {
		struct feed *feed = pick_feed(feeder);
		if (feed)
			fetch(feeder, unpacker, feed);
		else
			pthread_cond_wait(&feeder->changed, &feeder->lock);
	}
	pthread_mutex_unlock(&feeder->lock);
	stream_unpacker_destroy(unpacker);
	return NULL;
}

/* ---- one pipe ---- */

/* Waits until the pipe takes more: false when the feeder stops. Not for each page that criu has
 * read: the two would wake each other, and wait for the pipe's lock, thousands of times a second.
 */
static bool wait_for_room(const struct feed *feed)
{
	usleep((useconds_t)((double)feed->pipe_pages * STREAM_BLOCK / READ_SPEED * 1e6));
	struct pollfd fds[2] = {{feed->pipe, POLLOUT, 0}, {feed->feeder->wake, POLLIN, 0}};
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		continue;
	return !fds[1].revents;
}

static ssize_t push_some(const struct feed *feed, const uint8_t *data, size_t size)
{
	struct iovec part = {(void *)data, size};
	if (feed->lent)
		return vmsplice(feed->pipe, &part, 1, SPLICE_F_NONBLOCK);
	return write(feed->pipe, data, size);
}

/* False when criu wants no more, or the feeder stops. */
static bool push(const struct feed *feed, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t put = push_some(feed, data, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno != EAGAIN || !wait_for_room(feed)))
			return false;
		if (put > 0) {
			data += put;
			size -= (size_t)put;
		}
	}
	return true;
}

/* The next chunk in order, or NULL when there is none to come. */
static uint8_t *next_chunk(struct feed *feed)
{
	struct stream_feeder *feeder = feed->feeder;
	size_t slot = feed->pushed % feed->slot_count;
	pthread_mutex_lock(&feeder->lock);
	while (!feed->ready[slot] && !feed->failed && !feeder->stopped && !err_is_set(&feeder->err))
		pthread_cond_wait(&feeder->changed, &feeder->lock);
	bool good = feed->ready[slot] && !feed->failed && !feeder->stopped;
	feed->ready[slot] = false;
	pthread_mutex_unlock(&feeder->lock);
	return good ? feed->slots + slot * SLOT_SIZE : NULL;
}

/* Frees the slots that are out of the pipe for sure. */
static void note_pushed(struct feed *feed, uint32_t size, bool good)
{
	struct stream_feeder *feeder = feed->feeder;
	feed->pages += (size + STREAM_BLOCK - 1) / STREAM_BLOCK;
	feed->ends[feed->pushed++ % feed->slot_count] = feed->pages;
	pthread_mutex_lock(&feeder->lock);
	while (feed->sent < feed->pushed &&
		(!feed->lent ||
			feed->pages - feed->ends[feed->sent % feed->slot_count] >=
				feed->pipe_pages))
		feed->sent++;
	if (!good)
		feed->failed = true;
	pthread_cond_broadcast(&feeder->changed);
	pthread_mutex_unlock(&feeder->lock);
}

/* The end of one file is withheld until the whole image is known to be sound. */
static bool may_push(struct feed *feed)
{
	struct stream_feeder *feeder = feed->feeder;
	struct err err = ERR_INIT;
	if (feed->file != stream_gate_file(feeder->gate) || feed->pushed + 1 < feed->file->count)
		return true;
	if (stream_gate_pass(feeder->gate, &err) == 0)
		return true;
	pthread_mutex_lock(&feeder->lock);
	note_error(feeder, &err);
	pthread_mutex_unlock(&feeder->lock);
	return false;
}

static void push_chunks(struct feed *feed)
{
	bool good = true;
	while (good && feed->pushed < feed->file->count) {
		uint32_t size = feed->file->chunks[feed->pushed].raw;
		uint8_t *data = next_chunk(feed);
		if (!data || !may_push(feed))
			return;
		good = push(feed, data, size);
		note_pushed(feed, size, good);
	}
}

static void *run_feed(void *data)
{
	struct feed *feed = data;
	if (feed->file)
		push_chunks(feed);
	else
		push(feed, (const uint8_t *)feed->bytes.data, feed->bytes.size);
	close(steal_fd(&feed->pipe));
	return NULL;
}

/* ---- outside ---- */

static void feed_destroy(struct feed *feed)
{
	if (feed->pipe >= 0)
		close(feed->pipe);
	if (feed->slots)
		munmap(feed->slots, feed->slot_count * SLOT_SIZE);
	buf_finish(&feed->bytes);
	free(feed);
}

/* The workers find it from now on. */
static void feed_enter(struct stream_feeder *feeder, struct feed *feed)
{
	pthread_mutex_lock(&feeder->lock);
	feed->next = feeder->feeds;
	feeder->feeds = feed;
	pthread_cond_broadcast(&feeder->changed);
	pthread_mutex_unlock(&feeder->lock);
}

/* Of one that was entered. */
static int feed_start(struct feed *feed, struct err *err)
{
	if (stream_thread_start(&feed->thread, run_feed, feed, err) < 0)
		return -1;
	feed->started = true;
	return 0;
}

static struct feed *feed_create(struct stream_feeder *feeder, struct err *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	if (!feed) {
		err_set(err, "out of memory");
		return NULL;
	}
	feed->feeder = feeder;
	feed->pipe = -1;
	return feed;
}

/* Takes the pipe over. */
static void set_pipe(struct feed *feed, int pipe)
{
	feed->pipe = pipe;
	fcntl(pipe, F_SETFL, O_WRONLY | O_NONBLOCK);
	if (feed->file && fcntl(pipe, F_SETPIPE_SZ, PIPE_SIZE) < 0)
		fcntl(pipe, F_SETPIPE_SZ, PIPE_SIZE_USER);
	int room = fcntl(pipe, F_GETPIPE_SZ);
	feed->pipe_pages = (uint64_t)(room > 0 ? room : PIPE_SIZE) / STREAM_BLOCK;
}

/* What fits in the pipe needs no thread. True when that was all. */
static bool push_at_once(struct feed *feed)
{
	ssize_t put = write(feed->pipe, feed->bytes.data, feed->bytes.size);
	if (put > 0)
		buf_consume(&feed->bytes, (size_t)put);
	return !feed->bytes.size || (put < 0 && errno != EAGAIN && errno != EINTR);
}

int stream_feed_bytes(struct stream_feeder *feeder, int pipe, struct buf *bytes, struct err *err)
{
	struct feed *feed = feed_create(feeder, err);
	if (!feed) {
		close(pipe);
		return -1;
	}
	set_pipe(feed, pipe);
	feed->bytes = *bytes;
	*bytes = (struct buf)BUF_INIT;
	if (push_at_once(feed)) {
		feed_destroy(feed);
		return 0;
	}
	feed_enter(feeder, feed);
	return feed_start(feed, err);
}

static int make_slots(struct feed *feed, size_t count, struct err *err)
{
	size_t size = count * SLOT_SIZE;
	void *slots = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return err_errno(err, "memory for %s", feed->file->name);
	feed->slots = slots;
	feed->slot_count = count;
	return 0;
}

/* A feed whose chunks are fetched from now on. */
static struct feed *feed_of_file(
	struct stream_feeder *feeder, const struct stream_file *file, size_t slots, struct err *err)
{
	struct feed *feed = feed_create(feeder, err);
	if (!feed)
		return NULL;
	feed->lent = !strncmp(file->name, LENT_PREFIX, strlen(LENT_PREFIX));
	feed->file = file;
	if (make_slots(feed, slots, err) < 0) {
		feed_destroy(feed);
		return NULL;
	}
	feed_enter(feeder, feed);
	return feed;
}

int stream_feed_file(
	struct stream_feeder *feeder, int pipe, const struct stream_file *file, struct err *err)
{
	bool is_ahead = feeder->ahead && feeder->ahead->file == file;
	struct feed *feed =
		is_ahead ? steal_ptr(&feeder->ahead) : feed_of_file(feeder, file, SLOTS, err);
	if (!feed) {
		close(pipe);
		return -1;
	}
	set_pipe(feed, pipe);
	return feed_start(feed, err);
}

static int read_ahead(struct stream_feeder *feeder, struct err *err)
{
	const struct stream_file *file = stream_gate_file(feeder->gate);
	if (!file || stream_feed_is_small(file))
		return 0;
	feeder->ahead = feed_of_file(feeder, file, SLOTS_AHEAD, err);
	return feeder->ahead ? 0 : -1;
}

struct stream_feeder *stream_feeder_create(
	int fd, struct stream_gate *gate, unsigned workers, struct err *err)
{
	struct stream_feeder *feeder = calloc(1, sizeof(*feeder));
	if (!feeder) {
		err_set(err, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&feeder->lock, NULL);
	pthread_cond_init(&feeder->changed, NULL);
	feeder->fd = fd;
	feeder->gate = gate;
	feeder->wake = eventfd(0, EFD_CLOEXEC);
	if (feeder->wake < 0)
		err_errno(err, "eventfd");
	for (; feeder->wake >= 0 && feeder->worker_count < workers; feeder->worker_count++)
		if (feeder->worker_count == WORKERS_MAX ||
			stream_thread_start(&feeder->workers[feeder->worker_count], run_worker,
				feeder, err) < 0)
			break;
	if (feeder->worker_count && read_ahead(feeder, err) == 0)
		return feeder;
	stream_feeder_destroy(feeder);
	return NULL;
}

static void stop(struct stream_feeder *feeder)
{
	uint64_t one = 1;
	pthread_mutex_lock(&feeder->lock);
	feeder->stopped = true;
	pthread_cond_broadcast(&feeder->changed);
	pthread_mutex_unlock(&feeder->lock);
	if (feeder->wake >= 0 && write(feeder->wake, &one, sizeof(one)) < 0)
		abort(); /* an eventfd with room takes 8 bytes */
	for (unsigned i = 0; i < feeder->worker_count; i++)
		pthread_join(feeder->workers[i], NULL);
	feeder->worker_count = 0;
	for (struct feed *feed = feeder->feeds, *next; feed; feed = next) {
		next = feed->next;
		if (feed->started)
			pthread_join(feed->thread, NULL);
		feed_destroy(feed);
	}
	feeder->feeds = NULL;
}

int stream_feeder_finish(struct stream_feeder *feeder, struct err *err)
{
	stop(feeder);
	return err_is_set(&feeder->err) ? err_set(err, "%s", feeder->err.text) : 0;
}

void stream_feeder_destroy(struct stream_feeder *feeder)
{
	if (!feeder)
		return;
	stop(feeder);
	if (feeder->wake >= 0)
		close(feeder->wake);
	pthread_cond_destroy(&feeder->changed);
	pthread_mutex_destroy(&feeder->lock);
	free(feeder);
}
