/*
 * chunk.h: chunks read back, checked and unpacked.
 *
 * Sentences name the criu file. Any thread; descriptors are used by offset.
 */
#ifndef XDETACH_STREAM_CHUNK_H
#define XDETACH_STREAM_CHUNK_H

#include "base/err.h"
#include "xdetach/stream/format.h"
#include "xdetach/stream/stream.h"

/* What a buffer for an extent must hold. */
#define STREAM_EXTENT_MAX (STREAM_CHUNK + STREAM_BLOCK)

struct stream_unpacker; /* what a thread needs to unpack */

struct stream_unpacker *stream_unpacker_create(struct err *err);
void stream_unpacker_destroy(struct stream_unpacker *unpacker);

/* Reads an extent into `extent` and compares its checksum. */
int stream_chunk_read(
	int fd, const struct stream_file *file, size_t at, uint8_t *extent, struct err *err);

/* Reads and unpacks chunk `at`; `out` holds STREAM_EXTENT_MAX bytes, of which `raw` are valid. */
int stream_chunk_load(struct stream_unpacker *unpacker, int fd, const struct stream_file *file,
	size_t at, uint8_t *out, struct err *err);

/* Appends a whole file of at most `limit` bytes. */
int stream_file_load(
	int fd, const struct stream_file *file, size_t limit, struct buf *out, struct err *err);

#endif
