#define _GNU_SOURCE
#include "xdetach/stream/output.h"

#include "base/io.h"
#include "xdetach/stream/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PACK_SIZE STREAM_CHUNK
#define ROOM_STEP (UINT64_C(256) << 20)

/* Small chunks not yet written; their offsets count from the start of `bytes`. */
struct packed {
	struct stream_file *file;
	size_t at;
	struct stream_chunk chunk;
};

struct pack {
	uint8_t *bytes; /* PACK_SIZE, block-aligned */
	size_t size;
	struct packed *chunks;
	size_t count;
	size_t capacity;
};

struct stream_output {
	pthread_mutex_t lock;
	char *path;
	int direct; /* O_DIRECT where there is such a thing, else the same as buffered */
	int buffered;
	uint64_t end;  /* of the extents given out */
	uint64_t room; /* allocated on the disk */
	bool failed;
	bool finished;

	struct pack pack;
};

static uint64_t align_up(uint64_t size)
{
	return (size + STREAM_BLOCK - 1) & ~(uint64_t)(STREAM_BLOCK - 1);
}

/* Half of what is free is never taken in advance. */
static uint64_t room_on_disk(int fd, uint64_t wanted)
{
	struct statvfs st;
	if (fstatvfs(fd, &st) < 0)
		return 0;
	uint64_t half = (uint64_t)st.f_bavail * st.f_frsize / 2;
	return wanted < half ? wanted : half;
}

/* Room allocated in advance lets several threads write at once: a write that makes the file
 * longer excludes all others. Not getting it costs speed only. */
static void make_room(struct stream_output *output, uint64_t end)
{
	if (end <= output->room)
		return;
	end = room_on_disk(output->buffered, align_up(end));
	if (end > output->room && fallocate(output->buffered, 0, 0, (off_t)end) == 0)
		output->room = end;
}

static int open_file(struct stream_output *output, const char *path, struct err *err)
{
	output->path = strdup(path);
	if (!output->path)
		return err_set(err, "out of memory");
	output->buffered = io_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (output->buffered < 0) {
		free(steal_ptr(&output->path));
		return -1;
	}
	output->direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (output->direct < 0)
		output->direct = fcntl(output->buffered, F_DUPFD_CLOEXEC, 0);
	return output->direct < 0 ? err_errno(err, "%s", path) : 0;
}

