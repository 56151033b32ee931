/*
 * ring.h: a stream of messages from one thread to another process, in a file both have mapped.
 *
 * The file holds a header, a reply area, the ring of messages and the arena for bulk data:
 *
 *	0                     struct wire_ring
 *	WIRE_REPLY_AT         small answers
 *	WIRE_RING_AT          messages (ring_size bytes, a power of two)
 *	WIRE_RING_AT + ring   the arena (arena_size bytes)
 *	... + arena           struct wire_counts: where time goes, for `glckpt show`
 *
 * Positions count bytes since the beginning and never wrap; modulo the size they are places. What
 * is published, head and tail, is the only truth: either end may be stopped or killed between any
 * two instructions and another may go on from there. The writer stores head when a message is
 *whole, the reader stores tail when one is executed. A message that does not fit before the ring's
 *end is preceded by padding (opcode WIRE_PADDING).
 *
 * Whoever finds nothing to do spins for a bounded time and then sleeps on a futex in the header. A
 * sleeper sets its flag before it looks a last time; the other wakes it only where that flag is
 * set, so that no system call is made while both run. A sleeping writer also says which position
 * it waits for, so that it goes on while the reader works through the rest.
 *
 * The reader trusts nothing: it keeps positions of its own and copies every message before it looks
 * at it. One thread at each end.
 */
#ifndef WIRE_RING_H
#define WIRE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x4b434c47u /* "GLCK" */
#define WIRE_VERSION 2u
#define WIRE_PADDING 0xffffu

#define WIRE_REPLY_AT 4096u
#define WIRE_REPLY_SIZE 61440u
#define WIRE_RING_AT (WIRE_REPLY_AT + WIRE_REPLY_SIZE)
#define WIRE_RING_SIZE (1u << 20)
#define WIRE_ARENA_SIZE (32u << 20)

struct wire_ring {
	uint32_t magic;
	uint32_t version;
	uint64_t ring_size;
	uint64_t arena_size;

	_Alignas(128) _Atomic uint64_t head; /* written by the shim */
	_Atomic uint32_t closed;             /* the writer is gone for good */

	_Alignas(128) _Atomic uint64_t tail; /* written by the proxy */
	_Atomic uint64_t arena_tail;
	_Atomic uint64_t value;    /* what the last waiting call returned */
	_Atomic uint32_t answered; /* opcode of that call */
	_Atomic uint32_t reader_sleeps;
	_Atomic uint32_t lost;     /* the reader has given up this stream */
	_Atomic uint32_t frames;   /* swaps executed */
	_Atomic uint32_t messages; /* debug messages waiting for the program's callback */

	_Alignas(128) _Atomic uint64_t
		writer_wants; /* the tail that the sleeping writer waits for */
	_Atomic uint32_t writer_sleeps;
};

/* What the writer waits for that is not the answer of a call. */
enum wire_wait {
	WIRE_WAIT_RING = 2000, /* room for messages */
	WIRE_WAIT_ARENA,       /* room for data */
	WIRE_WAIT_HEAP,        /* blocks of the heap that are under way */
	WIRE_WAIT_FRAME,       /* swaps that are under way */
	WIRE_COUNTED,          /* opcodes are below the first */
};

/* Written by the one end alone, read by whoever has the file; nobody relies on them. */
struct wire_counts {
	/* By the proxy, for each opcode: messages executed, and of one in WIRE_SAMPLE of all
	 * messages how long that took. */
	struct wire_work {
		uint64_t calls;
		uint64_t samples;
		uint64_t nanoseconds;
	} work[WIRE_COUNTED];
	uint64_t data; /* bytes in the arena and the heap that messages pointed at */

	/* By the shim, for each opcode or enum wire_wait: waits that were not over at once. */
	_Alignas(128) struct wire_waited {
		uint64_t waits;
		uint64_t sleeps;
		uint64_t nanoseconds;
	} waited[WIRE_COUNTED];
};

#define WIRE_SAMPLE 64

/* A ring as one end has it mapped. */
struct wire_mapping {
	struct wire_ring *shared;
	char *reply;
	char *data;
	char *arena;
	struct wire_counts *counts;
	uint64_t ring_size;
	uint64_t arena_size;
	size_t mapped;
};

/* Bytes of a ring's file. */
size_t wire_ring_bytes(void);

/* Writes the header of a fresh mapping of wire_ring_bytes() zero bytes and fills `mapping`. */
void wire_ring_format(struct wire_mapping *mapping, void *memory);

/* Checks a header made by the other end. False: not ours, another version, or nonsense. */
bool wire_ring_adopt(struct wire_mapping *mapping, void *memory, size_t size);

/* Sleeps until the low half of *word is no longer that of `seen`, or about `milliseconds` passed.
 * The caller has set its flag and looked again. */
void wire_sleep(const _Atomic uint64_t *word, uint64_t seen, unsigned milliseconds);
void wire_wake(const _Atomic uint64_t *word);

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t wire_now(void);

static inline void wire_pause(void)
{
	__builtin_ia32_pause();
}

#endif
