#define _GNU_SOURCE
#include "glproxy/snapshot_file.h"

#include "base/io.h"

#include <fcntl.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#define MAGIC SNAPSHOT_TAG('G', 'L', 'S', 'N')
#define VERSION 3u
#define ENDS SNAPSHOT_TAG('E', 'N', 'D', 'S')
#define PIECE ((size_t)128 << 10)
#define LEVEL 1

struct head {
	uint32_t magic;
	uint32_t version;
	int32_t pid;
	uint32_t reserved;
};

/* ---- writing ---- */

static void fail(struct snapshot_out *out, const char *what)
{
	if (!out->failed)
		err_set(out->err, "%s", what);
	out->failed = true;
}

static void write_file(struct snapshot_out *out, const void *data, size_t size)
{
	if (!out->failed && io_write_full(out->fd, data, size)) {
		err_errno(out->err, "writing a snapshot");
		out->failed = true;
	}
}

static void compress(struct snapshot_out *out, const void *data, size_t size, bool end)
{
	scoped_free void *piece = malloc(PIECE);
	ZSTD_inBuffer in = {data, size, 0};
	if (!piece)
		fail(out, "out of memory");
	for (bool more = true; more && !out->failed;) {
		ZSTD_outBuffer to = {piece, PIECE, 0};
		const size_t left = ZSTD_compressStream2(
			out->compressor, &to, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			fail(out, ZSTD_getErrorName(left));
		write_file(out, piece, to.pos);
		more = end ? left != 0 : in.pos < in.size;
	}
}

static void write_bytes(struct snapshot_out *out, const void *data, size_t size)
{
	XXH3_64bits_update(out->sum, data, size);
	if (!out->memory)
		compress(out, data, size, false);
	else
		buf_append(out->memory, data, size);
}

void snapshot_out_flush(struct snapshot_out *out)
{
	if (buf_failed(&out->record))
		fail(out, "out of memory");
	if (!out->failed && out->record.size)
		write_bytes(out, out->record.data, out->record.size);
	buf_clear(&out->record);
}

static int open_file(struct snapshot_out *out, const struct snapshot_place *place, struct err *err)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/%s", place->directory, place->name);
	out->has_contents = true;
	if (contents_open(&out->contents, place->directory, place->parent, true, err))
		return -1;
	out->contents.hashes = place->hashes;
	out->fd = io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	return out->fd < 0 ? -1 : 0;
}

int snapshot_out_open(
	struct snapshot_out *out, const struct snapshot_place *place, int32_t pid, struct err *err)
{
	const struct head head = {.magic = MAGIC, .version = VERSION, .pid = pid};
	*out = (struct snapshot_out){.memory = place->memory, .fd = -1, .err = err};
	out->failed = true;
	if (!place->memory && open_file(out, place, err))
		return -1;
	out->sum = XXH3_createState();
	out->compressor = ZSTD_createCCtx();
	if (!out->sum || !out->compressor)
		return err_set(err, "out of memory");
	out->failed = false;
	ZSTD_CCtx_setParameter(out->compressor, ZSTD_c_compressionLevel, LEVEL);
	XXH3_64bits_reset(out->sum);
	XXH3_64bits_update(out->sum, &head, sizeof(head));
	if (place->memory)
		buf_append(place->memory, &head, sizeof(head));
	else
		write_file(out, &head, sizeof(head));
	return out->failed ? -1 : 0;
}

int snapshot_out_end(struct snapshot_out *out)
{
	snapshot_out_flush(out);
	const uint64_t sum = out->failed ? 0 : XXH3_64bits_digest(out->sum);
	const size_t place = record_begin(&out->record, ENDS);
	record_bytes(&out->record, &sum, sizeof(sum));
	record_end(&out->record, place);
	snapshot_out_flush(out);
	if (!out->memory && !out->failed)
		compress(out, NULL, 0, true);
	else if (out->memory && buf_failed(out->memory))
		fail(out, "out of memory");
	return out->failed ? -1 : 0;
}

void snapshot_out_finish(struct snapshot_out *out)
{
	if (out->has_contents)
		contents_close(&out->contents);
	if (out->fd >= 0)
		close(out->fd);
	buf_finish(&out->record);
	ZSTD_freeCCtx(out->compressor);
	XXH3_freeState(out->sum);
	*out = (struct snapshot_out){.fd = -1};
}

/* ---- reading ---- */

static bool refuse(struct snapshot_in *in, const char *what)
{
	if (!in->failed)
		err_set(in->err, "%s", what);
	in->failed = true;
	return false;
}

/* More compressed bytes; false at the end of the file. */
static bool refill(struct snapshot_in *in)
{
	const ssize_t got = read(in->fd, in->piece, PIECE);
	in->piece_at = 0;
	in->piece_size = got > 0 ? (size_t)got : 0;
	return got > 0;
}

