/*
 * walk.h: a snapshot read message by message, without a driver and without executing anything.
 *
 * Every length is checked: a message has at least its fixed part, its data lie within the part of
 * the stream that it came with. Large pieces of data are read when they are asked for, one at a
 * time; what they are is known from their hashes before.
 */
#ifndef GLPROXY_LOOK_WALK_H
#define GLPROXY_LOOK_WALK_H

#include "glproxy/snapshot_file.h"
#include "wire/message.h"

enum walk_what {
	WALK_END, /* or failed: walk->in.failed */
	WALK_SURFACE,
	WALK_CONTEXT,
	WALK_CALL,
};

struct walk {
	struct snapshot_in in;
	struct span record; /* WALK_SURFACE, WALK_CONTEXT: its content */

	uint32_t context;
	bool of_group; /* objects of the context's share group */
	unsigned opcode;
	size_t size;
	_Alignas(16) char message[WIRE_MESSAGE_MAX];

	struct span messages, data, pieces; /* of the part at hand; `messages` shrinks */
	struct buf room;                    /* for a large piece */
};

/* To be finished in any case. */
int walk_open(struct walk *walk, const struct snapshot_place *place, struct err *err);
enum walk_what walk_next(struct walk *walk);
void walk_finish(struct walk *walk);

/* Where the message at hand says its data is: NULL where there is none, or with walk->in.failed.
 * Valid until the next call here. */
const void *walk_data(struct walk *walk, const struct wire_data *data);

/* A number for the message and all its data, the same wherever the data lie. */
uint64_t walk_digest(struct walk *walk);

/* The bytes of all its data. */
uint64_t walk_bytes(const struct walk *walk);

#endif
