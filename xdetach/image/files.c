#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/image/files-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int files_policy_parse(const char *name, enum files_policy *policy)
{
	static const char *const names[] = {
		[FILES_REWIND] = "rewind", [FILES_KEEP] = "keep", [FILES_REFUSE] = "refuse"};
	for (size_t i = 0; i < array_len(names); i++) {
		if (strcmp(name, names[i]))
			continue;
		*policy = (enum files_policy)i;
		return 0;
	}
	return -1;
}

const char *files_text(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));
	return text ? text : "";
}

uint64_t files_number(const json_t *entry, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(entry, key));
}

bool files_flag(const json_t *entry, const char *key)
{
	return json_is_true(json_object_get(entry, key));
}

bool files_is_written(const json_t *entry)
{
	return files_flag(entry, "write") && !files_flag(entry, "deleted");
}

int64_t files_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int files_open(const json_t *entry, struct stat *st)
{
	scoped_fd int fd = open(files_text(entry, "path"),
		O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		return -1;
	}
	return steal_fd(&fd);
}

int files_open_kept(const json_t *entry, const char *image_dir, struct err *err)
{
	const char *kept = files_text(entry, "kept");
	if (!*kept || kept[0] == '/' || strstr(kept, ".."))
		return err_set(err, "the image does not hold %s", files_text(entry, "path"));
	scoped_fd int dir = io_open(AT_FDCWD, image_dir, O_RDONLY | O_DIRECTORY, 0, err);
	return dir < 0 ? -1 : io_open(dir, kept, O_RDONLY | O_NOFOLLOW, 0, err);
}

ssize_t files_read_block(int fd, void *data, off_t at)
{
	size_t have = 0;
	while (have < FILES_BLOCK) {
		ssize_t got = pread(fd, (char *)data + have, FILES_BLOCK - have, at + (off_t)have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

int files_same(int one, int other)
{
	scoped_free char *first = malloc(FILES_BLOCK);
	scoped_free char *second = malloc(FILES_BLOCK);
	if (!first || !second)
		return -1;
	for (off_t at = 0;; at += FILES_BLOCK) {
		ssize_t left = files_read_block(one, first, at),
			right = files_read_block(other, second, at);
		if (left < 0 || right < 0)
			return -1;
		if (left != right || memcmp(first, second, (size_t)left) != 0)
			return 0;
		if (left < FILES_BLOCK)
			return 1;
	}
}
