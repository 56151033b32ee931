#include "glproxy/snapshot_record.h"

#include <string.h>

static void pad(struct buf *image)
{
	static const char zeros[8];
	buf_append(image, zeros, -image->size & 7);
}

size_t record_begin(struct buf *image, uint32_t tag)
{
	const size_t place = image->size;
	const struct record_head record = {.tag = tag};
	buf_append(image, &record, sizeof(record));
	return place;
}

void record_end(struct buf *image, size_t place)
{
	struct record_head record;
	pad(image);
	if (buf_failed(image))
		return;
	memcpy(&record, image->data + place, sizeof(record));
	record.size = image->size - place - sizeof(record);
	memcpy(image->data + place, &record, sizeof(record));
}

void record_u32(struct buf *image, uint32_t value)
{
	buf_append(image, &value, sizeof(value));
}

void record_bytes(struct buf *image, const void *data, size_t size)
{
	const uint64_t length = size;
	pad(image);
	buf_append(image, &length, sizeof(length));
	buf_append(image, data, size);
	pad(image);
}

/* The next `size` bytes, kept aligned to 8 as they were written. */
static const void *take(struct span *span, uint64_t size)
{
	if (span->failed || size > span->left) {
		span->failed = true;
		return NULL;
	}
	const char *found = span->at;
	span->at += size;
	span->left -= size;
	return found;
}

static void skip_pad(struct span *span)
{
	take(span, -(uintptr_t)span->at & 7);
}

uint32_t span_u32(struct span *span)
{
	uint32_t value = 0;
	const void *found = take(span, sizeof(value));
	if (found)
		memcpy(&value, found, sizeof(value));
	return value;
}

struct span span_bytes(struct span *span)
{
	uint64_t size = 0;
	skip_pad(span);
	const void *found = take(span, sizeof(size));
	if (found)
		memcpy(&size, found, sizeof(size));
	const void *bytes = take(span, size);
	skip_pad(span);
	return (struct span){.at = bytes, .left = bytes ? size : 0, .failed = !bytes};
}
