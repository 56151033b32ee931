/*
 * format.h: the bytes of process.img.
 *
 *	header    one block: magic, version, size of the header, checksum
 *	extents   one a chunk, without a gap between them
 *	index     tagged records: each criu file's name and chunks
 *	trailer   magic, version, where the index lies, its checksum, the file's size, checksum
 *
 * All numbers are little-endian; all checksums are XXH3 (64 bits). A chunk's checksum covers its
 * whole extent, padding too, so that every byte of the file is covered by exactly one checksum,
 * and a file is checked without decompressing anything. Chunks follow each other in the order the
 * writer's threads had them ready; the index says what belongs where. Unknown tags are skipped.
 *
 * An index read from a file has been checked: names are unique and plain, sizes agree, extents
 * tile the file. What a chunk decompresses to is checked when that is done.
 */
#ifndef XDETACH_STREAM_FORMAT_H
#define XDETACH_STREAM_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "xdetach/stream/stream.h"

#include <stdint.h>

#define STREAM_VERSION 1
#define STREAM_BLOCK 4096u /* alignment of large extents; size of the header */
#define STREAM_NAME_MAX 255

enum stream_kind {
	STREAM_KIND_RAW = 1,
	STREAM_KIND_ZSTD = 2,
	STREAM_KIND_ZERO = 3, /* takes no space */
};

struct stream_chunk {
	uint64_t offset;
	uint64_t checksum; /* of the extent */
	uint32_t raw;      /* bytes of the criu file */
	uint32_t stored;   /* bytes of the extent that mean something */
	uint32_t extent;   /* bytes of the extent */
	uint32_t kind;     /* enum stream_kind */
};

struct stream_file {
	char *name;
	struct stream_chunk *chunks;
	size_t count;
	size_t capacity;
	uint64_t raw;
	uint64_t stored;
};

struct stream_index {
	struct stream_file **files;
	size_t count;
	size_t capacity;
	uint64_t end; /* where the extents end and the index begins */
};

void stream_index_finish(struct stream_index *index);

/* Adds a file (the name is copied); NULL: no memory. The pointer stays valid until finish. */
struct stream_file *stream_index_add(struct stream_index *index, const char *name);
struct stream_file *stream_index_find(const struct stream_index *index, const char *name);

/* Sets chunk number `at` of a file, which may come out of order. */
int stream_file_set(struct stream_file *file, size_t at, const struct stream_chunk *chunk);

/* Empty, too long, or with a slash: not the name of a criu image. */
int stream_name_check(const char *name, size_t length, struct err *err);

/* One block. */
void stream_format_header(uint8_t *block);

/* The index and the trailer as they follow the extents. `index->end` is set. */
int stream_format_index(const struct stream_index *index, struct buf *out, struct err *err);

/* Reads and checks header, trailer and index of an open file; `path` is for the sentences. */
int stream_index_read(struct stream_index *index, int fd, const char *path, struct err *err);

/* XXH3 (128 bits) of header, index and trailer, in hex. */
int stream_index_seal(
	const struct stream_index *index, int fd, char seal[STREAM_SEAL_SIZE], struct err *err);

/* True when `size` bytes at `data` are all zero. */
int stream_is_zero(const uint8_t *data, size_t size);

#endif
