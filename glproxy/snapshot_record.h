/*
 * snapshot_record.h: a snapshot's bytes: head, records, fields.
 *
 * Writing appends to a buf. Reading goes through a span, which fails once and stays failed: lengths
 * are compared with what is left, and whoever reads asks at the end.
 */
#ifndef GLPROXY_SNAPSHOT_RECORD_H
#define GLPROXY_SNAPSHOT_RECORD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define SNAPSHOT_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SNAPSHOT_CONTEXT SNAPSHOT_TAG('C', 'T', 'X', 'T')
#define SNAPSHOT_SURFACE SNAPSHOT_TAG('S', 'U', 'R', 'F')
#define SNAPSHOT_STREAM SNAPSHOT_TAG('S', 'T', 'R', 'M')

/* Bytes of somebody else's, being read. */
struct span {
	const char *at;
	size_t left;
	bool failed;
};

/* Starts an image in an empty buf; end fills in the size and the checksum. */
void record_begin_image(struct buf *image, int32_t pid);
void record_end_image(struct buf *image);

/* Starts a record; returns where it is, for record_end(). */
size_t record_begin(struct buf *image, uint32_t tag);
void record_end(struct buf *image, size_t place);

void record_u32(struct buf *image, uint32_t value);
void record_bytes(struct buf *image, const void *data, size_t size); /* with its length */

/* Checks head and checksum; the span is what follows the head. 0 or -1. */
int record_open(const struct buf *image, struct span *body, int32_t *pid, struct err *err);

/* The next record; false at the end or when the bytes are not whole (body->failed). */
bool record_next(struct span *body, uint32_t *tag, struct span *content);

uint32_t span_u32(struct span *span);
struct span span_bytes(struct span *span);

#endif
