/*
 * wire.h: criu's streamer protocol on its Unix socket, without blocking.
 *
 * criu sends, a file: u32 length, the request message, and one byte that carries a pipe. The peer
 * is input: a length over WIRE_MESSAGE_MAX, a name no image has, or a descriptor that is no pipe
 * ends the conversation with an error.
 */
#ifndef XDETACH_STREAM_WIRE_H
#define XDETACH_STREAM_WIRE_H

#include "base/err.h"
#include "xdetach/stream/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MESSAGE_MAX 4096
#define WIRE_CAPTURE "streamer-capture.sock"
#define WIRE_SERVE "streamer-serve.sock"

enum wire_event {
	WIRE_AGAIN,  /* nothing more for now */
	WIRE_NAME,   /* `name` is complete */
	WIRE_PIPE,   /* `pipe` belongs to `name`; the caller takes it */
	WIRE_CLOSED, /* criu has closed its end, between two files */
};

struct wire {
	int fd;
	int stage;
	size_t have;
	uint32_t length;
	uint8_t bytes[WIRE_MESSAGE_MAX];
	char name[STREAM_NAME_MAX + 1];
	int pipe;
};

/* A non-blocking socket listening as DIR/NAME, which is made anew. */
int wire_listen(const char *dir, const char *name, struct err *err);

/*
 * The connection that waits, or -1, or WIRE_NOBODY. A peer that is neither this user nor root is
 * sent away.
 */
#define WIRE_NOBODY (-2)
int wire_accept(int listening, struct err *err);

/* Takes over a connected, non-blocking socket. */
void wire_init(struct wire *wire, int fd);
void wire_finish(struct wire *wire);

/* The next event, or -1. */
int wire_step(struct wire *wire, struct err *err);

/* After WIRE_NAME, on restore: says whether the file exists. No pipe follows when not. */
int wire_reply(struct wire *wire, bool exists, struct err *err);

#endif
