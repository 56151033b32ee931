#include "xdetach/stream/format.h"

#include "base/io.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_MAGIC "glckpt\1S"
#define TRAILER_MAGIC "glckpt\1T"
#define TAG_FILE 0x454c4946u /* "FILE" */
#define INDEX_MAX (1u << 30)

enum { MAGIC_SIZE = 8, TRAILER_SIZE = 64, RECORD_HEAD = 8, FILE_HEAD = 8, CHUNK_SIZE = 32 };

struct wire_chunk {
	uint64_t offset;
	uint64_t checksum;
	uint32_t raw;
	uint32_t stored;
	uint32_t extent;
	uint32_t kind;
};

struct wire_trailer {
	char magic[MAGIC_SIZE];
	uint32_t version;
	uint32_t reserved;
	uint64_t index_offset;
	uint64_t index_size;
	uint64_t index_checksum;
	uint64_t file_size;
	uint64_t also_reserved;
	uint64_t checksum; /* of all before it */
};

struct wire_header {
	char magic[MAGIC_SIZE];
	uint32_t version;
	uint32_t size;
	uint8_t reserved[STREAM_BLOCK - MAGIC_SIZE - 16];
	uint64_t checksum; /* of all before it */
};

_Static_assert(sizeof(struct wire_chunk) == CHUNK_SIZE, "chunk entries have no padding");
_Static_assert(sizeof(struct wire_trailer) == TRAILER_SIZE, "the trailer has no padding");
_Static_assert(sizeof(struct wire_header) == STREAM_BLOCK, "the header is one block");

static void file_destroy(struct stream_file *file)
{
	if (!file)
		return;
	free(file->name);
	free(file->chunks);
	free(file);
}

void stream_index_finish(struct stream_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		file_destroy(index->files[i]);
	free(index->files);
	*index = (struct stream_index){0};
}

static int grow_files(struct stream_index *index)
{
	if (index->count < index->capacity)
		return 0;
	size_t capacity = index->capacity ? index->capacity * 2 : 64;
	void *files = reallocarray(index->files, capacity, sizeof(*index->files));
	if (!files)
		return -1;
	index->files = files;
	index->capacity = capacity;
	return 0;
}

struct stream_file *stream_index_add(struct stream_index *index, const char *name)
{
	if (grow_files(index) < 0)
		return NULL;
	struct stream_file *file = calloc(1, sizeof(*file));
	if (!file || !(file->name = strdup(name))) {
		file_destroy(file);
		return NULL;
	}
	index->files[index->count++] = file;
	return file;
}

struct stream_file *stream_index_find(const struct stream_index *index, const char *name)
{
	for (size_t i = 0; i < index->count; i++)
		if (!strcmp(index->files[i]->name, name))
			return index->files[i];
	return NULL;
}

static int grow_chunks(struct stream_file *file, size_t wanted)
{
	if (wanted <= file->capacity)
		return 0;
	size_t capacity = file->capacity ? file->capacity : 1;
	while (capacity < wanted)
		capacity *= 2;
	void *chunks = reallocarray(file->chunks, capacity, sizeof(*file->chunks));
	if (!chunks)
		return -1;
	file->chunks = chunks;
	memset(file->chunks + file->capacity, 0,
		(capacity - file->capacity) * sizeof(*file->chunks));
	file->capacity = capacity;
	return 0;
}

int stream_file_set(struct stream_file *file, size_t at, const struct stream_chunk *chunk)
{
	if (grow_chunks(file, at + 1) < 0)
		return -1;
	file->chunks[at] = *chunk;
	if (at >= file->count)
		file->count = at + 1;
	file->raw += chunk->raw;
	file->stored += chunk->stored;
	return 0;
}

int stream_name_check(const char *name, size_t length, struct err *err)
{
	if (!length || length > STREAM_NAME_MAX)
		return err_set(err, "a criu file with a name of %zu bytes", length);
	if (memchr(name, '/', length) || memchr(name, '\0', length))
		return err_set(err, "a criu file with a slash or a zero byte in its name");
	return 0;
}

int stream_is_zero(const uint8_t *data, size_t size)
{
	static const uint8_t none[64];
	size_t head = size < sizeof(none) ? size : sizeof(none);
	return !memcmp(data, none, head) && !memcmp(data, data + head, size - head);
}

