#define _GNU_SOURCE
#include "xdetach/stream/capture-state.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>

/* ---- filling chunks ---- */

/* The first chunk of a file is a small one, since most files of criu's are. */
static uint32_t next_capacity(const struct inlet *inlet)
{
	return inlet->chunks ? STREAM_CHUNK : STREAM_SMALL;
}

static struct fill *fill_create(struct stream_capture *capture, struct inlet *inlet)
{
	bool pooled = inlet->chunks > 0;
	struct fill *fill = calloc(1, sizeof(*fill));
	struct stream_job *job = calloc(1, sizeof(*job));
	uint8_t *data = NULL;
	if (fill && job)
		data = pooled ? stream_pool_get(capture->pool) : malloc(STREAM_SMALL);
	if (!data) {
		free(job);
		free(fill);
		return NULL;
	}
	*fill = (struct fill){.job = job, .capacity = next_capacity(inlet)};
	*job = (struct stream_job){
		.file = inlet->file, .at = inlet->chunks++, .data = data, .pooled = pooled};
	return fill;
}

static void fill_destroy(struct fill *fill, struct stream_pool *pool)
{
	if (!fill)
		return;
	if (fill->job->pooled)
		stream_pool_sent(pool);
	stream_job_destroy(fill->job, pool);
	free(fill);
}

/* Sends the chunk on when it is complete. */
static void fill_update(struct stream_capture *capture, struct fill *fill, size_t copied, bool seal)
{
	pthread_mutex_lock(&capture->lock);
	fill->copied += (uint32_t)copied;
	fill->sealed |= seal;
	bool complete = fill->sealed && fill->copied == fill->claimed;
	pthread_mutex_unlock(&capture->lock);
	if (!complete)
		return;
	fill->job->raw = fill->claimed;
	stream_store_put(capture->store, fill->job);
	free(fill);
}

/* Room for the parcel's bytes in the present chunk. */
static int claim(struct stream_capture *capture, struct inlet *inlet, struct parcel *parcel)
{
	if (!inlet->fill && !(inlet->fill = fill_create(capture, inlet)))
		return -1;
	struct fill *fill = inlet->fill;
	parcel->fill = fill;
	parcel->to = fill->job->data + fill->claimed;
	pthread_mutex_lock(&capture->lock);
	fill->claimed += (uint32_t)parcel->size;
	fill->sealed = fill->claimed == fill->capacity;
	pthread_mutex_unlock(&capture->lock);
	if (fill->sealed)
		inlet->fill = NULL;
	return 0;
}

/* ---- parcels ---- */

static struct parcel *take_empty(struct stream_capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	while (!capture->empty && !capture->stopped)
		pthread_cond_wait(&capture->emptied, &capture->lock);
	struct parcel *parcel = capture->stopped ? NULL : capture->empty;
	if (parcel)
		capture->empty = parcel->next;
	pthread_mutex_unlock(&capture->lock);
	return parcel;
}

static void put_empty(struct stream_capture *capture, struct parcel *parcel)
{
	pthread_mutex_lock(&capture->lock);
	parcel->next = capture->empty;
	capture->empty = parcel;
	pthread_cond_signal(&capture->emptied);
	pthread_mutex_unlock(&capture->lock);
}

static void put_full(struct stream_capture *capture, struct parcel *parcel)
{
	pthread_mutex_lock(&capture->lock);
	parcel->next = NULL;
	*capture->full_end = parcel;
	capture->full_end = &parcel->next;
	capture->busy++;
	pthread_cond_signal(&capture->moved);
	pthread_mutex_unlock(&capture->lock);
}

static struct parcel *take_full(struct stream_capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	while (!capture->full && !capture->stopped)
		pthread_cond_wait(&capture->moved, &capture->lock);
	struct parcel *parcel = capture->stopped ? NULL : capture->full;
	if (parcel)
		capture->full = parcel->next;
	if (parcel && !capture->full)
		capture->full_end = &capture->full;
	pthread_mutex_unlock(&capture->lock);
	return parcel;
}

static void fail(struct stream_capture *capture, const char *what, int number)
{
	struct err err = ERR_INIT;
	errno = number;
	err_errno(&err, "%s", what);
	capture_note_error(capture, &err);
}

void *inlet_run_copier(void *data)
{
	struct stream_capture *capture = data;
	for (struct parcel *parcel; (parcel = take_full(capture));) {
		if (io_read_full(parcel->pipe[0], parcel->to, parcel->size) < 0)
			fail(capture, "read", errno);
		struct fill *fill = parcel->fill;
		size_t size = parcel->size;
		put_empty(capture, parcel);
		fill_update(capture, fill, size, false);
		capture_set_busy(capture, -1);
	}
	return NULL;
}

/* ---- one pipe of criu's: only the mover ---- */

void inlet_destroy(struct inlet *inlet, struct stream_pool *pool)
{
	if (inlet->fd >= 0)
		close(inlet->fd);
	fill_destroy(inlet->fill, pool);
	free(inlet);
}

/* Nothing more is taken from the pipe. */
static void inlet_end(struct stream_capture *capture, struct inlet *inlet)
{
	struct fill *fill = steal_ptr(&inlet->fill);
	close(inlet->fd);
	inlet->fd = -1;
	if (fill)
		fill_update(capture, fill, 0, true);
	pthread_mutex_lock(&capture->lock);
	capture->open_inlets--;
	pthread_cond_broadcast(&capture->changed);
	pthread_mutex_unlock(&capture->lock);
}

/* Fills a parcel with what is there: false when there is nothing, or no more to come. */
static bool move_out(struct stream_capture *capture, struct inlet *inlet, struct parcel *parcel)
{
	uint32_t room =
		inlet->fill ? inlet->fill->capacity - inlet->fill->claimed : next_capacity(inlet);
	ssize_t got = splice(
		inlet->fd, NULL, parcel->pipe[1], NULL, room, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got < 0)
		fail(capture, "splice", errno);
	if (got <= 0) {
		inlet_end(capture, inlet);
		return false;
	}
	parcel->size = (size_t)got;
	if (claim(capture, inlet, parcel) == 0)
		return true;
	fail(capture, "a buffer for criu's data", ENOMEM);
	inlet_end(capture, inlet);
	return false;
}

/* A pipe that is used for more than a few pages is made as large as it may be. */
static void widen(struct inlet *inlet)
{
	if (!inlet->widened && inlet->chunks)
		fcntl(inlet->fd, F_SETPIPE_SZ, PIPE_SIZE);
	inlet->widened = inlet->chunks > 0;
}

void inlet_empty(struct stream_capture *capture, struct inlet *inlet)
{
	while (inlet->fd >= 0) {
		if (stream_capture_error(capture, NULL) < 0) {
			inlet_end(capture, inlet);
			return;
		}
		struct parcel *parcel = take_empty(capture);
		if (!parcel)
			return;
		if (!move_out(capture, inlet, parcel)) {
			put_empty(capture, parcel);
			return;
		}
		put_full(capture, parcel);
		widen(inlet);
	}
}

/* A chunk that waits for parcels nobody copied is no inlet's any more when it is full. */
void inlet_drop_parcels(struct stream_capture *capture)
{
	for (struct parcel *parcel = capture->full; parcel; parcel = parcel->next) {
		struct fill *fill = parcel->fill;
		fill->claimed -= (uint32_t)parcel->size;
		if (fill->sealed && fill->copied == fill->claimed)
			fill_destroy(fill, capture->pool);
	}
}
