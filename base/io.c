#define _GNU_SOURCE
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

int io_read_full(int fd, void *data, size_t size)
{
	char *at = data;
	while (size) {
		ssize_t got = read(fd, at, size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0)
				errno = 0;
			return -1;
		}
		at += got;
		size -= (size_t)got;
	}
	return 0;
}

int io_write_full(int fd, const void *data, size_t size)
{
	const char *at = data;
	while (size) {
		ssize_t put = write(fd, at, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

int io_pread_full(int fd, void *data, size_t size, off_t offset)
{
	char *at = data;
	while (size) {
		ssize_t got = pread(fd, at, size, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0)
				errno = 0;
			return -1;
		}
		at += got;
		size -= (size_t)got;
		offset += got;
	}
	return 0;
}

int io_pwrite_full(int fd, const void *data, size_t size, off_t offset)
{
	const char *at = data;
	while (size) {
		ssize_t put = pwrite(fd, at, size, offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		size -= (size_t)put;
		offset += put;
	}
	return 0;
}

int io_read_all(int fd, struct buf *buf, size_t limit, struct err *err)
{
	for (;;) {
		char *room = buf_reserve(buf, 65536);
		if (!room)
			return err_set(err, "out of memory");
		ssize_t got = read(fd, room, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, "read");
		buf->size += (size_t)got;
		buf->data[buf->size] = '\0';
		if (got == 0)
			return 0;
		if (buf->size > limit)
			return err_set(err, "larger than the %zu bytes expected", limit);
	}
}

int io_open(int dirfd, const char *path, int flags, mode_t mode, struct err *err)
{
	int fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(err, "%s", path);
	return fd;
}

int io_read_file(int dirfd, const char *path, struct buf *buf, size_t limit, struct err *err)
{
	scoped_fd int fd = io_open(dirfd, path, O_RDONLY, 0, err);
	if (fd < 0)
		return -1;
	if (io_read_all(fd, buf, limit, err) < 0)
		return err_context(err, "%s", path);
	return 0;
}

static int write_and_sync(int fd, const void *data, size_t size)
{
	if (io_write_full(fd, data, size) < 0)
		return -1;
	return fsync(fd);
}

int io_write_file(
	int dirfd, const char *path, const void *data, size_t size, mode_t mode, struct err *err)
{
	char part[4096];
	int length = snprintf(part, sizeof(part), "%s.part", path);
	if (length < 0 || (size_t)length >= sizeof(part))
		return err_set(err, "%s: the name is too long", path);
	scoped_fd int fd = openat(dirfd, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(err, "%s", path);
	if (write_and_sync(fd, data, size) < 0 || renameat(dirfd, part, dirfd, path) < 0) {
		err_errno(err, "%s", path);
		unlinkat(dirfd, part, 0);
		return -1;
	}
	return 0;
}

int io_put(const char *path, const char *text, struct err *err)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_errno(err, "%s", path);
	return 0;
}

int io_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char part[4096];
	size_t length = strlen(path);
	if (length >= sizeof(part))
		return err_set(err, "%s: the name is too long", path);
	memcpy(part, path, length + 1);
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return err_errno(err, "%s", part);
		*at = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return err_errno(err, "%s", path);
	return 0;
}

static int remove_entries(DIR *dir, struct err *err)
{
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (io_remove_tree(dirfd(dir), entry->d_name, err) < 0)
			return -1;
	}
	return 0;
}

DIR *io_entries(int fd, const char *path, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (dir)
		return dir;
	err_errno(err, "%s", path);
	if (copy >= 0)
		close(copy);
	return NULL;
}

int io_remove_tree(int at, const char *path, struct err *err)
{
	if (unlinkat(at, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(err, "%s", path);
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "%s", path);
	scoped_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_errno(err, "%s", path);
	}
	if (remove_entries(dir, err) < 0)
		return err_context(err, "%s", path);
	if (unlinkat(at, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_errno(err, "%s", path);
	return 0;
}

/* Copies [from, to) of the data between two holes. */
static int copy_extent(int from, int to, off_t start, off_t end)
{
	static const size_t block = 1 << 20;
	scoped_free char *data = malloc(block);
	if (!data)
		return -1;
	while (start < end) {
		size_t want = end - start < (off_t)block ? (size_t)(end - start) : block;
		ssize_t got = pread(from, data, want, start);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		if (io_pwrite_full(to, data, (size_t)got, start) < 0)
			return -1;
		start += got;
	}
	return 0;
}

int io_copy(int from, int to, uint64_t size)
{
	struct stat st;
	if (fstat(from, &st) < 0)
		return -1;
	off_t end = (uint64_t)st.st_size < size ? st.st_size : (off_t)size;
	if (end == st.st_size && ioctl(to, FICLONE, from) == 0)
		return 0;
	for (off_t at = 0; at < end;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			data = at;
		off_t hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		if (data < hole && copy_extent(from, to, data, hole) < 0)
			return -1;
		at = hole;
	}
	return ftruncate(to, end);
}

int io_sync_dir(const char *path, struct err *err)
{
	scoped_fd int fd = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_errno(err, "%s", path);
	return 0;
}

double io_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct timespec io_clock_in(clockid_t clock, long nanoseconds)
{
	struct timespec time;
	clock_gettime(clock, &time);
	time.tv_nsec += nanoseconds;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}