/* ---- writing ---- */

void stream_format_header(uint8_t *block)
{
	struct wire_header header = {
		.version = htole32(STREAM_VERSION), .size = htole32(STREAM_BLOCK)};
	memcpy(header.magic, HEADER_MAGIC, MAGIC_SIZE);
	header.checksum = htole64(XXH3_64bits(&header, offsetof(struct wire_header, checksum)));
	memcpy(block, &header, sizeof(header));
}

static void put_u32(struct buf *out, uint32_t value)
{
	value = htole32(value);
	buf_append(out, &value, sizeof(value));
}

static void put_chunk(struct buf *out, const struct stream_chunk *chunk)
{
	struct wire_chunk wire = {
		.offset = htole64(chunk->offset),
		.checksum = htole64(chunk->checksum),
		.raw = htole32(chunk->raw),
		.stored = htole32(chunk->stored),
		.extent = htole32(chunk->extent),
		.kind = htole32(chunk->kind),
	};
	buf_append(out, &wire, sizeof(wire));
}

static void put_file(struct buf *out, const struct stream_file *file)
{
	uint32_t name = (uint32_t)strlen(file->name);
	put_u32(out, TAG_FILE);
	put_u32(out, FILE_HEAD + name + (uint32_t)file->count * CHUNK_SIZE);
	put_u32(out, name);
	put_u32(out, (uint32_t)file->count);
	buf_append(out, file->name, name);
	for (size_t i = 0; i < file->count; i++)
		put_chunk(out, &file->chunks[i]);
}

static void put_trailer(struct buf *out, uint64_t index_offset)
{
	struct wire_trailer trailer = {
		.version = htole32(STREAM_VERSION),
		.index_offset = htole64(index_offset),
		.index_size = htole64(out->size),
		.index_checksum = htole64(XXH3_64bits(out->data, out->size)),
		.file_size = htole64(index_offset + out->size + TRAILER_SIZE),
	};
	memcpy(trailer.magic, TRAILER_MAGIC, MAGIC_SIZE);
	trailer.checksum = htole64(XXH3_64bits(&trailer, offsetof(struct wire_trailer, checksum)));
	buf_append(out, &trailer, sizeof(trailer));
}

int stream_format_index(const struct stream_index *index, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < index->count; i++)
		put_file(out, index->files[i]);
	if (out->size > INDEX_MAX)
		return err_set(err, "the index would take more than %u bytes", INDEX_MAX);
	put_trailer(out, index->end);
	return buf_failed(out) ? err_set(err, "out of memory") : 0;
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at;
	size_t left;
};

static int take(struct reader *reader, void *to, size_t size)
{
	if (size > reader->left)
		return -1;
	memcpy(to, reader->at, size);
	reader->at += size;
	reader->left -= size;
	return 0;
}

static int take_u32(struct reader *reader, uint32_t *value)
{
	if (take(reader, value, sizeof(*value)) < 0)
		return -1;
	*value = le32toh(*value);
	return 0;
}

static int take_chunk(struct reader *reader, struct stream_chunk *chunk)
{
	struct wire_chunk wire;
	if (take(reader, &wire, sizeof(wire)) < 0)
		return -1;
	*chunk = (struct stream_chunk){
		.offset = le64toh(wire.offset),
		.checksum = le64toh(wire.checksum),
		.raw = le32toh(wire.raw),
		.stored = le32toh(wire.stored),
		.extent = le32toh(wire.extent),
		.kind = le32toh(wire.kind),
	};
	return 0;
}

static int sizes_agree(const struct stream_chunk *chunk)
{
	if (!chunk->raw || chunk->raw > STREAM_CHUNK || chunk->stored > chunk->raw)
		return 0;
	switch (chunk->kind) {
	case STREAM_KIND_RAW:
		return chunk->stored == chunk->raw;
	case STREAM_KIND_ZSTD:
		return chunk->stored > 0;
	case STREAM_KIND_ZERO:
		return chunk->stored == 0 && chunk->extent == 0;
	default:
		return 0;
	}
}

