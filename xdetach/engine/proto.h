/*
 * proto.h: protocol buffers, as far as criu's images and its stream need them: fields walked one
 * after the other, and varints written. (Wire format: protobuf.dev/programming-guides/encoding.)
 *
 * A reader borrows the bytes. It fails once and stays failed; the caller looks at `failed` when
 * proto_next() has said false. Groups (wire types 3 and 4) count as damage: criu has none.
 */
#ifndef XDETACH_PROTO_H
#define XDETACH_PROTO_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proto_type {
	PROTO_VARINT = 0,
	PROTO_FIXED64 = 1,
	PROTO_BYTES = 2,
	PROTO_FIXED32 = 5,
};

struct proto {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct proto_field {
	uint32_t number;
	uint32_t type;       /* enum proto_type */
	uint64_t value;      /* of a varint */
	const uint8_t *data; /* of bytes: `size` of them */
	size_t size;
	const uint8_t *whole; /* the field with its key, for copying it as it is */
	size_t whole_size;
};

void proto_init(struct proto *proto, const void *data, size_t size);

/* True with the next field; false at the end, or when the bytes make no sense. */
bool proto_next(struct proto *proto, struct proto_field *field);

void proto_put_varint(struct buf *out, uint64_t value);

/* A field that is a varint, with its key. */
void proto_put_number(struct buf *out, uint32_t number, uint64_t value);

/* A field of bytes with its key and length. */
void proto_put_bytes(struct buf *out, uint32_t number, const void *data, size_t size);

#endif