static bool expand(struct snapshot_in *in, void *data, size_t size)
{
	ZSTD_outBuffer to = {data, size, 0};
	while (to.pos < size) {
		if (in->piece_at == in->piece_size && !refill(in))
			return refuse(in, "the snapshot is cut off");
		ZSTD_inBuffer from = {in->piece, in->piece_size, in->piece_at};
		const size_t left = ZSTD_decompressStream(in->expander, &to, &from);
		in->piece_at = from.pos;
		if (ZSTD_isError(left))
			return refuse(in, "the snapshot is damaged");
	}
	return true;
}

static bool read_bytes(struct snapshot_in *in, void *data, size_t size)
{
	if (in->failed)
		return false;
	if (in->fd >= 0)
		return expand(in, data, size);
	if (size > in->left.left)
		return refuse(in, "the snapshot is cut off");
	memcpy(data, in->left.at, size);
	in->left.at += size;
	in->left.left -= size;
	return true;
}

static bool at_the_end(struct snapshot_in *in)
{
	char more;
	if (in->fd < 0)
		return !in->left.left;
	ZSTD_outBuffer to = {&more, 1, 0};
	while (in->piece_at < in->piece_size || refill(in)) {
		ZSTD_inBuffer from = {in->piece, in->piece_size, in->piece_at};
		const size_t left = ZSTD_decompressStream(in->expander, &to, &from);
		const bool moved = from.pos > in->piece_at;
		in->piece_at = from.pos;
		if (ZSTD_isError(left) || to.pos || !moved)
			return false;
	}
	return true;
}

static int open_snapshot(
	struct snapshot_in *in, const struct snapshot_place *place, struct err *err)
{
	char path[4200];
	if (place->memory) {
		in->left = (struct span){place->memory->data, place->memory->size, false};
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", place->directory, place->name);
	in->fd = io_open(AT_FDCWD, path, O_RDONLY, 0, err);
	in->has_contents = true;
	return in->fd < 0 ? -1 : contents_open(&in->contents, place->directory, NULL, false, err);
}

static bool read_head(struct snapshot_in *in, struct head *head)
{
	if (in->fd < 0)
		return read_bytes(in, head, sizeof(*head));
	return !io_read_full(in->fd, head, sizeof(*head)) || refuse(in, "the snapshot is cut off");
}

int snapshot_in_open(struct snapshot_in *in, const struct snapshot_place *place, struct err *err)
{
	struct head head;
	*in = (struct snapshot_in){.fd = -1, .err = err};
	in->sum = XXH3_createState();
	in->expander = ZSTD_createDCtx();
	in->piece = malloc(PIECE);
	if (open_snapshot(in, place, err))
		return -1;
	if (!in->sum || !in->expander || !in->piece)
		return err_set(err, "out of memory");
	if (!read_head(in, &head))
		return -1;
	if (head.magic != MAGIC)
		return err_set(err, "this is no snapshot of a GL proxy");
	if (head.version != VERSION)
		return err_set(err, "the snapshot's version is %u, only %u is known", head.version,
			VERSION);
	XXH3_64bits_reset(in->sum);
	XXH3_64bits_update(in->sum, &head, sizeof(head));
	in->pid = head.pid;
	return 0;
}

#define GROWTH ((uint64_t)1 << 20)

/* The content of a record: room is made as bytes come, whatever its length says. */
static bool read_content(struct snapshot_in *in, uint64_t size)
{
	buf_clear(&in->record);
	while (size) {
		const size_t some = (size_t)(size < GROWTH ? size : GROWTH);
		char *room = buf_reserve(&in->record, some);
		if (!room)
			return refuse(in, "out of memory");
		if (!read_bytes(in, room, some))
			return false;
		in->record.size += some;
		size -= some;
	}
	return true;
}

static bool check_end(struct snapshot_in *in, uint64_t sum)
{
	struct span content = {in->record.data, in->record.size, false};
	const struct span bytes = span_bytes(&content);
	in->ended = true;
	if (bytes.left != sizeof(sum) || memcmp(bytes.at, &sum, sizeof(sum)) != 0)
		return refuse(in, "the snapshot's checksum is wrong");
	if (!at_the_end(in))
		return refuse(in, "the snapshot goes on after its end");
	return false;
}

bool snapshot_in_next(struct snapshot_in *in, uint32_t *tag, struct span *content)
{
	struct record_head head;
	if (in->failed || in->ended)
		return false;
	const uint64_t sum = XXH3_64bits_digest(in->sum);
	if (!read_bytes(in, &head, sizeof(head)) || !read_content(in, head.size))
		return false;
	if (head.tag == ENDS)
		return check_end(in, sum);
	XXH3_64bits_update(in->sum, &head, sizeof(head));
	XXH3_64bits_update(in->sum, in->record.data, in->record.size);
	*tag = head.tag;
	*content = (struct span){in->record.data, in->record.size, false};
	return true;
}

void snapshot_in_finish(struct snapshot_in *in)
{
	if (in->has_contents)
		contents_close(&in->contents);
	if (in->fd >= 0)
		close(in->fd);
	free(in->piece);
	buf_finish(&in->record);
	ZSTD_freeDCtx(in->expander);
	XXH3_freeState(in->sum);
	*in = (struct snapshot_in){.fd = -1};
}