static int chunk_check(const struct stream_chunk *chunk, uint64_t end)
{
	if (!sizes_agree(chunk))
		return -1;
	if (chunk->kind == STREAM_KIND_ZERO)
		return 0;
	if (chunk->extent < chunk->stored || chunk->extent - chunk->stored >= STREAM_BLOCK)
		return -1;
	if (chunk->offset < STREAM_BLOCK || chunk->offset > end)
		return -1;
	return chunk->extent > end - chunk->offset ? -1 : 0;
}

static int read_chunks(struct stream_file *file, struct reader *reader, uint32_t count,
	uint64_t end, struct err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct stream_chunk chunk;
		if (take_chunk(reader, &chunk) < 0 || chunk_check(&chunk, end) < 0)
			return err_set(
				err, "the index is damaged at chunk %u of %s", i, file->name);
		if (stream_file_set(file, i, &chunk) < 0)
			return err_set(err, "out of memory");
	}
	return 0;
}

static int read_file(struct stream_index *index, struct reader reader, struct err *err)
{
	uint32_t length, count;
	char name[STREAM_NAME_MAX + 1];
	if (take_u32(&reader, &length) < 0 || take_u32(&reader, &count) < 0 ||
		length >= sizeof(name) || take(&reader, name, length) < 0 ||
		reader.left != (size_t)count * CHUNK_SIZE)
		return err_set(err, "the index is damaged: the sizes of a record disagree");
	if (stream_name_check(name, length, err) < 0)
		return err_context(err, "the index is damaged");
	name[length] = '\0';
	struct stream_file *file = stream_index_add(index, name);
	if (!file)
		return err_set(err, "out of memory");
	return read_chunks(file, &reader, count, index->end, err);
}

static int read_records(struct stream_index *index, const struct buf *bytes, struct err *err)
{
	struct reader reader = {(const uint8_t *)bytes->data, bytes->size};
	while (reader.left) {
		uint32_t tag, size;
		if (take_u32(&reader, &tag) < 0 || take_u32(&reader, &size) < 0 ||
			size > reader.left)
			return err_set(err, "the index is damaged: a record is cut");
		if (tag == TAG_FILE && read_file(index, (struct reader){reader.at, size}, err) < 0)
			return -1;
		reader.at += size;
		reader.left -= size;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		(*(struct stream_file *const *)a)->name, (*(struct stream_file *const *)b)->name);
}

static int names_check(struct stream_index *index, struct err *err)
{
	if (index->count)
		qsort(index->files, index->count, sizeof(*index->files), by_name);
	for (size_t i = 1; i < index->count; i++)
		if (!strcmp(index->files[i - 1]->name, index->files[i]->name))
			return err_set(err, "the index names %s twice", index->files[i]->name);
	return 0;
}

struct span {
	uint64_t offset;
	uint64_t size;
};

