/*
 * snapshot_record.h: a snapshot's records and their fields.
 *
 * A record is a tag, a size and that many bytes, padded to 8. Writing appends to a buf. Reading
 * goes through a span, which fails once and stays failed: lengths are compared with what is left,
 * and whoever reads asks at the end.
 */
#ifndef GLPROXY_SNAPSHOT_RECORD_H
#define GLPROXY_SNAPSHOT_RECORD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define SNAPSHOT_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SNAPSHOT_PROFILE SNAPSHOT_TAG('P', 'R', 'O', 'F')
#define SNAPSHOT_TOLD SNAPSHOT_TAG('T', 'O', 'L', 'D')
#define SNAPSHOT_CONFIGS SNAPSHOT_TAG('C', 'O', 'N', 'F')
#define SNAPSHOT_CONTEXT SNAPSHOT_TAG('C', 'T', 'X', 'T')
#define SNAPSHOT_SURFACE SNAPSHOT_TAG('S', 'U', 'R', 'F')
#define SNAPSHOT_STREAM SNAPSHOT_TAG('S', 'T', 'R', 'M')

/* In a stream's context: objects of its share group. They are made with a context of our own: that
 * of the program may be of an API that can do less. */
#define SNAPSHOT_OF_GROUP 0x80000000u

/* Bytes of somebody else's, being read. */
struct span {
	const char *at;
	size_t left;
	bool failed;
};

struct record_head {
	uint32_t tag;
	uint32_t reserved;
	uint64_t size;
};

/* Starts a record; returns where it is, for record_end(). */
size_t record_begin(struct buf *image, uint32_t tag);
void record_end(struct buf *image, size_t place);

void record_u32(struct buf *image, uint32_t value);
void record_bytes(struct buf *image, const void *data, size_t size); /* with its length */

uint32_t span_u32(struct span *span);
struct span span_bytes(struct span *span);

#endif
