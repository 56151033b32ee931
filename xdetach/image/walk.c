#define _GNU_SOURCE
#include "xdetach/image/walk.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HASH_BLOCK (1 << 20) /* part of the format */
#define DEPTH_MAX 64

struct walk {
	image_walk_fn *each; /* NULL: the folders are synced instead */
	void *data;
	int depth;
};

static int walk_folder(struct walk *walk, int fd, const char *path, struct err *err);

static int walk_file(struct walk *walk, int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return walk_folder(walk, fd, path, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, "%s is neither a file nor a folder", path);
	return walk->each ? walk->each(path, fd, &st, walk->data, err) : 0;
}

static int walk_entry(
	struct walk *walk, int at, const char *parent, const char *name, struct err *err)
{
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s%s%s", parent, *parent ? "/" : "", name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return err_set(err, "%s/%s: the name is too long", parent, name);
	scoped_fd int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, "%s is neither a file nor a folder", path);
	if (fd < 0)
		return err_errno(err, "%s", path);
	return walk_file(walk, fd, path, err);
}

static int walk_entries(struct walk *walk, DIR *dir, const char *path, struct err *err)
{
	for (struct dirent *entry; (errno = 0, entry = readdir(dir));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (walk_entry(walk, dirfd(dir), path, entry->d_name, err) < 0)
			return -1;
	}
	return errno ? err_errno(err, "%s", path) : 0;
}

static int walk_folder(struct walk *walk, int fd, const char *path, struct err *err)
{
	if (walk->depth >= DEPTH_MAX)
		return err_set(err, "%s: folders too deep", path);
	scoped_dir DIR *dir = io_entries(fd, path, err);
	if (!dir)
		return -1;
	walk->depth++;
	int result = walk_entries(walk, dir, path, err);
	walk->depth--;
	if (result == 0 && !walk->each && fsync(fd) < 0)
		return err_errno(err, "%s", path);
	return result;
}

static int walk_from(const char *dir, struct walk *walk, struct err *err)
{
	scoped_fd int fd = io_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	return walk_folder(walk, fd, "", err);
}

int image_walk(const char *dir, image_walk_fn *each, void *data, struct err *err)
{
	struct walk walk = {.each = each, .data = data};
	return walk_from(dir, &walk, err);
}

int image_walk_sync(const char *dir, struct err *err)
{
	struct walk walk = {0};
	return walk_from(dir, &walk, err);
}

static void print_hash(XXH128_hash_t hash, char text[IMAGE_HASH_SIZE])
{
	snprintf(text, IMAGE_HASH_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
		(unsigned long long)hash.low64);
}

void image_hash_bytes(const void *data, size_t size, char hash[IMAGE_HASH_SIZE])
{
	print_hash(XXH3_128bits(data, size), hash);
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/* The first block at or behind `at` that may hold data; -1: none does. */
static off_t next_block(int fd, off_t at)
{
	off_t data = lseek(fd, at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? -1 : at;
	return data / HASH_BLOCK * HASH_BLOCK;
}

/*
 * Blocks of zeros are left out, holes or not, so that a sparse file is hashed as fast as it is
 * small, and alike after a copy that filled its holes. Its size is in the manifest.
 */
static int hash_all(int fd, XXH3_state_t *state, uint8_t *bytes, struct err *err)
{
	for (off_t at = 0; (at = next_block(fd, at)) >= 0; at += HASH_BLOCK) {
		ssize_t got = pread(fd, bytes, HASH_BLOCK, at);
		if (got < 0)
			return err_errno(err, "read");
		if (got == 0)
			break;
		if (all_zero(bytes, (size_t)got))
			continue;
		XXH3_128bits_update(state, &at, sizeof(at));
		XXH3_128bits_update(state, bytes, (size_t)got);
	}
	return 0;
}

int image_hash(int fd, char hash[IMAGE_HASH_SIZE], struct err *err)
{
	scoped_free uint8_t *bytes = malloc(HASH_BLOCK);
	XXH3_state_t *state = XXH3_createState();
	int result = -1;
	if (bytes && state) {
		XXH3_128bits_reset(state);
		result = hash_all(fd, state, bytes, err);
		print_hash(XXH3_128bits_digest(state), hash);
	} else {
		err_set(err, "out of memory");
	}
	XXH3_freeState(state);
	return result;
}
