#define _GNU_SOURCE
#include "xdetach/stream/stream.h"

#include "base/io.h"
#include "xdetach/stream/chunk.h"
#include "xdetach/stream/feed.h"
#include "xdetach/stream/gate.h"
#include "xdetach/stream/thread.h"
#include "xdetach/stream/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

/* 80 bytes a descriptor: what a process of many files has open. */
#define EDITED_MAX (64u << 20)

struct edit {
	struct edit *next;
	char *file;
	stream_edit_fn *change;
	void *data;
};

struct stream_serve {
	int fd;
	char *path;
	struct stream_index index;
	int listening;
	int wake;
	struct wire wire;
	struct edit *edits;
	struct stream_gate *gate;
	struct stream_feeder *feeder;
	struct buf bytes; /* of the small or edited file whose pipe comes next */
	const struct stream_file *file;
	struct err err; /* the conversation's */
	pthread_t thread;
	bool started;
};

static const struct edit *find_edit(const struct stream_serve *serve, const char *file)
{
	for (const struct edit *edit = serve->edits; edit; edit = edit->next)
		if (!strcmp(edit->file, file))
			return edit;
	return NULL;
}

static int load_edited(struct stream_serve *serve, const struct edit *edit)
{
	if (stream_file_load(serve->fd, serve->file, EDITED_MAX, &serve->bytes, &serve->err) < 0 ||
		edit->change(&serve->bytes, edit->data, &serve->err) < 0)
		return err_context(&serve->err, "%s", serve->file->name);
	return buf_failed(&serve->bytes) ? err_set(&serve->err, "out of memory") : 0;
}

/* Small files are read before criu is told that they exist: damage then ends the conversation
 * instead of giving criu a file that is merely short. */
static int load_small(struct stream_serve *serve)
{
	const struct edit *edit = find_edit(serve, serve->file->name);
	buf_clear(&serve->bytes);
	if (edit)
		return load_edited(serve, edit);
	if (!stream_feed_is_small(serve->file))
		return 0;
	if (serve->file == stream_gate_file(serve->gate) &&
		stream_gate_pass(serve->gate, &serve->err) < 0)
		return -1;
	return stream_file_load(serve->fd, serve->file, STREAM_CHUNK, &serve->bytes, &serve->err);
}

static int answer_name(struct stream_serve *serve)
{
	serve->file = stream_index_find(&serve->index, serve->wire.name);
	if (!stream_gate_file(serve->gate) && stream_gate_pass(serve->gate, &serve->err) < 0)
		return -1;
	if (serve->file && load_small(serve) < 0)
		return -1;
	return wire_reply(&serve->wire, serve->file != NULL, &serve->err);
}

static int answer_pipe(struct stream_serve *serve)
{
	int fd = steal_fd(&serve->wire.pipe);
	bool whole = find_edit(serve, serve->file->name) || stream_feed_is_small(serve->file);
	if (whole)
		return stream_feed_bytes(serve->feeder, fd, &serve->bytes, &serve->err);
	return stream_feed_file(serve->feeder, fd, serve->file, &serve->err);
}

/* 1 when criu has closed the connection. */
static int answer(struct stream_serve *serve)
{
	for (;;) {
		int event = wire_step(&serve->wire, &serve->err);
		if (event == WIRE_AGAIN)
			return 0;
		if (event == WIRE_CLOSED)
			return 1;
		if (event < 0 || (event == WIRE_NAME && answer_name(serve) < 0) ||
			(event == WIRE_PIPE && answer_pipe(serve) < 0))
			return -1;
	}
}

static int accept_criu(struct stream_serve *serve)
{
	int fd = wire_accept(serve->listening, &serve->err);
	if (fd == WIRE_NOBODY)
		return 0;
	if (fd < 0)
		return -1;
	wire_init(&serve->wire, fd);
	close(serve->listening);
	serve->listening = -1;
	return 0;
}

