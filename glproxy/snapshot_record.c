#include "glproxy/snapshot_record.h"

#include <string.h>
#include <xxhash.h>

#define MAGIC SNAPSHOT_TAG('G', 'L', 'S', 'N')
#define VERSION 1u

struct head {
	uint32_t magic;
	uint32_t version;
	int32_t pid;
	uint32_t reserved;
	uint64_t size; /* of all that follows the head */
	uint64_t checksum;
};

struct record {
	uint32_t tag;
	uint32_t reserved;
	uint64_t size;
};

void record_begin_image(struct buf *image, int32_t pid)
{
	const struct head head = {.magic = MAGIC, .version = VERSION, .pid = pid};
	buf_append(image, &head, sizeof(head));
}

void record_end_image(struct buf *image)
{
	struct head head;
	if (buf_failed(image))
		return;
	memcpy(&head, image->data, sizeof(head));
	head.size = image->size - sizeof(head);
	head.checksum = XXH3_64bits(image->data + sizeof(head), head.size);
	memcpy(image->data, &head, sizeof(head));
}

static void pad(struct buf *image)
{
	static const char zeros[8];
	buf_append(image, zeros, -image->size & 7);
}

size_t record_begin(struct buf *image, uint32_t tag)
{
	const size_t place = image->size;
	const struct record record = {.tag = tag};
	buf_append(image, &record, sizeof(record));
	return place;
}

void record_end(struct buf *image, size_t place)
{
	struct record record;
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

int record_open(const struct buf *image, struct span *body, int32_t *pid, struct err *err)
{
	struct head head;
	if (image->size < sizeof(head))
		return err_set(err, "the snapshot is cut off");
	memcpy(&head, image->data, sizeof(head));
	if (head.magic != MAGIC)
		return err_set(err, "this is no snapshot of a GL proxy");
	if (head.version != VERSION)
		return err_set(err, "the snapshot's version is %u, only %u is known", head.version,
			VERSION);
	if (head.size != image->size - sizeof(head))
		return err_set(err, "the snapshot is cut off");
	if (head.checksum != XXH3_64bits(image->data + sizeof(head), head.size))
		return err_set(err, "the snapshot's checksum is wrong");
	*pid = head.pid;
	*body = (struct span){.at = image->data + sizeof(head), .left = head.size};
	return 0;
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

bool record_next(struct span *body, uint32_t *tag, struct span *content)
{
	struct record record;
	if (body->failed || !body->left)
		return false;
	const void *head = take(body, sizeof(record));
	if (!head)
		return false;
	memcpy(&record, head, sizeof(record));
	const void *bytes = take(body, record.size);
	*tag = record.tag;
	*content = (struct span){.at = bytes, .left = bytes ? record.size : 0};
	return bytes;
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
