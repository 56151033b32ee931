/*
 * message.h: the shape of every message in a ring, and how data is attached to one.
 *
 * A message begins with a head, is a multiple of 8 bytes long and contiguous in the ring. Behind
 * the fixed part (generated, messages.h) lie its inline data, each piece aligned to 8 bytes.
 * Everything is little-endian and laid out as the x86-64 ABI lays out the generated structs.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct wire_head {
	uint16_t opcode;
	uint16_t units; /* length of the whole message, in units of 8 bytes; never 0 */
};

#define WIRE_MESSAGE_MAX 4096 /* bytes of a whole message */
#define WIRE_INLINE_MAX 2048  /* bytes of inline data of one message */
#define WIRE_ALIGNMENT 8      /* of every piece of data */

/* Where a piece of data is. */
enum wire_where {
	WIRE_NULL,   /* the pointer was NULL */
	WIRE_INLINE, /* in the message: `at` counts from its start */
	WIRE_ARENA,  /* in the ring's arena: `at` is a position, taken modulo the arena's size */
	WIRE_HEAP,   /* in the process's heap file: `at` is an offset */
	WIRE_REPLY,  /* in the ring's reply area: `at` counts from its start (answers only) */
	WIRE_OFFSET, /* no data: `at` is an offset into a bound buffer object */
	WIRE_LOST,   /* the shim had no memory for it: the call becomes GL_OUT_OF_MEMORY */
};

struct wire_data {
	uint64_t where : 3; /* enum wire_where */
	uint64_t size : 61; /* bytes; the receiver computes them again and compares */
	uint64_t at;
};

static inline size_t wire_align(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

#endif