struct stream_output *stream_output_create(const char *path, uint64_t expected, struct err *err)
{
	struct stream_output *output = calloc(1, sizeof(*output));
	if (!output) {
		err_set(err, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&output->lock, NULL);
	output->direct = output->buffered = -1;
	output->end = STREAM_BLOCK;
	output->pack.bytes = aligned_alloc(STREAM_BLOCK, PACK_SIZE);
	if (!output->pack.bytes)
		err_set(err, "out of memory");
	if (!output->pack.bytes || open_file(output, path, err) < 0) {
		stream_output_destroy(output);
		return NULL;
	}
	make_room(output, expected);
	return output;
}

/* Some file systems open a file O_DIRECT and then refuse the write. */
static int write_extent(
	struct stream_output *output, const void *data, size_t size, uint64_t at, struct err *err)
{
	if (io_pwrite_full(output->direct, data, size, (off_t)at) == 0)
		return 0;
	if (errno == EINVAL && io_pwrite_full(output->buffered, data, size, (off_t)at) == 0)
		return 0;
	return err_errno(err, "%s", output->path);
}

/* Enters a chunk whose extent is known. With the lock held. */
static int enter(
	struct stream_file *file, size_t at, const struct stream_chunk *chunk, struct err *err)
{
	return stream_file_set(file, at, chunk) < 0 ? err_set(err, "out of memory") : 0;
}

/* ---- large chunks ---- */

static bool give_place(struct stream_output *output, struct stream_chunk *chunk)
{
	pthread_mutex_lock(&output->lock);
	bool good = !output->failed;
	if (good) {
		chunk->offset = output->end;
		output->end += chunk->extent;
		if (output->end > output->room)
			make_room(output, output->end + ROOM_STEP);
	}
	pthread_mutex_unlock(&output->lock);
	return good;
}

static int write_large(struct stream_output *output, struct stream_job *job,
	struct stream_chunk *chunk, struct err *err)
{
	chunk->extent = (uint32_t)align_up(chunk->stored);
	memset(job->data + chunk->stored, 0, chunk->extent - chunk->stored);
	chunk->checksum = XXH3_64bits(job->data, chunk->extent);
	if (!give_place(output, chunk))
		return -1;
	int result = write_extent(output, job->data, chunk->extent, chunk->offset, err);
	pthread_mutex_lock(&output->lock);
	if (result == 0)
		result = enter(job->file, job->at, chunk, err);
	if (result < 0)
		output->failed = true;
	pthread_mutex_unlock(&output->lock);
	return result;
}

/* ---- small chunks: with the lock held ---- */

/* The last chunk takes the padding, so that what follows is aligned again. */
static void pad_pack(struct pack *pack)
{
	size_t size = align_up(pack->size);
	struct stream_chunk *last = &pack->chunks[pack->count - 1].chunk;
	memset(pack->bytes + pack->size, 0, size - pack->size);
	last->extent += (uint32_t)(size - pack->size);
	last->checksum = XXH3_64bits(pack->bytes + last->offset, last->extent);
	pack->size = size;
}

static int enter_pack(struct stream_output *output, uint64_t base, struct err *err)
{
	for (size_t i = 0; i < output->pack.count; i++) {
		struct packed *packed = &output->pack.chunks[i];
		packed->chunk.offset += base;
		if (enter(packed->file, packed->at, &packed->chunk, err) < 0)
			return -1;
	}
	return 0;
}

static int flush_pack(struct stream_output *output, struct err *err)
{
	struct pack *pack = &output->pack;
	if (!pack->count)
		return 0;
	pad_pack(pack);
	uint64_t base = output->end;
	output->end += pack->size;
	if (write_extent(output, pack->bytes, pack->size, base, err) < 0)
		output->failed = true;
	if (output->failed || enter_pack(output, base, err) < 0)
		return -1;
	pack->size = pack->count = 0;
	return 0;
}

static int grow_pack(struct pack *pack, struct err *err)
{
	if (pack->count < pack->capacity)
		return 0;
	size_t capacity = pack->capacity ? pack->capacity * 2 : 256;
	void *chunks = reallocarray(pack->chunks, capacity, sizeof(*pack->chunks));
	if (!chunks)
		return err_set(err, "out of memory");
	pack->chunks = chunks;
	pack->capacity = capacity;
	return 0;
}

static int pack_small(struct stream_output *output, const struct stream_job *job,
	struct stream_chunk *chunk, struct err *err)
{
	struct pack *pack = &output->pack;
	if (PACK_SIZE - pack->size < chunk->stored && flush_pack(output, err) < 0)
		return -1;
	if (grow_pack(pack, err) < 0)
		return -1;
	memcpy(pack->bytes + pack->size, job->data, chunk->stored);
	chunk->offset = pack->size;
	chunk->extent = chunk->stored;
	chunk->checksum = XXH3_64bits(job->data, chunk->stored);
	pack->chunks[pack->count++] = (struct packed){job->file, job->at, *chunk};
	pack->size += chunk->stored;
	return 0;
}

static int write_small(struct stream_output *output, struct stream_job *job,
	struct stream_chunk *chunk, struct err *err)
{
	int result = -1;
	pthread_mutex_lock(&output->lock);
	if (!output->failed && chunk->kind == STREAM_KIND_ZERO)
		result = enter(job->file, job->at, chunk, err);
	else if (!output->failed)
		result = pack_small(output, job, chunk, err);
	if (result < 0)
		output->failed = true;
	pthread_mutex_unlock(&output->lock);
	return result;
}

int stream_output_write(struct stream_output *output, struct stream_job *job, struct err *err)
{
	struct stream_chunk chunk = {.raw = job->raw, .stored = job->stored, .kind = job->kind};
	if (job->kind == STREAM_KIND_RAW && stream_is_zero(job->data, job->raw)) {
		chunk.kind = STREAM_KIND_ZERO;
		chunk.stored = 0;
	}
	if (chunk.stored <= STREAM_SMALL)
		return write_small(output, job, &chunk, err);
	return write_large(output, job, &chunk, err);
}

/* ---- the end ---- */

static int write_header(struct stream_output *output, struct err *err)
{
	uint8_t block[STREAM_BLOCK];
	stream_format_header(block);
	if (io_pwrite_full(output->buffered, block, sizeof(block), 0) < 0)
		return err_errno(err, "%s", output->path);
	return 0;
}

static int write_index(
	struct stream_output *output, struct stream_index *index, uint64_t *size, struct err *err)
{
	scoped_buf struct buf bytes = BUF_INIT;
	index->end = output->end;
	if (stream_format_index(index, &bytes, err) < 0)
		return err_context(err, "%s", output->path);
	*size = index->end + bytes.size;
	if (io_pwrite_full(output->buffered, bytes.data, bytes.size, (off_t)index->end) < 0 ||
		ftruncate(output->buffered, (off_t)*size) < 0)
		return err_errno(err, "%s", output->path);
	return 0;
}

int stream_output_finish(
	struct stream_output *output, struct stream_index *index, uint64_t *size, struct err *err)
{
	pthread_mutex_lock(&output->lock);
	int result = output->failed ? -1 : flush_pack(output, err);
	pthread_mutex_unlock(&output->lock);
	if (result < 0 || write_header(output, err) < 0 ||
		write_index(output, index, size, err) < 0)
		return -1;
	if (fsync(output->buffered) < 0)
		return err_errno(err, "%s", output->path);
	output->finished = true;
	return 0;
}

void stream_output_destroy(struct stream_output *output)
{
	if (!output)
		return;
	if (output->path && !output->finished)
		unlink(output->path);
	if (output->direct >= 0)
		close(output->direct);
	if (output->buffered >= 0)
		close(output->buffered);
	free(output->pack.bytes);
	free(output->pack.chunks);
	free(output->path);
	pthread_mutex_destroy(&output->lock);
	free(output);
}
