/*
 * io.h: whole reads and writes, files made durable, folders made and removed.
 *
 * Every descriptor made here is O_CLOEXEC. EINTR is retried. Errors name the path they concern.
 * All functions are safe in any thread; they keep no state.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/buf.h"
#include "base/err.h"

#include <dirent.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Reads exactly `size` bytes. 0, or -1 with errno (0 when the file ended first). */
int io_read_full(int fd, void *data, size_t size);
int io_write_full(int fd, const void *data, size_t size);
int io_pread_full(int fd, void *data, size_t size, off_t offset);
int io_pwrite_full(int fd, const void *data, size_t size, off_t offset);

/* Appends what is left of `fd`, at most `limit` bytes (more is an error). */
int io_read_all(int fd, struct buf *buf, size_t limit, struct err *err);

/* The whole of a file below `dirfd` (AT_FDCWD: as open(2)), at most `limit` bytes. */
int io_read_file(int dirfd, const char *path, struct buf *buf, size_t limit, struct err *err);

/* Writes a file that is there completely or not at all: temporary name, fsync, rename. */
int io_write_file(
	int dirfd, const char *path, const void *data, size_t size, mode_t mode, struct err *err);

/* Writes to a file that exists (/proc, /sys): one write(2). */
int io_put(const char *path, const char *text, struct err *err);

/* Opens a file or a folder; names the path in the error. */
int io_open(int dirfd, const char *path, int flags, mode_t mode, struct err *err);

/* The entries of an open folder, whose descriptor stays the caller's; NULL with an error that names
 * `path`. */
DIR *io_entries(int fd, const char *path, struct err *err);

/* Makes a folder and those above it, `mode` for the new ones. There already: not an error. */
int io_make_dirs(const char *path, mode_t mode, struct err *err);

/* Removes a folder and all below it, following no link. Gone already: not an error. */
int io_remove_tree(int dirfd, const char *path, struct err *err);

/* Copies `size` bytes (or to the end: UINT64_MAX) between files at their start, sharing extents
 * where the file system can and keeping holes; returns 0 or -1 with errno. */
int io_copy(int from, int to, uint64_t size);

/* Flushes a folder's entries to the disk. */
int io_sync_dir(const char *path, struct err *err);

/* Monotonic seconds since an arbitrary start, for durations. */
double io_now(void);

/* What a clock will show in `nanoseconds` (at most a second), for pthread_cond_timedwait(). */
struct timespec io_clock_in(clockid_t clock, long nanoseconds);

#endif
