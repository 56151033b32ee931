#define _GNU_SOURCE
#include "xdetach/stream.h"

#include "base/io.h"
#include "xdetach/stream-pool.h"
#include "xdetach/stream-store.h"
#include "xdetach/stream-thread.h"
#include "xdetach/stream-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define PIPE_SIZE (1 << 20) /* what an ordinary user may ask for */
#define PREPARE_SPEED 1.2e9 /* bytes of memory a second, else it is not waited for */
#define PREPARE_LEAST 0.1   /* seconds */
#define QUIET_LIMIT 10.0    /* seconds that a pipe may stay open behind criu's end */
#define BUFFERS_LEAST 16
#define BUFFERS_STREAM 32 /* while criu may be made to wait */

enum { COPIERS = 2, PARCELS = 16 };

/*
 * One thread, the mover, hears what criu has to say and empties its pipes: pages are handed over to
 * a pipe of ours, a parcel, which costs little because nothing is copied. So criu is soon free to
 * look for the next pages, while the copiers, beside each other and beside criu, copy what is in
 * the parcels to where it belongs in the file.
 */
struct parcel {
	struct parcel *next;
	int pipe[2];
	struct inlet *inlet;
	struct fill *fill;
	uint8_t *to;
	size_t size;
};

/* A pipe of criu's. */
struct inlet {
	struct inlet *next;
	int fd;
	struct stream_file *file;
	struct fill *fill; /* the chunk that the next bytes belong to */
	size_t chunks;     /* begun */
	bool widened;
};

/* A chunk being filled by several copiers. */
struct fill {
	struct stream_job *job;
	uint32_t capacity;
	uint32_t claimed;
	uint32_t copied; /* with the capture's lock, as is the next */
	bool sealed;     /* nothing more will be claimed */
};

struct stream_capture {
	struct stream_pool *pool;
	struct stream_store *store;
	int listening;
	int epoll;
	int wake;

	struct parcel parcels[PARCELS];
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for who waits for the end */
	pthread_cond_t moved;   /* a parcel was filled, or all is over */
	pthread_cond_t emptied;
	struct parcel *empty;
	struct parcel *full;
	struct parcel **full_end;
	size_t busy; /* parcels between the two, and a mover at work */
	struct wire wire;
	bool connected;
	bool closed; /* criu has closed its socket */
	struct inlet *inlets;
	size_t open_inlets;
	bool stopped;
	struct err err;

	pthread_t threads[1 + COPIERS];
	unsigned thread_count;
};

/* ---- errors ---- */

/* The first error stays; criu then finds its pipes closed. */
static void note_error(struct stream_capture *capture, const struct err *err)
{
	pthread_mutex_lock(&capture->lock);
	if (!err_is_set(&capture->err))
		capture->err = *err;
	pthread_cond_broadcast(&capture->changed);
	pthread_mutex_unlock(&capture->lock);
}

int stream_capture_error(struct stream_capture *capture, struct err *err)
{
	struct err copy = ERR_INIT;
	pthread_mutex_lock(&capture->lock);
	copy = capture->err;
	pthread_mutex_unlock(&capture->lock);
	if (err_is_set(&copy))
		return err_set(err, "%s", copy.text);
	return stream_store_error(capture->store, err);
}

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

static void set_busy(struct stream_capture *capture, int change)
{
	pthread_mutex_lock(&capture->lock);
	capture->busy += (size_t)change;
	if (!capture->busy)
		pthread_cond_broadcast(&capture->changed);
	pthread_mutex_unlock(&capture->lock);
}

static void fail(struct stream_capture *capture, const char *what, int number)
{
	struct err err = ERR_INIT;
	errno = number;
	err_errno(&err, "%s", what);
	note_error(capture, &err);
}

static void *run_copier(void *data)
{
	struct stream_capture *capture = data;
	for (struct parcel *parcel; (parcel = take_full(capture));) {
		if (io_read_full(parcel->pipe[0], parcel->to, parcel->size) < 0)
			fail(capture, "read", errno);
		struct fill *fill = parcel->fill;
		size_t size = parcel->size;
		put_empty(capture, parcel);
		fill_update(capture, fill, size, false);
		set_busy(capture, -1);
	}
	return NULL;
}

/* ---- one pipe of criu's: only the mover ---- */

static void inlet_destroy(struct inlet *inlet, struct stream_pool *pool)
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

static void empty_inlet(struct stream_capture *capture, struct inlet *inlet)
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

/* ---- criu's socket: with the capture's lock ---- */

