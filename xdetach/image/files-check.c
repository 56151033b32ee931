#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/image/elf-build-id.h"
#include "xdetach/image/files-entry.h"
#include "xdetach/image/walk.h"

#include <errno.h>
#include <string.h>

static int check_refused(
	const json_t *entry, const char *image_dir, int now, const char *path, struct err *err)
{
	scoped_fd int kept = files_open_kept(entry, image_dir, err);
	if (kept < 0)
		return -1;
	int same = files_same(kept, now);
	if (same < 0)
		return err_errno(err, "%s", path);
	if (same)
		return 0;
	return err_set(err,
		"%s has changed since the checkpoint: restore with --files rewind to put it back, "
		"or "
		"with --files keep to go on with it as it is",
		path);
}

static int check_written(
	const json_t *entry, const char *image_dir, enum files_policy policy, struct err *err)
{
	struct stat st;
	const char *path = files_text(entry, "path");
	scoped_fd int now = files_open(entry, &st);
	if (now < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, "%s, which was being written, cannot be opened", path);
	if (policy == FILES_REWIND) {
		scoped_fd int kept = files_open_kept(entry, image_dir, err);
		return kept < 0 ? -1 : 0;
	}
	if (now < 0)
		return err_set(err,
			"%s, which was being written, is gone: restore with --files rewind to put "
			"it "
			"back",
			path);
	return policy == FILES_KEEP ? 0 : check_refused(entry, image_dir, now, path, err);
}

static bool has_same_build_id(int fd, const char *expected)
{
	char id[BUILD_ID_SIZE];
	return elf_build_id(fd, id) >= 0 && !strcmp(id, expected);
}

/* Without a hash, a size is all there is: the time changes with every copy. */
static bool has_same_contents(int fd, const json_t *entry, const struct stat *st)
{
	char hash[IMAGE_HASH_SIZE];
	const char *expected = files_text(entry, "xxh3");
	if ((uint64_t)st->st_size != files_number(entry, "size"))
		return false;
	if ((uint64_t)files_mtime(st) == files_number(entry, "mtime_ns") || !*expected)
		return true;
	return image_hash(fd, hash, NULL) == 0 && !strcmp(hash, expected);
}

static int check_read(const json_t *entry, struct err *err)
{
	struct stat st;
	const char *path = files_text(entry, "path"), *id = files_text(entry, "build_id");
	const char *what = files_flag(entry, "exe") ? "the program"
		: *id                               ? "the library"
						    : "the file";
	scoped_fd int fd = files_open(entry, &st);
	if (fd < 0 && errno == ENOENT)
		return err_set(err,
			"%s %s is missing here: install or copy what the image was taken with, or "
			"restore where it is",
			what, path);
	if (fd < 0)
		return err_errno(err, "%s %s cannot be read", what, path);
	if (*id && !has_same_build_id(fd, id))
		return err_set(err,
			"%s is not the one the image was taken with (build-ID differs): install "
			"the "
			"same version, or restore where it is",
			path);
	if (!has_same_contents(fd, entry, &st))
		return err_set(err,
			"%s is not the one the image was taken with (%s differs): put the same one "
			"there, or restore where it is",
			path,
			(uint64_t)st.st_size == files_number(entry, "size") ? "its content"
									    : "its size");
	return 0;
}

static int check_entry(
	const json_t *entry, const char *image_dir, enum files_policy policy, struct err *err)
{
	if (files_text(entry, "path")[0] != '/')
		return err_set(err, "the manifest has a file without a path");
	if (files_flag(entry, "deleted"))
		return 0;
	if (files_flag(entry, "write"))
		return check_written(entry, image_dir, policy, err);
	return check_read(entry, err);
}

int files_check(
	const json_t *files, const char *image_dir, enum files_policy policy, struct err *err)
{
	size_t i;
	json_t *entry;
	json_array_foreach (files, i, entry)
		if (check_entry(entry, image_dir, policy, err) < 0)
			return -1;
	return 0;
}
