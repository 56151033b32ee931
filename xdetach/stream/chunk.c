#include "xdetach/stream/chunk.h"

#include "base/io.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct stream_unpacker {
	ZSTD_DCtx *context;
	uint8_t *extent;
};

struct stream_unpacker *stream_unpacker_create(struct err *err)
{
	struct stream_unpacker *unpacker = calloc(1, sizeof(*unpacker));
	if (unpacker) {
		unpacker->context = ZSTD_createDCtx();
		unpacker->extent = aligned_alloc(STREAM_BLOCK, STREAM_EXTENT_MAX);
	}
	if (unpacker && unpacker->context && unpacker->extent)
		return unpacker;
	stream_unpacker_destroy(unpacker);
	err_set(err, "out of memory");
	return NULL;
}

void stream_unpacker_destroy(struct stream_unpacker *unpacker)
{
	if (!unpacker)
		return;
	ZSTD_freeDCtx(unpacker->context);
	free(unpacker->extent);
	free(unpacker);
}

int stream_chunk_read(
	int fd, const struct stream_file *file, size_t at, uint8_t *extent, struct err *err)
{
	const struct stream_chunk *chunk = &file->chunks[at];
	if (!chunk->extent)
		return 0;
	if (io_pread_full(fd, extent, chunk->extent, (off_t)chunk->offset) < 0)
		return errno ? err_errno(err, "%s", file->name)
			     : err_set(err, "%s: the file is cut", file->name);
	if (XXH3_64bits(extent, chunk->extent) != chunk->checksum)
		return err_set(err, "chunk %zu of %s is damaged", at, file->name);
	return 0;
}

static int unpack(struct stream_unpacker *unpacker, const struct stream_file *file, size_t at,
	uint8_t *out, struct err *err)
{
	const struct stream_chunk *chunk = &file->chunks[at];
	size_t size = ZSTD_decompressDCtx(
		unpacker->context, out, chunk->raw, unpacker->extent, chunk->stored);
	if (ZSTD_isError(size) || size != chunk->raw)
		return err_set(err, "chunk %zu of %s cannot be unpacked", at, file->name);
	return 0;
}

int stream_chunk_load(struct stream_unpacker *unpacker, int fd, const struct stream_file *file,
	size_t at, uint8_t *out, struct err *err)
{
	switch (file->chunks[at].kind) {
	case STREAM_KIND_ZERO:
		memset(out, 0, file->chunks[at].raw);
		return 0;
	case STREAM_KIND_RAW:
		return stream_chunk_read(fd, file, at, out, err);
	default:
		if (stream_chunk_read(fd, file, at, unpacker->extent, err) < 0)
			return -1;
		return unpack(unpacker, file, at, out, err);
	}
}

static int append_chunk(struct stream_unpacker *unpacker, int fd, const struct stream_file *file,
	size_t at, struct buf *out, struct err *err)
{
	void *room = buf_reserve(out, STREAM_EXTENT_MAX);
	if (!room)
		return err_set(err, "out of memory");
	if (stream_chunk_load(unpacker, fd, file, at, room, err) < 0)
		return -1;
	out->size += file->chunks[at].raw;
	return 0;
}

int stream_file_load(
	int fd, const struct stream_file *file, size_t limit, struct buf *out, struct err *err)
{
	if (file->raw > limit)
		return err_set(err, "%s is larger than %zu bytes", file->name, limit);
	struct stream_unpacker *unpacker = stream_unpacker_create(err);
	if (!unpacker)
		return -1;
	int result = 0;
	for (size_t i = 0; i < file->count && result == 0; i++)
		result = append_chunk(unpacker, fd, file, i, out, err);
	stream_unpacker_destroy(unpacker);
	return result;
}