static void *run_serve(void *data)
{
	struct stream_serve *serve = data;
	int result = 0;
	while (result == 0) {
		struct pollfd fds[2] = {{serve->wake, POLLIN, 0},
			{serve->wire.fd >= 0 ? serve->wire.fd : serve->listening, POLLIN, 0}};
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			result = serve->wire.fd >= 0 ? answer(serve) : accept_criu(serve);
		else if (fds[0].revents)
			break;
	}
	wire_finish(&serve->wire);
	return NULL;
}

static int open_all(struct stream_serve *serve, const char *dir, const char *path, unsigned threads,
	struct err *err)
{
	serve->path = strdup(path);
	serve->wake = eventfd(0, EFD_CLOEXEC);
	if (!serve->path || serve->wake < 0)
		return err_set(err, "out of memory");
	serve->fd = io_open(AT_FDCWD, path, O_RDONLY, 0, err);
	if (serve->fd < 0 || stream_index_read(&serve->index, serve->fd, path, err) < 0)
		return -1;
	if (!threads)
		threads = stream_thread_processors();
	serve->gate = stream_gate_create(&serve->index, serve->fd, threads, err);
	if (!serve->gate)
		return -1;
	serve->feeder = stream_feeder_create(serve->fd, serve->gate, threads, err);
	if (!serve->feeder)
		return -1;
	serve->listening = wire_listen(dir, WIRE_SERVE, err);
	if (serve->listening < 0 || stream_thread_start(&serve->thread, run_serve, serve, err) < 0)
		return -1;
	serve->started = true;
	return 0;
}

struct stream_serve *stream_serve_create(
	const char *dir, const char *path, unsigned threads, struct err *err)
{
	struct stream_serve *serve = calloc(1, sizeof(*serve));
	if (!serve) {
		err_set(err, "out of memory");
		return NULL;
	}
	serve->fd = serve->listening = serve->wake = -1;
	wire_init(&serve->wire, -1);
	if (open_all(serve, dir, path, threads, err) == 0)
		return serve;
	stream_serve_destroy(serve);
	return NULL;
}

void stream_serve_edit(
	struct stream_serve *serve, const char *file, stream_edit_fn *change, void *data)
{
	struct edit *edit = calloc(1, sizeof(*edit));
	if (!edit || !(edit->file = strdup(file))) {
		free(edit);
		err_set(&serve->err, "out of memory");
		return;
	}
	*edit = (struct edit){serve->edits, edit->file, change, data};
	serve->edits = edit;
}

void stream_serve_gate(struct stream_serve *serve, stream_gate_fn *passed, void *data)
{
	stream_gate_set(serve->gate, passed, data);
}

static void stop(struct stream_serve *serve)
{
	uint64_t one = 1;
	if (serve->wake >= 0 && write(serve->wake, &one, sizeof(one)) < 0)
		abort(); /* an eventfd with room takes 8 bytes */
	if (serve->started)
		pthread_join(serve->thread, NULL);
	serve->started = false;
}

int stream_serve_finish(struct stream_serve *serve, struct err *err)
{
	stop(serve);
	if (err_is_set(&serve->err))
		err_set(err, "%s", serve->err.text);
	if (err_is_set(&serve->err) || stream_feeder_finish(serve->feeder, err) < 0 ||
		stream_gate_check(serve->gate, err) < 0)
		return err_context(err, "%s", serve->path);
	return 0;
}

static void destroy_edits(struct stream_serve *serve)
{
	for (struct edit *edit = serve->edits, *next; edit; edit = next) {
		next = edit->next;
		free(edit->file);
		free(edit);
	}
}

void stream_serve_destroy(struct stream_serve *serve)
{
	if (!serve)
		return;
	stream_gate_stop(serve->gate);
	stop(serve);
	stream_feeder_destroy(serve->feeder);
	stream_gate_destroy(serve->gate);
	destroy_edits(serve);
	wire_finish(&serve->wire);
	buf_finish(&serve->bytes);
	stream_index_finish(&serve->index);
	const int fds[] = {serve->fd, serve->listening, serve->wake};
	for (size_t i = 0; i < array_len(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(serve->path);
	free(serve);
}
