#include "xdetach/batch/run-images.h"

#include "base/io.h"
#include "xdetach/image/image.h"
#include "xdetach/paths.h"

#include <fcntl.h>

void run_images_finish(struct run_images *images)
{
	for (size_t i = 0; i < images->count; i++)
		free(images->list[i].path);
	free(images->list);
	*images = (struct run_images){0};
}

static void read_age(struct run_image *found)
{
	struct image image;
	if (image_open(&image, found->path, NULL) < 0)
		return;
	const json_t *session = json_object_get(image.manifest, "session");
	const json_t *engine = json_object_get(image.manifest, "engine");
	const json_t *run = json_object_get(session, "run");
	found->token = (uint64_t)json_integer_value(json_object_get(run, "token"));
	found->monotonic_ns = json_integer_value(json_object_get(engine, "monotonic_ns"));
	image_close(&image);
}

static int add(struct run_images *images, char *path, struct err *err)
{
	struct run_image *list =
		realloc(images->list, (images->count + 1) * sizeof(images->list[0]));
	if (!list) {
		free(path);
		return err_set(err, "out of memory");
	}
	images->list = list;
	list[images->count] = (struct run_image){.path = path};
	read_age(&list[images->count++]);
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct run_image *first = a, *second = b;
	if (first->token != second->token)
		return first->token < second->token ? 1 : -1;
	return (first->monotonic_ns < second->monotonic_ns) -
		(first->monotonic_ns > second->monotonic_ns);
}

static int add_entry(struct run_images *images, const char *dir, const char *name, struct err *err)
{
	if (name[0] == '.')
		return 0;
	scoped_free char *manifest = paths_format(err, "%s/%s/manifest.json", dir, name);
	if (!manifest)
		return -1;
	if (access(manifest, F_OK) < 0)
		return 0;
	char *path = paths_format(err, "%s/%s", dir, name);
	return path ? add(images, path, err) : -1;
}

int run_images_find(struct run_images *images, const char *dir, struct err *err)
{
	*images = (struct run_images){0};
	scoped_dir DIR *folder = opendir(dir);
	if (!folder)
		return err_errno(err, "%s", dir);
	for (struct dirent *entry; (entry = readdir(folder));)
		if (add_entry(images, dir, entry->d_name, err) < 0)
			return -1;
	if (images->count)
		qsort(images->list, images->count, sizeof(images->list[0]), newest_first);
	return 0;
}

int run_images_prune(const char *dir, size_t keep, struct err *err)
{
	scoped(run_images_finish) struct run_images images = {0};
	if (run_images_find(&images, dir, err) < 0)
		return -1;
	for (size_t i = keep; i < images.count; i++)
		if (io_remove_tree(AT_FDCWD, images.list[i].path, err) < 0)
			return -1;
	return 0;
}
