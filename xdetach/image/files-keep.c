#define _GNU_SOURCE
#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/image/files-entry.h"
#include "xdetach/image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define HASH_MAX (64u << 20) /* a larger file is told apart by its size and its time */
#define KEPT_DIR "files"

/* ---- keeping ---- */

static int keep_file(json_t *entry, int dir, size_t number, struct err *err)
{
	struct stat st;
	char name[64];
	const char *path = files_text(entry, "path");
	snprintf(name, sizeof(name), KEPT_DIR "/%zu", number);
	scoped_fd int from = files_open(entry, &st);
	if (from < 0)
		return err_errno(err, "%s is open for writing and cannot be kept", path);
	scoped_fd int to = io_open(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (to < 0)
		return -1;
	if (io_copy(from, to, UINT64_MAX) < 0)
		return err_errno(err, "%s cannot be kept", path);
	if (json_object_set_new(entry, "kept", json_string(name)) < 0 ||
		json_object_set_new(entry, "size", json_integer((json_int_t)st.st_size)) < 0)
		return err_set(err, "out of memory");
	return 0;
}

int files_keep(json_t *files, const char *dir, struct err *err)
{
	size_t i;
	json_t *entry;
	scoped_fd int fd = io_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	json_array_foreach (files, i, entry) {
		if (!files_is_written(entry))
			continue;
		if (mkdirat(fd, KEPT_DIR, 0700) < 0 && errno != EEXIST)
			return err_errno(err, "%s/" KEPT_DIR, dir);
		if (keep_file(entry, fd, i, err) < 0)
			return -1;
	}
	return 0;
}

static bool wants_hash(const json_t *entry)
{
	return !files_flag(entry, "write") && !files_flag(entry, "deleted") &&
		!*files_text(entry, "build_id") && files_number(entry, "size") <= HASH_MAX;
}

/* A file that changed since the scan is left without: what it was is gone. */
static int hash_file(json_t *entry, struct err *err)
{
	struct stat st;
	char hash[IMAGE_HASH_SIZE];
	scoped_fd int fd = files_open(entry, &st);
	if (fd < 0 || (uint64_t)st.st_size != files_number(entry, "size") ||
		(uint64_t)files_mtime(&st) != files_number(entry, "mtime_ns"))
		return 0;
	if (image_hash(fd, hash, NULL) < 0)
		return 0;
	if (json_object_set_new(entry, "xxh3", json_string(hash)) < 0)
		return err_set(err, "out of memory");
	return 0;
}

int files_hash(json_t *files, struct err *err)
{
	size_t i;
	json_t *entry;
	json_array_foreach (files, i, entry)
		if (wants_hash(entry) && hash_file(entry, err) < 0)
			return -1;
	return 0;
}

/* ---- putting back ---- */

static int make_parents(const char *path, struct err *err)
{
	scoped_free char *parent = strdup(path);
	if (!parent)
		return err_set(err, "out of memory");
	char *slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	return io_make_dirs(parent, 0755, err);
}

/* A new file gets the mode and, from root, the owner it had. */
static int open_target(const json_t *entry, bool *fresh, struct err *err)
{
	const char *path = files_text(entry, "path");
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, O_RDWR | flags);
	*fresh = fd < 0 && errno == ENOENT;
	if (!*fresh)
		return fd < 0 ? err_errno(err, "%s cannot be put back", path) : fd;
	if (make_parents(path, err) < 0)
		return err_context(err, "%s cannot be put back", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
	if (fd < 0)
		return err_errno(err, "%s cannot be put back", path);
	if (geteuid() == 0 &&
		fchown(fd, (uid_t)files_number(entry, "uid"), (gid_t)files_number(entry, "gid")) <
			0)
		err_errno(err, "%s: its owner cannot be put back", path);
	if (fchmod(fd, (mode_t)files_number(entry, "mode") & 07777) < 0)
		err_errno(err, "%s: its mode cannot be put back", path);
	return fd;
}

static int set_time(int fd, const json_t *entry)
{
	uint64_t time = files_number(entry, "mtime_ns");
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = (time_t)(time / 1000000000), .tv_nsec = (long)(time % 1000000000)}};
	return futimens(fd, times);
}

static bool is_hole(const char *block, size_t size)
{
	return size == 0 || (!block[0] && !memcmp(block, block + 1, size - 1));
}

/* One block; 1 when it had to be written. Zeros behind the end of the file stay a hole. */
static int rewrite_block(int from, int to, char *wanted, char *found, off_t at)
{
	ssize_t size = files_read_block(from, wanted, at);
	ssize_t have = files_read_block(to, found, at);
	if (size < 0 || have < 0)
		return -1;
	if (size <= have && !memcmp(wanted, found, (size_t)size))
		return 0;
	if (have == 0 && is_hole(wanted, (size_t)size))
		return 0;
	return io_pwrite_full(to, wanted, (size_t)size, at) < 0 ? -1 : 1;
}

/* Makes `to` what `from` is, writing only what differs: a log that grew is merely cut. The inode
 * stays, since others may have the file open. 1 when something changed. */
static int rewrite(int from, int to)
{
	struct stat st, before;
	scoped_free char *wanted = malloc(FILES_BLOCK);
	scoped_free char *found = malloc(FILES_BLOCK);
	if (!wanted || !found || fstat(from, &st) < 0 || fstat(to, &before) < 0)
		return -1;
	int changed = st.st_size != before.st_size;
	for (off_t at = 0; at < st.st_size; at += FILES_BLOCK) {
		int wrote = rewrite_block(from, to, wanted, found, at);
		if (wrote < 0)
			return -1;
		changed |= wrote;
	}
	return ftruncate(to, st.st_size) < 0 ? -1 : changed;
}

static int put_back(const json_t *entry, const char *image_dir, struct err *err)
{
	bool fresh;
	struct stat st;
	scoped_fd int from = files_open_kept(entry, image_dir, err);
	scoped_fd int to = from < 0 ? -1 : open_target(entry, &fresh, err);
	if (to < 0)
		return -1;
	const char *path = files_text(entry, "path");
	if (fstat(to, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, "%s cannot be put back: it is no regular file now", path);
	int changed = rewrite(from, to);
	if (changed < 0 || ((changed || fresh) && set_time(to, entry) < 0))
		return err_errno(err, "%s cannot be put back", path);
	return 0;
}

int files_put_back(
	const json_t *files, const char *image_dir, enum files_policy policy, struct err *err)
{
	size_t i;
	json_t *entry;
	if (policy != FILES_REWIND)
		return 0;
	json_array_foreach (files, i, entry)
		if (files_is_written(entry) && put_back(entry, image_dir, err) < 0)
			return -1;
	return 0;
}
