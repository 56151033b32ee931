#define _GNU_SOURCE
#include "xdetach/image/image.h"

#include "base/io.h"
#include "xdetach/image/manifest.h"
#include "xdetach/image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define MANIFEST_MAX (64u << 20)

static int read_manifest(struct image *image, struct err *err)
{
	char path[PATH_MAX + sizeof(IMAGE_MANIFEST)];
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), "%s/" IMAGE_MANIFEST, image->path);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return err_set(err, "there is no " IMAGE_MANIFEST " in it: not an image of glckpt");
	if (io_read_file(AT_FDCWD, path, &text, MANIFEST_MAX, err) < 0)
		return -1;
	image->manifest = image_manifest_parse(&text, err);
	return image->manifest ? 0 : -1;
}

int image_open(struct image *image, const char *path, struct err *err)
{
	*image = (struct image){.path = realpath(path, NULL)};
	if (!image->path)
		return err_errno(err, "%s", path);
	if (read_manifest(image, err) < 0) {
		image_close(image);
		return err_context(err, "%s", path);
	}
	return 0;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	free(image->path);
	json_decref(image->manifest);
	*image = (struct image){0};
}

struct check {
	const struct image *image;
	const json_t *parts;
	json_t *seen;
	bool frame; /* leave the chunks of process.img */
	stream_progress_fn *progress;
	void *data;
	uint64_t done;
	uint64_t total;
};

static void add_progress(uint64_t done, uint64_t total, void *data)
{
	struct check *check = data;
	if (check->progress)
		check->progress(check->done + done, check->total, check->data);
}

static int hash_stream(struct check *check, char hash[IMAGE_HASH_SIZE], struct err *err)
{
	char path[PATH_MAX + sizeof(IMAGE_STREAM)];
	snprintf(path, sizeof(path), "%s/" IMAGE_STREAM, check->image->path);
	if (!check->frame && stream_verify(path, 0, add_progress, check, err) < 0)
		return -1;
	return stream_seal(path, hash, err);
}

static int check_part(
	struct check *check, const char *path, int fd, const struct stat *st, struct err *err)
{
	char hash[IMAGE_HASH_SIZE];
	const json_t *part = json_object_get(check->parts, path);
	const char *expected = json_string_value(json_object_get(part, "xxh3"));
	if (!part || !expected)
		return err_set(err, "%s does not belong to the image", path);
	if (json_integer_value(json_object_get(part, "size")) != (json_int_t)st->st_size)
		return err_set(err, "%s is damaged: it has %lld bytes instead of %lld", path,
			(long long)st->st_size,
			(long long)json_integer_value(json_object_get(part, "size")));
	int result = strcmp(path, IMAGE_STREAM) ? image_hash(fd, hash, err)
						: hash_stream(check, hash, err);
	if (result < 0)
		return err_context(err, "%s is damaged", path);
	if (strcmp(hash, expected))
		return err_set(err, "%s is damaged: its checksum does not fit", path);
	return 0;
}

static int see_part(const char *path, int fd, const struct stat *st, void *data, struct err *err)
{
	struct check *check = data;
	if (!strcmp(path, IMAGE_MANIFEST) || !strcmp(path, IMAGE_MARKER))
		return 0;
	if (check_part(check, path, fd, st, err) < 0)
		return -1;
	check->done += (uint64_t)st->st_size;
	add_progress(0, 0, check);
	return json_object_set_new(check->seen, path, json_true()) < 0
		? err_set(err, "out of memory")
		: 0;
}

static int check_missing(const struct check *check, struct err *err)
{
	const char *path;
	json_t *part;
	json_object_foreach ((json_t *)check->parts, path, part)
		if (!json_object_get(check->seen, path))
			return err_set(err, "%s is missing", path);
	return 0;
}

static uint64_t sum_sizes(const json_t *parts)
{
	uint64_t total = 0;
	const char *path;
	json_t *part;
	json_object_foreach ((json_t *)parts, path, part)
		total += (uint64_t)json_integer_value(json_object_get(part, "size"));
	return total;
}

static int verify(struct check *check, struct err *err)
{
	const struct image *image = check->image;
	check->parts = json_object_get(image->manifest, "parts");
	check->total = sum_sizes(check->parts);
	check->seen = json_object();
	int result = check->seen ? image_walk(image->path, see_part, check, err)
				 : err_set(err, "out of memory");
	if (result == 0)
		result = check_missing(check, err);
	json_decref(check->seen);
	return result < 0 ? err_context(err, "%s", image->path) : 0;
}

int image_verify(
	const struct image *image, stream_progress_fn *progress, void *data, struct err *err)
{
	struct check check = {.image = image, .progress = progress, .data = data};
	return verify(&check, err);
}

int image_verify_frame(
	const struct image *image, stream_progress_fn *progress, void *data, struct err *err)
{
	struct check check = {.image = image, .frame = true, .progress = progress, .data = data};
	return verify(&check, err);
}

static int add_blocks(const char *path, int fd, const struct stat *st, void *data, struct err *err)
{
	*(uint64_t *)data += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t image_bytes(const struct image *image)
{
	uint64_t bytes = 0;
	image_walk(image->path, add_blocks, &bytes, NULL);
	return bytes;
}
