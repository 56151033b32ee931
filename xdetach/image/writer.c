#define _GNU_SOURCE
#include "xdetach/image/image.h"

#include "base/io.h"
#include "xdetach/image/manifest.h"
#include "xdetach/image/part.h"
#include "xdetach/image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct image_writer {
	char *folder; /* that the image will stand in */
	char *target;
	char *part;
	int lock; /* on the part, as long as the writer lives */
	image_guard_fn *guard;
	void *guard_data;
	bool published;
};

/* ---- beginning ---- */

static char *join(const char *folder, const char *name, struct err *err)
{
	char *path;
	const char *slash = !strcmp(folder, "/") ? "" : "/";
	if (asprintf(&path, "%s%s%s", folder, slash, name) >= 0)
		return path;
	err_set(err, "out of memory");
	return NULL;
}

static int set_paths(struct image_writer *writer, const char *path, struct err *err)
{
	scoped_free char *first = strdup(path);
	scoped_free char *second = strdup(path);
	if (!first || !second)
		return err_set(err, "out of memory");
	const char *folder = dirname(first), *name = basename(second);
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "/"))
		return err_set(err, "%s is no name for an image", path);
	writer->folder = realpath(folder, NULL);
	if (!writer->folder)
		return err_errno(err, "%s", folder);
	writer->target = join(writer->folder, name, err);
	return writer->target ? 0 : -1;
}

static int check_target(const struct image_writer *writer, struct err *err)
{
	if (faccessat(AT_FDCWD, writer->target, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(
			err, "%s exists already: choose another name or remove it", writer->target);
	return errno == ENOENT ? 0 : err_errno(err, "%s", writer->target);
}

struct image_writer *image_writer_create(const char *path, struct err *err)
{
	struct image_writer *writer = calloc(1, sizeof(*writer));
	if (!writer) {
		err_set(err, "out of memory");
		return NULL;
	}
	writer->lock = -1;
	if (set_paths(writer, path, err) == 0 && check_target(writer, err) == 0 &&
		image_part_sweep(writer->folder, err) == 0)
		writer->lock = image_part_make(writer->target, &writer->part, err);
	if (writer->lock >= 0)
		return writer;
	image_writer_destroy(writer);
	return NULL;
}

const char *image_writer_dir(const struct image_writer *writer)
{
	return writer->part;
}

/* ---- publishing ---- */

static int seal_stream(const char *dir, char hash[IMAGE_HASH_SIZE], struct err *err)
{
	char path[PATH_MAX];
	_Static_assert(IMAGE_HASH_SIZE == STREAM_SEAL_SIZE, "both are 128 bits in hex");
	snprintf(path, sizeof(path), "%s/" IMAGE_STREAM, dir);
	return stream_seal(path, hash, err);
}

struct parts {
	const char *dir;
	json_t *parts;
};

static int add_part(const char *path, int fd, const struct stat *st, void *data, struct err *err)
{
	struct parts *parts = data;
	char hash[IMAGE_HASH_SIZE];
	if (!strcmp(path, IMAGE_MARKER))
		return 0;
	int result = strcmp(path, IMAGE_STREAM) ? image_hash(fd, hash, err)
						: seal_stream(parts->dir, hash, err);
	if (result < 0 || fchmod(fd, st->st_mode & 0700) < 0 || fsync(fd) < 0)
		return result < 0 ? err_context(err, "%s", path) : err_errno(err, "%s", path);
	json_t *part = json_pack("{s:I, s:s}", "size", (json_int_t)st->st_size, "xxh3", hash);
	if (!part || json_object_set_new(parts->parts, path, part) < 0)
		return err_set(err, "%s: a name that is no text", path);
	return 0;
}

static int list_parts(struct image_writer *writer, json_t *manifest, struct err *err)
{
	json_t *list = json_object();
	struct parts parts = {writer->part, list};
	if (!list || json_object_set_new(manifest, "parts", list) < 0)
		return err_set(err, "out of memory");
	return image_walk(writer->part, add_part, &parts, err);
}

static int make_id(char id[33], struct err *err)
{
	uint64_t words[2];
	if (getrandom(words, sizeof(words), 0) != (ssize_t)sizeof(words))
		return err_errno(err, "getrandom");
	snprintf(id, 33, "%016llx%016llx", (unsigned long long)words[0],
		(unsigned long long)words[1]);
	return 0;
}

static int describe(json_t *manifest, struct err *err)
{
	char id[33], created[32];
	struct tm now;
	time_t seconds = time(NULL);
	if (make_id(id, err) < 0)
		return -1;
	gmtime_r(&seconds, &now);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &now);
	json_t *head = json_pack("{s:s, s:i, s:s, s:s}", "format", IMAGE_FORMAT, "version",
		IMAGE_VERSION, "id", id, "created", created);
	int result = head ? json_object_update(manifest, head) : -1;
	json_decref(head);
	return result < 0 ? err_set(err, "out of memory") : 0;
}

static int write_manifest(struct image_writer *writer, const json_t *manifest, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	if (image_manifest_format(manifest, &text, err) < 0)
		return -1;
	return io_write_file(writer->lock, IMAGE_MANIFEST, text.data, text.size, 0600, err);
}

/* Not every file system can refuse to replace; there a folder with something in it is not replaced
 * by rename(2) either. */
static int move_into_place(struct image_writer *writer, struct err *err)
{
	int result = renameat2(AT_FDCWD, writer->part, AT_FDCWD, writer->target, RENAME_NOREPLACE);
	if (result < 0 && errno == EINVAL)
		result = rename(writer->part, writer->target);
	if (result < 0)
		return err_errno(err, "%s", writer->target);
	writer->published = true;
	unlinkat(writer->lock, IMAGE_MARKER, 0);
	return io_sync_dir(writer->folder, err);
}

void image_writer_guard(struct image_writer *writer, image_guard_fn *guard, void *data)
{
	writer->guard = guard;
	writer->guard_data = data;
}

int image_writer_publish(struct image_writer *writer, json_t *manifest, struct err *err)
{
	if (list_parts(writer, manifest, err) < 0 || describe(manifest, err) < 0 ||
		write_manifest(writer, manifest, err) < 0 || image_walk_sync(writer->part, err) < 0)
		return err_context(err, "%s", writer->target);
	if (writer->guard && writer->guard(writer->guard_data, err) < 0)
		return -1;
	return move_into_place(writer, err);
}

void image_writer_destroy(struct image_writer *writer)
{
	if (!writer)
		return;
	if (writer->part && !writer->published)
		io_remove_tree(AT_FDCWD, writer->part, NULL);
	if (writer->lock >= 0)
		close(writer->lock);
	free(writer->part);
	free(writer->target);
	free(writer->folder);
	free(writer);
}