static int by_offset(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static size_t collect_spans(const struct stream_index *index, struct span *spans)
{
	size_t count = 0;
	for (size_t i = 0; i < index->count; i++) {
		const struct stream_file *file = index->files[i];
		for (size_t k = 0; k < file->count; k++)
			if (file->chunks[k].extent)
				spans[count++] = (struct span){
					file->chunks[k].offset, file->chunks[k].extent};
	}
	return count;
}

/* Every byte between header and index belongs to exactly one chunk. */
static int tiling_check(const struct stream_index *index, struct err *err)
{
	size_t total = 0;
	for (size_t i = 0; i < index->count; i++)
		total += index->files[i]->count;
	scoped_free struct span *spans = calloc(total + 1, sizeof(*spans));
	if (!spans)
		return err_set(err, "out of memory");
	size_t count = collect_spans(index, spans);
	qsort(spans, count, sizeof(*spans), by_offset);
	uint64_t at = STREAM_BLOCK;
	for (size_t i = 0; i < count; i++) {
		if (spans[i].offset != at)
			return err_set(err, "the index is damaged: chunks overlap or leave a gap");
		at += spans[i].size;
	}
	return at == index->end ? 0 : err_set(err, "the index is damaged: bytes without an owner");
}

static int header_check(int fd, struct err *err)
{
	struct wire_header header;
	if (io_pread_full(fd, &header, sizeof(header), 0) < 0)
		return errno ? err_errno(err, "read") : err_set(err, "the file is cut");
	if (memcmp(header.magic, HEADER_MAGIC, MAGIC_SIZE))
		return err_set(err, "not a process image of glckpt");
	if (le64toh(header.checksum) !=
		XXH3_64bits(&header, offsetof(struct wire_header, checksum)))
		return err_set(err, "the header is damaged");
	if (le32toh(header.version) != STREAM_VERSION)
		return err_set(err,
			"format version %u is not known here (version %u is): use a newer glckpt",
			le32toh(header.version), STREAM_VERSION);
	return 0;
}

static int trailer_read(int fd, uint64_t size, struct wire_trailer *trailer, struct err *err)
{
	if (size < STREAM_BLOCK + TRAILER_SIZE)
		return err_set(err, "the file is cut");
	if (io_pread_full(fd, trailer, sizeof(*trailer), (off_t)(size - TRAILER_SIZE)) < 0)
		return errno ? err_errno(err, "read") : err_set(err, "the file is cut");
	if (memcmp(trailer->magic, TRAILER_MAGIC, MAGIC_SIZE))
		return err_set(err, "the file is cut, or its end is damaged");
	if (le64toh(trailer->checksum) !=
		XXH3_64bits(trailer, offsetof(struct wire_trailer, checksum)))
		return err_set(err, "the trailer is damaged");
	uint64_t offset = le64toh(trailer->index_offset), bytes = le64toh(trailer->index_size);
	uint64_t end = size - TRAILER_SIZE;
	if (le64toh(trailer->file_size) != size || offset < STREAM_BLOCK || offset > end ||
		bytes != end - offset || bytes > INDEX_MAX)
		return err_set(err, "the file is cut, or the trailer is damaged");
	return 0;
}

static int index_load(
	int fd, const struct wire_trailer *trailer, struct buf *bytes, struct err *err)
{
	size_t size = (size_t)le64toh(trailer->index_size);
	if (!buf_reserve(bytes, size))
		return err_set(err, "out of memory");
	if (io_pread_full(fd, bytes->data, size, (off_t)le64toh(trailer->index_offset)) < 0)
		return errno ? err_errno(err, "read") : err_set(err, "the file is cut");
	bytes->size = size;
	if (XXH3_64bits(bytes->data, size) != le64toh(trailer->index_checksum))
		return err_set(err, "the index is damaged");
	return 0;
}

static int index_read(struct stream_index *index, int fd, struct err *err)
{
	struct stat st;
	struct wire_trailer trailer;
	scoped_buf struct buf bytes = BUF_INIT;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "fstat");
	if (header_check(fd, err) < 0 ||
		trailer_read(fd, (uint64_t)st.st_size, &trailer, err) < 0 ||
		index_load(fd, &trailer, &bytes, err) < 0)
		return -1;
	index->end = le64toh(trailer.index_offset);
	if (read_records(index, &bytes, err) < 0 || names_check(index, err) < 0)
		return -1;
	return tiling_check(index, err);
}

int stream_index_read(struct stream_index *index, int fd, const char *path, struct err *err)
{
	*index = (struct stream_index){0};
	if (index_read(index, fd, err) < 0) {
		stream_index_finish(index);
		return err_context(err, "%s", path);
	}
	return 0;
}

int stream_index_seal(
	const struct stream_index *index, int fd, char seal[STREAM_SEAL_SIZE], struct err *err)
{
	struct stat st;
	scoped_buf struct buf bytes = BUF_INIT;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "fstat");
	size_t size = (size_t)st.st_size - (size_t)index->end;
	char *room = buf_reserve(&bytes, STREAM_BLOCK + size);
	if (!room)
		return err_set(err, "out of memory");
	if (io_pread_full(fd, room, STREAM_BLOCK, 0) < 0 ||
		io_pread_full(fd, room + STREAM_BLOCK, size, (off_t)index->end) < 0)
		return errno ? err_errno(err, "read") : err_set(err, "the file is cut");
	XXH128_hash_t hash = XXH3_128bits(room, STREAM_BLOCK + size);
	snprintf(seal, STREAM_SEAL_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
		(unsigned long long)hash.low64);
	return 0;
}
