#define _GNU_SOURCE
#include "xdetach/stream/stream.h"

#include "base/io.h"
#include "xdetach/stream/capture-state.h"
#include "xdetach/stream/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define PREPARE_SPEED 2e9 /* bytes of memory a second, else it is not waited for */
#define PREPARE_LEAST 0.1 /* seconds */
#define QUIET_LIMIT 10.0  /* seconds that a pipe may stay open behind criu's end */
#define BUFFERS_LEAST 16
#define BUFFERS_STREAM 32 /* while criu may be made to wait */

/* ---- errors ---- */

/* The first error stays; criu then finds its pipes closed. */
void capture_note_error(struct stream_capture *capture, const struct err *err)
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

void capture_set_busy(struct stream_capture *capture, int change)
{
	pthread_mutex_lock(&capture->lock);
	capture->busy += (size_t)change;
	if (!capture->busy)
		pthread_cond_broadcast(&capture->changed);
	pthread_mutex_unlock(&capture->lock);
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
	capture_set_busy(capture, 1);
	if (what == &capture->listening || what == &capture->wire)
		serve_socket(capture, what);
	else
		inlet_empty(capture, what);
	capture_set_busy(capture, -1);
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
			    capture->thread_count ? inlet_run_copier : run_mover, capture, err) < 0)
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
	const struct timespec until = io_clock_in(CLOCK_REALTIME, 1000000);
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

static void close_descriptors(struct stream_capture *capture)
{
	wire_finish(&capture->wire);
	inlet_drop_parcels(capture);
	for (size_t i = 0; i < PARCELS; i++) {
		close_fd(capture->parcels[i].pipe[0]);
		close_fd(capture->parcels[i].pipe[1]);
	}
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
