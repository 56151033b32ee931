#define _GNU_SOURCE
#include "xdetach/session/outlet.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

/* Behind this many undelivered bytes the pipe is left to fill, and the writer waits as it would
 * for any slow reader. */
#define PENDING_MAX (256 << 10)

/* Small, so that what is unread fits into a message. */
#define INLET_PIPE_SIZE (16 << 10)

/* ---- the log ---- */

int outlet_log_init(struct outlet_log *log, const char *path, struct err *err)
{
	struct stat st;
	*log = (struct outlet_log){.fd = -1, .path = paths_format(err, "%s", path)};
	if (!log->path)
		return -1;
	log->fd = io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600, err);
	if (log->fd < 0)
		return -1;
	log->size = fstat(log->fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

void outlet_log_remove(const char *path)
{
	scoped_free char *old = paths_format(NULL, "%s.1", path);
	unlink(path);
	if (old)
		unlink(old);
}

void outlet_log_finish(struct outlet_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	*log = (struct outlet_log){.fd = -1};
}

static void log_rotate(struct outlet_log *log)
{
	scoped_free char *old = paths_format(NULL, "%s.1", log->path);
	if (!old || rename(log->path, old) < 0)
		return;
	int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(log->fd);
	log->fd = fd;
	log->size = 0;
}

void outlet_log_write(struct outlet_log *log, const void *data, size_t size)
{
	if (log->fd < 0)
		return;
	if (log->size > OUTLET_LOG_MAX)
		log_rotate(log);
	/* A log that cannot be written must not stop the application. */
	if (io_write_full(log->fd, data, size) == 0)
		log->size += (off_t)size;
}

/* ---- output ---- */

static void outlet_watch(struct outlet *outlet)
{
	bool room = outlet->pending.size < PENDING_MAX;
	loop_change(outlet->loop, &outlet->source_watch, room ? EPOLLIN : 0);
	loop_change(outlet->loop, &outlet->target_watch, outlet->pending.size ? EPOLLOUT : 0);
}

static void drop_target(struct outlet *outlet)
{
	loop_remove(outlet->loop, &outlet->target_watch);
	if (outlet->target >= 0)
		close(outlet->target);
	outlet->target = -1;
	buf_clear(&outlet->pending);
}

static void deliver(struct outlet *outlet)
{
	while (outlet->target >= 0 && outlet->pending.size) {
		ssize_t put = write(outlet->target, outlet->pending.data, outlet->pending.size);
		if (put > 0)
			buf_consume(&outlet->pending, (size_t)put);
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			drop_target(outlet);
	}
}

static void close_source(struct outlet *outlet)
{
	loop_remove(outlet->loop, &outlet->source_watch);
	if (outlet->source >= 0)
		close(outlet->source);
	outlet->source = -1;
}

/* One read; false when nothing is there. */
static bool take(struct outlet *outlet)
{
	char data[16384];
	ssize_t got = read(outlet->source, data, sizeof(data));
	if (got < 0)
		return errno == EINTR;
	if (got == 0) {
		close_source(outlet);
		return false;
	}
	outlet_log_write(outlet->log, data, (size_t)got);
	if (outlet->target >= 0)
		buf_append(&outlet->pending, data, (size_t)got);
	deliver(outlet);
	return true;
}

static void source_ready(struct watch *watch, uint32_t events)
{
	struct outlet *outlet = watch->owner;
	take(outlet);
	outlet_watch(outlet);
}

static void target_ready(struct watch *watch, uint32_t events)
{
	struct outlet *outlet = watch->owner;
	if (events & (EPOLLERR | EPOLLHUP))
		drop_target(outlet);
	else
		deliver(outlet);
	outlet_watch(outlet);
}

static int outlet_pipe(struct outlet *outlet, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	outlet->source = ends[0];
	outlet->child_end = ends[1];
	if (fcntl(outlet->source, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, "pipe");
	return loop_add(outlet->loop, &outlet->source_watch, outlet->source, EPOLLIN, err);
}

int outlet_init(struct outlet *outlet, struct loop *loop, struct outlet_log *log, int target,
	struct err *err)
{
	*outlet = (struct outlet){.loop = loop, .log = log, .source = -1, .child_end = -1};
	outlet->target = -1;
	outlet->source_watch = (struct watch){.fd = -1, .ready = source_ready, .owner = outlet};
	outlet->target_watch = (struct watch){.fd = -1, .ready = target_ready, .owner = outlet};
	outlet_retarget(outlet, target);
	return outlet_pipe(outlet, err);
}

void outlet_finish(struct outlet *outlet)
{
	if (!outlet->loop)
		return;
	close_source(outlet);
	drop_target(outlet);
	outlet_handed_over(outlet);
	buf_finish(&outlet->pending);
}

void outlet_handed_over(struct outlet *outlet)
{
	if (outlet->child_end >= 0)
		close(outlet->child_end);
	outlet->child_end = -1;
}

void outlet_retarget(struct outlet *outlet, int target)
{
	struct stat st;
	drop_target(outlet);
	if (target < 0 || fstat(target, &st) < 0)
		return;
	outlet->target = target;
	outlet->regular = S_ISREG(st.st_mode);
	if (outlet->regular)
		return;
	fcntl(target, F_SETFL, fcntl(target, F_GETFL) | O_NONBLOCK);
	loop_add(outlet->loop, &outlet->target_watch, target, 0, NULL);
}

void outlet_drain(struct outlet *outlet)
{
	while (outlet->source >= 0 && take(outlet))
		;
	outlet_watch(outlet);
}

void outlet_flush(struct outlet *outlet, int timeout_ms)
{
	double end = io_now() + timeout_ms / 1000.0;
	while (outlet->target >= 0 && outlet->pending.size && io_now() < end) {
		struct pollfd wait = {.fd = outlet->target, .events = POLLOUT};
		poll(&wait, 1, 100);
		deliver(outlet);
	}
}

json_t *outlet_position(const struct outlet *outlet)
{
	char link[64], path[4096];
	struct stat st;
	if (outlet->target < 0 || !outlet->regular || fstat(outlet->target, &st) < 0)
		return json_null();
	snprintf(link, sizeof(link), "/proc/self/fd/%d", outlet->target);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0)
		return json_null();
	path[length] = '\0';
	bool append = fcntl(outlet->target, F_GETFL) & O_APPEND;
	off_t at = append ? st.st_size : lseek(outlet->target, 0, SEEK_CUR);
	return json_pack("{s:s, s:I}", "path", path, "size", (json_int_t)at);
}

/* ---- input ---- */

static void inlet_watch(struct inlet *inlet)
{
	loop_change(inlet->loop, &inlet->source_watch, inlet->pending.size ? 0 : EPOLLIN);
	loop_change(inlet->loop, &inlet->target_watch, inlet->pending.size ? EPOLLOUT : 0);
}

static void close_target(struct inlet *inlet)
{
	loop_remove(inlet->loop, &inlet->target_watch);
	if (inlet->target >= 0)
		close(inlet->target);
	inlet->target = -1;
}

static void end_source(struct inlet *inlet)
{
	loop_remove(inlet->loop, &inlet->source_watch);
	if (inlet->source >= 0)
		close(inlet->source);
	inlet->source = -1;
	inlet->ended = true;
}

static void pour(struct inlet *inlet)
{
	if (inlet->target >= 0 && inlet->pending.size) {
		ssize_t put = write(inlet->target, inlet->pending.data, inlet->pending.size);
		if (put > 0)
			buf_consume(&inlet->pending, (size_t)put);
		else if (errno != EAGAIN && errno != EINTR)
			close_target(inlet);
	}
	if (inlet->ended && !inlet->pending.size)
		close_target(inlet);
}

static void inlet_source_ready(struct watch *watch, uint32_t events)
{
	struct inlet *inlet = watch->owner;
	char data[4096];
	ssize_t got = read(inlet->source, data, sizeof(data));
	if (got > 0)
		buf_append(&inlet->pending, data, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		end_source(inlet);
	pour(inlet);
	inlet_watch(inlet);
}

static void inlet_target_ready(struct watch *watch, uint32_t events)
{
	struct inlet *inlet = watch->owner;
	pour(inlet);
	inlet_watch(inlet);
}

static int inlet_pipe(struct inlet *inlet, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	inlet->child_end = ends[0];
	inlet->target = ends[1];
	fcntl(inlet->target, F_SETPIPE_SZ, INLET_PIPE_SIZE);
	if (fcntl(inlet->target, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, "pipe");
	return loop_add(inlet->loop, &inlet->target_watch, inlet->target, 0, err);
}

int inlet_init(struct inlet *inlet, struct loop *loop, int source, const struct buf *unread,
	struct err *err)
{
	*inlet = (struct inlet){.loop = loop, .source = source, .target = -1, .child_end = -1};
	inlet->source_watch = (struct watch){.fd = -1, .ready = inlet_source_ready, .owner = inlet};
	inlet->target_watch = (struct watch){.fd = -1, .ready = inlet_target_ready, .owner = inlet};
	inlet->ended = source < 0;
	if (inlet_pipe(inlet, err) < 0)
		return -1;
	if (source >= 0 && loop_add(loop, &inlet->source_watch, source, EPOLLIN, err) < 0)
		return -1;
	if (unread)
		buf_append(&inlet->pending, unread->data, unread->size);
	pour(inlet);
	inlet_watch(inlet);
	return 0;
}

void inlet_finish(struct inlet *inlet)
{
	if (!inlet->loop)
		return;
	end_source(inlet);
	close_target(inlet);
	if (inlet->child_end >= 0)
		close(inlet->child_end);
	inlet->child_end = -1;
	buf_finish(&inlet->pending);
}

/* tee(2) copies what a pipe holds without taking it. */
static void peek(int pipe_end, struct buf *bytes)
{
	int copy[2];
	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	ssize_t got = tee(pipe_end, copy[1], INLET_PIPE_SIZE, SPLICE_F_NONBLOCK);
	char *room = got > 0 ? buf_reserve(bytes, (size_t)got) : NULL;
	if (room && io_read_full(copy[0], room, (size_t)got) == 0)
		bytes->size += (size_t)got;
	close(copy[0]);
	close(copy[1]);
}

void inlet_unread(struct inlet *inlet, struct buf *unread)
{
	if (inlet->child_end >= 0)
		peek(inlet->child_end, unread);
	buf_append(unread, inlet->pending.data, inlet->pending.size);
}
