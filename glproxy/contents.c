#define _GNU_SOURCE
#include "glproxy/contents.h"

#include "base/io.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#define MAGIC 0x544e4c47u /* "GLNT" */
#define VERSION 1u
#define PIECE ((size_t)256 << 10) /* of compressed bytes, written or read at a time */
#define LEVEL 1

struct head {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
};

static int open_dir(const char *directory)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/" CONTENTS_DIR, directory);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int contents_open(struct contents *contents, const char *directory, const char *parent, bool make,
	struct err *err)
{
	char path[4200];
	*contents = (struct contents){.here = -1, .parent = -1};
	snprintf(path, sizeof(path), "%s/" CONTENTS_DIR, directory);
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "%s", path);
	contents->here = open_dir(directory);
	if (contents->here < 0)
		return err_errno(err, "%s", path);
	contents->parent = parent ? open_dir(parent) : -1;
	return 0;
}

void contents_close(struct contents *contents)
{
	if (!contents)
		return;
	if (contents->here >= 0)
		close(contents->here);
	if (contents->parent >= 0)
		close(contents->parent);
	ZSTD_freeCCtx(contents->compressor);
	*contents = (struct contents){.here = -1, .parent = -1};
}

void contents_name(const struct content_hash *hash, char name[CONTENTS_NAME])
{
	for (size_t i = 0; i < sizeof(hash->bytes); i++)
		snprintf(name + 2 * i, 3, "%02x", hash->bytes[i]);
}

static struct content_hash hash_of(const void *data, size_t size)
{
	struct content_hash hash;
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
	memcpy(hash.bytes, canonical.digest, sizeof(hash.bytes));
	return hash;
}

/* ---- writing ---- */

static bool is_file(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_size > (off_t)sizeof(struct head);
}

static bool copy_from_parent(const struct contents *contents, const char *name, const char *part)
{
	scoped_fd int from = openat(contents->parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	scoped_fd int to = from < 0
		? -1
		: openat(contents->here, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return to >= 0 && io_copy(from, to, UINT64_MAX) == 0 &&
		renameat(contents->here, part, contents->here, name) == 0;
}

/* Whether the piece stands here now without having been made. */
static bool is_there(struct contents *contents, const char *name, const char *part)
{
	struct stat status;
	if (fstatat(contents->here, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		contents->borrowed += (uint64_t)status.st_size;
		return true;
	}
	if (contents->parent < 0 || fstatat(contents->parent, name, &status, AT_SYMLINK_NOFOLLOW) ||
		!is_file(&status))
		return false;
	const bool linked = linkat(contents->parent, name, contents->here, name, 0) == 0;
	if (!linked && !copy_from_parent(contents, name, part))
		return false;
	*(linked ? &contents->borrowed : &contents->written) += (uint64_t)status.st_size;
	return true;
}

/* All processors work on a piece that is large enough to be shared out. */
#define SHARED ((size_t)2 << 20)
#define WORKERS_MAX 8

static int workers(size_t size)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (size < SHARED || processors < 2)
		return 0;
	return processors < WORKERS_MAX ? (int)processors : WORKERS_MAX;
}

/* A library without threads leaves out what it is told of workers. */
static ZSTD_CCtx *compressor(struct contents *contents, size_t size)
{
	if (!contents->compressor)
		contents->compressor = ZSTD_createCCtx();
	if (!contents->compressor)
		return NULL;
	ZSTD_CCtx_reset(contents->compressor, ZSTD_reset_session_only);
	ZSTD_CCtx_setParameter(contents->compressor, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(contents->compressor, ZSTD_c_nbWorkers, workers(size));
	return contents->compressor;
}

static int compress_to(
	struct contents *contents, int fd, const void *data, size_t size, struct err *err)
{
	ZSTD_CCtx *context = compressor(contents, size);
	scoped_free void *piece = malloc(PIECE);
	ZSTD_inBuffer in = {data, size, 0};
	if (!context || !piece)
		return err_set(err, "out of memory");
	ZSTD_CCtx_setPledgedSrcSize(context, size);
	for (size_t left = 1; left;) {
		ZSTD_outBuffer out = {piece, PIECE, 0};
		left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
		if (ZSTD_isError(left))
			return err_set(err, "zstd: %s", ZSTD_getErrorName(left));
		if (io_write_full(fd, piece, out.pos))
			return err_errno(err, "writing contents");
		contents->written += out.pos;
	}
	return 0;
}

static int make_piece(struct contents *contents, const char *name, const char *part,
	const void *data, size_t size, struct err *err)
{
	const struct head head = {MAGIC, VERSION, size};
	scoped_fd int fd = io_open(contents->here, part, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
	if (fd < 0)
		return -1;
	if (io_write_full(fd, &head, sizeof(head)))
		return err_errno(err, "writing contents");
	if (compress_to(contents, fd, data, size, err))
		return -1;
	if (renameat(contents->here, part, contents->here, name))
		return err_errno(err, "%s", name);
	return 0;
}

int contents_put(struct contents *contents, const void *data, size_t size,
	struct content_hash *hash, struct err *err)
{
	char name[CONTENTS_NAME], part[CONTENTS_NAME + 16];
	*hash = hash_of(data, size);
	contents_name(hash, name);
	snprintf(part, sizeof(part), "%s.%d", name, (int)getpid());
	if (contents->hashes || is_there(contents, name, part))
		return 0;
	return make_piece(contents, name, part, data, size, err);
}

/* ---- reading ---- */

static int check_head(int fd, const char *name, size_t size, struct err *err)
{
	struct head head;
	if (io_read_full(fd, &head, sizeof(head)) || head.magic != MAGIC)
		return err_set(err, "%s is no contents of a snapshot", name);
	if (head.version != VERSION)
		return err_set(err, "%s: its version is %u, only %u is known", name, head.version,
			VERSION);
	if (head.size != size)
		return err_set(err, "%s is of another size than expected", name);
	return 0;
}

/* False where the bytes are not exactly what fills the room. */
static bool expand(int fd, void *to, size_t size)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	scoped_free void *piece = malloc(PIECE);
	ZSTD_outBuffer out = {to, size, 0};
	size_t left = 1;
	ssize_t got = 1;
	while (context && piece && left && !ZSTD_isError(left) &&
		(got = read(fd, piece, PIECE)) > 0) {
		ZSTD_inBuffer in = {piece, (size_t)got, 0};
		while (in.pos < in.size && left && !ZSTD_isError(left)) {
			const size_t before = in.pos + out.pos;
			left = ZSTD_decompressStream(context, &out, &in);
			if (left && in.pos + out.pos == before)
				left = (size_t)-1; /* more than there is room for */
		}
	}
	ZSTD_freeDCtx(context);
	return !left && out.pos == size;
}

int contents_get(struct contents *contents, const struct content_hash *hash, void *to, size_t size,
	struct err *err)
{
	char name[CONTENTS_NAME];
	contents_name(hash, name);
	scoped_fd int fd = io_open(contents->here, name, O_RDONLY | O_NOFOLLOW, 0, err);
	if (fd < 0 || check_head(fd, name, size, err))
		return -1;
	struct content_hash found;
	const bool whole = expand(fd, to, size);
	if (whole)
		found = hash_of(to, size);
	if (!whole || memcmp(&found, hash, sizeof(found)) != 0)
		return err_set(err, "%s is damaged: its checksum does not fit", name);
	return 0;
}
