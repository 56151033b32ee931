/*
 * stream-sink: criu's stream read and thrown away, the floor that a capture is measured against.
 *
 *	stream-sink DIR
 *
 * Listens on DIR/streamer-capture.sock, prints "ready", reads every pipe to its end in a thread of
 * its own, and ends with 0 after criu has closed the socket.
 */
#define _GNU_SOURCE
#include "xdetach/stream/thread.h"
#include "xdetach/stream/wire.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>

#define PIPE_SIZE (1 << 20)

static _Atomic uint64_t total;

/* A buffer that stays in the processor's cache: nothing is kept. */
static void *drain(void *data)
{
	int fd = (int)(intptr_t)data;
	scoped_free char *bytes = malloc(PIPE_SIZE);
	fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
	for (ssize_t got; bytes && (got = read(fd, bytes, PIPE_SIZE)) > 0;)
		total += (uint64_t)got;
	close(fd);
	return NULL;
}

struct drains {
	pthread_t *threads;
	size_t count;
};

static int start_drain(struct drains *drains, int fd, struct err *err)
{
	void *threads = reallocarray(drains->threads, drains->count + 1, sizeof(*drains->threads));
	if (!threads)
		return err_set(err, "out of memory");
	drains->threads = threads;
	void *data = (void *)(intptr_t)fd;
	if (stream_thread_start(&drains->threads[drains->count], drain, data, err) < 0)
		return -1;
	drains->count++;
	return 0;
}

static int wait_for(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};
	return poll(&poll_fd, 1, -1);
}

static int drain_all(struct wire *wire, struct drains *drains, struct err *err)
{
	for (;;) {
		int event = wire_step(wire, err);
		if (event == WIRE_CLOSED || event < 0)
			return event < 0 ? -1 : 0;
		if (event == WIRE_AGAIN)
			wait_for(wire->fd);
		if (event == WIRE_PIPE && start_drain(drains, steal_fd(&wire->pipe), err) < 0)
			return -1;
	}
}

static int serve(const char *dir, struct err *err)
{
	struct wire wire;
	struct drains drains = {0};
	scoped_fd int listening = wire_listen(dir, WIRE_CAPTURE, err);
	if (listening < 0)
		return -1;
	printf("ready\n");
	fflush(stdout);
	wait_for(listening);
	wire_init(&wire, wire_accept(listening, err));
	int result = wire.fd < 0 ? -1 : drain_all(&wire, &drains, err);
	for (size_t i = 0; i < drains.count; i++)
		pthread_join(drains.threads[i], NULL);
	free(drains.threads);
	wire_finish(&wire);
	return result;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	if (argc != 2) {
		fprintf(stderr, "usage: stream-sink DIR\n");
		return 2;
	}
	if (serve(argv[1], &err) < 0) {
		fprintf(stderr, "stream-sink: %s\n", err.text);
		return 1;
	}
	printf("%" PRIu64 " MiB\n", total >> 20);
	return 0;
}
