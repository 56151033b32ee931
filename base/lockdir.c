#define _GNU_SOURCE
#include "base/lockdir.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* False where it was removed after it was opened: then it guards nothing. */
static bool is_in(int dir, int lock)
{
	struct stat ours, there;
	return fstat(lock, &ours) == 0 && fstatat(dir, "lock", &there, 0) == 0 &&
		ours.st_ino == there.st_ino;
}

int lockdir_take(const char *path)
{
	scoped_fd int dir = open_dir(path);
	scoped_fd int lock =
		dir >= 0 ? openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return -1;
	if (is_in(dir, lock))
		return steal_fd(&lock);
	errno = EAGAIN;
	return -1;
}

static void clear(int dir)
{
	scoped_dir DIR *entries = io_entries(dir, "", NULL);
	for (struct dirent *entry; entries && (entry = readdir(entries));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			strcmp(entry->d_name, "lock"))
			io_remove_tree(dir, entry->d_name, NULL);
}

void lockdir_clear(const char *path)
{
	scoped_fd int dir = open_dir(path);
	if (dir >= 0)
		clear(dir);
}

void lockdir_remove(const char *path)
{
	scoped_fd int dir = open_dir(path);
	if (dir < 0)
		return;
	clear(dir);
	unlinkat(dir, "lock", 0);
	rmdir(path); /* not where somebody has moved in meanwhile */
}

void lockdir_remove_stale(const char *path)
{
	scoped_fd int lock = lockdir_take(path);
	if (lock >= 0)
		lockdir_remove(path);
}