static int watch(struct stream_capture *capture, int fd, void *what, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
	if (epoll_ctl(capture->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_errno(err, "epoll");
	return 0;
}

static int add_inlet(struct stream_capture *capture, struct err *err)
{
	struct stream_file *file = stream_store_add(capture->store, capture->wire.name, err);
	struct inlet *inlet = file ? calloc(1, sizeof(*inlet)) : NULL;
	if (!inlet)
		return err_set(err, "out of memory");
	inlet->fd = steal_fd(&capture->wire.pipe);
	inlet->file = file;
	inlet->next = capture->inlets;
	capture->inlets = inlet;
	capture->open_inlets++;
	return watch(capture, inlet->fd, inlet, err);
}

static int take_requests(struct stream_capture *capture, struct err *err)
{
	for (;;) {
		int event = wire_step(&capture->wire, err);
		if (event < 0 || (event == WIRE_PIPE && add_inlet(capture, err) < 0))
			return -1;
		if (event == WIRE_AGAIN)
			return 0;
		if (event == WIRE_CLOSED) {
			capture->closed = true;
			wire_finish(&capture->wire);
			return 0;
		}
	}
}

static int take_connection(struct stream_capture *capture, struct err *err)
{
	int fd = wire_accept(capture->listening, err);
	if (fd < 0)
		return fd == WIRE_NOBODY ? 0 : -1;
	wire_init(&capture->wire, fd);
	close(capture->listening);
	capture->listening = -1;
	capture->connected = true;
	return watch(capture, fd, &capture->wire, err);
}

/* What went wrong ends the conversation, so that criu fails at once. */
static void serve_socket(struct stream_capture *capture, const void *what)
{
	struct err err = ERR_INIT;
	int result = 0;
	pthread_mutex_lock(&capture->lock);
	if (what == &capture->listening && capture->listening >= 0)
		result = take_connection(capture, &err);
	else if (what == &capture->wire && capture->wire.fd >= 0)
		result = take_requests(capture, &err);
	if (result < 0) {
		wire_finish(&capture->wire);
		capture->closed = true;
		if (!err_is_set(&capture->err))
			capture->err = err;
	}
	pthread_cond_broadcast(&capture->changed);
	pthread_mutex_unlock(&capture->lock);
}

/* ---- the mover ---- */

static void handle(struct stream_capture *capture, void *what)
{
	set_busy(capture, 1);
	if (what == &capture->listening || what == &capture->wire)
		serve_socket(capture, what);
	else
		empty_inlet(capture, what);
	set_busy(capture, -1);
}

static void *run_mover(void *data)
{
	struct stream_capture *capture = data;
	for (;;) {
		struct epoll_event event;
		int count = epoll_wait(capture->epoll, &event, 1, -1);
		if (count == 1 && event.data.ptr == &capture->wake)
			return NULL;
		if (count == 1)
			handle(capture, event.data.ptr);
	}
}

/* ---- outside ---- */

static int prepare_pool(struct stream_capture *capture,
	const struct stream_capture_options *options, struct err *err)
{
	unsigned threads = options->threads ? options->threads : stream_thread_processors();
	size_t wanted = BUFFERS_STREAM;
	if (options->hold)
		wanted += options->expected / STREAM_CHUNK;
	double seconds = PREPARE_LEAST + (double)options->expected / PREPARE_SPEED;
	capture->pool = stream_pool_create(BUFFERS_LEAST, wanted, threads, seconds, err);
	return capture->pool ? 0 : -1;
}

/* A parcel that cannot be wide takes less at a time. */
static int parcel_open(struct stream_capture *capture, struct parcel *parcel, struct err *err)
{
	if (pipe2(parcel->pipe, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	fcntl(parcel->pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
	parcel->next = capture->empty;
	capture->empty = parcel;
	return 0;
}

static int open_descriptors(struct stream_capture *capture, const char *dir, struct err *err)
{
	capture->epoll = epoll_create1(EPOLL_CLOEXEC);
	capture->wake = eventfd(0, EFD_CLOEXEC);
	if (capture->epoll < 0 || capture->wake < 0)
		return err_errno(err, "epoll");
	capture->listening = wire_listen(dir, WIRE_CAPTURE, err);
	if (capture->listening < 0)
		return -1;
	for (size_t i = 0; i < PARCELS; i++)
		if (parcel_open(capture, &capture->parcels[i], err) < 0)
			return -1;
	if (watch(capture, capture->wake, &capture->wake, err) < 0)
		return -1;
	return watch(capture, capture->listening, &capture->listening, err);
}

static int start(struct stream_capture *capture, const char *dir, const char *path,
	const struct stream_capture_options *options, struct err *err)
{
	double begin = io_now();
	if (prepare_pool(capture, options, err) < 0)
		return -1;
	capture->store = stream_store_create(path, options, begin, capture->pool, err);
	if (!capture->store || open_descriptors(capture, dir, err) < 0)
		return -1;
	for (; capture->thread_count < 1 + COPIERS; capture->thread_count++)
		if (stream_thread_start(&capture->threads[capture->thread_count],
			    capture->thread_count ? run_copier : run_mover, capture, err) < 0)
			return -1;
	return 0;
}

struct stream_capture *stream_capture_create(const char *dir, const char *path,
	const struct stream_capture_options *options, struct err *err)
{
	struct stream_capture *capture = calloc(1, sizeof(*capture));
	if (!capture) {
		err_set(err, "out of memory");
		return NULL;
	}
	capture->listening = capture->epoll = capture->wake = -1;
	wire_init(&capture->wire, -1);
	pthread_mutex_init(&capture->lock, NULL);
	pthread_cond_init(&capture->changed, NULL);
	pthread_cond_init(&capture->moved, NULL);
	pthread_cond_init(&capture->emptied, NULL);
	capture->full_end = &capture->full;
	for (size_t i = 0; i < PARCELS; i++)
		capture->parcels[i].pipe[0] = capture->parcels[i].pipe[1] = -1;
	if (start(capture, dir, path, options, err) == 0)
		return capture;
	stream_capture_destroy(capture);
	return NULL;
}

/* Nothing is in the socket, in a pipe or in a collector's hands. With the lock. */
static bool is_drained(struct stream_capture *capture)
{
	struct epoll_event event;
	return !capture->busy && epoll_wait(capture->epoll, &event, 1, 0) == 0;
}

static void wait_a_little(struct stream_capture *capture)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&capture->changed, &capture->lock, &until);
}

int stream_capture_settle(struct stream_capture *capture, struct err *err)
{
	pthread_mutex_lock(&capture->lock);
	while (!err_is_set(&capture->err) && !is_drained(capture))
		wait_a_little(capture);
	pthread_mutex_unlock(&capture->lock);
	stream_store_release(capture->store);
	return stream_capture_error(capture, err);
}

/* With the lock. 1: all is in; 0: wait. */
static int is_complete(struct stream_capture *capture, double since, struct err *err)
{
	if (err_is_set(&capture->err))
		return err_set(err, "%s", capture->err.text);
	if (capture->closed && !capture->open_inlets && !capture->busy)
		return 1;
	if (!is_drained(capture))
		return 0;
	if (!capture->connected)
		return err_set(err, "criu never asked for its stream");
	if (io_now() - since > QUIET_LIMIT)
		return err_set(err, "criu ended and left a pipe of its stream open");
	return 0;
}

static int wait_for_end(struct stream_capture *capture, struct err *err)
{
	int complete;
	double since = io_now();
	pthread_mutex_lock(&capture->lock);
	while ((complete = is_complete(capture, since, err)) == 0) {
		if (!is_drained(capture))
			since = io_now();
		wait_a_little(capture);
	}
	pthread_mutex_unlock(&capture->lock);
	return complete < 0 ? -1 : 0;
}

int stream_capture_finish(
	struct stream_capture *capture, struct stream_stats *stats, struct err *err)
{
	stream_store_release(capture->store);
	if (wait_for_end(capture, err) < 0 || stream_capture_error(capture, err) < 0)
		return -1;
	return stream_store_finish(capture->store, stats, err);
}

static void stop_threads(struct stream_capture *capture)
{
	uint64_t one = 1;
	if (capture->pool)
		stream_pool_stop(capture->pool);
	pthread_mutex_lock(&capture->lock);
	capture->stopped = true;
	pthread_cond_broadcast(&capture->moved);
	pthread_cond_broadcast(&capture->emptied);
	pthread_mutex_unlock(&capture->lock);
	if (capture->wake >= 0 && write(capture->wake, &one, sizeof(one)) < 0)
		abort(); /* an eventfd with room takes 8 bytes */
	for (unsigned i = 0; i < capture->thread_count; i++)
		pthread_join(capture->threads[i], NULL);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A chunk that waits for parcels nobody copied is no inlet's any more when it is full. */
static void drop_parcels(struct stream_capture *capture)
{
	for (struct parcel *parcel = capture->full; parcel; parcel = parcel->next) {
		struct fill *fill = parcel->fill;
		fill->claimed -= (uint32_t)parcel->size;
		if (fill->sealed && fill->copied == fill->claimed)
			fill_destroy(fill, capture->pool);
	}
	for (size_t i = 0; i < PARCELS; i++) {
		close_fd(capture->parcels[i].pipe[0]);
		close_fd(capture->parcels[i].pipe[1]);
	}
}

static void close_descriptors(struct stream_capture *capture)
{
	wire_finish(&capture->wire);
	drop_parcels(capture);
	for (struct inlet *inlet = capture->inlets, *next; inlet; inlet = next) {
		next = inlet->next;
		inlet_destroy(inlet, capture->pool);
	}
	close_fd(capture->listening);
	close_fd(capture->epoll);
	close_fd(capture->wake);
}

void stream_capture_destroy(struct stream_capture *capture)
{
	if (!capture)
		return;
	stop_threads(capture);
	close_descriptors(capture);
	stream_store_destroy(capture->store);
	stream_pool_destroy(capture->pool);
	pthread_cond_destroy(&capture->emptied);
	pthread_cond_destroy(&capture->moved);
	pthread_cond_destroy(&capture->changed);
	pthread_mutex_destroy(&capture->lock);
	free(capture);
}
