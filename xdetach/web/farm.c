#define _GNU_SOURCE
#include "xdetach/web/farm.h"

#include "xdetach/image/image.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <limits.h>
#include <sys/stat.h>

int farm_init(struct farm *farm, const char *const *dirs, struct err *err)
{
	*farm = (struct farm){
		.lock = PTHREAD_MUTEX_INITIALIZER, .images = json_object(), .dirs = dirs};
	return farm->images ? 0 : err_set(err, "out of memory");
}

/* ---- an image ---- */

static json_t *picked(const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);
	return value ? json_incref(value) : json_null();
}

static json_t *describe_image(const struct image *image, const struct stat *st)
{
	const json_t *manifest = image->manifest;
	const json_t *session = json_object_get(manifest, "session");
	scoped_free char *picture = paths_format(NULL, "%s/screen.png", image->path);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:b}", "path",
		image->path, "id", picked(manifest, "id"), "created", picked(manifest, "created"),
		"name", picked(session, "name"), "generation", picked(session, "generation"),
		"command", picked(session, "command"), "cwd", picked(session, "cwd"), "gl",
		picked(session, "gl"), "host",
		picked(json_object_get(manifest, "host"), "hostname"), "bytes",
		(json_int_t)image_bytes(image), "time", (json_int_t)st->st_mtime, "picture",
		picture && access(picture, R_OK) == 0);
}

/* A new reference, or NULL where it is no image, or not a sound one. */
static json_t *look_at_image(const struct farm *farm, const char *path, const struct stat *st)
{
	struct image image = {0};
	json_t *known = json_object_get(farm->images, path);
	if (json_integer_value(json_object_get(known, "time")) == st->st_mtime)
		return json_incref(known);
	if (image_open(&image, path, NULL) < 0)
		return NULL;
	known = describe_image(&image, st);
	image_close(&image);
	return known;
}

/* ---- folders of images ---- */

static void look_at_entry(const struct farm *farm, const char *dir, const char *name, json_t *into)
{
	scoped_free char *path = paths_format(NULL, "%s/%s", dir, name);
	scoped_free char *manifest = path ? paths_format(NULL, "%s/manifest.json", path) : NULL;
	struct stat st;
	if (!manifest || name[0] == '.' || json_object_get(into, path) || stat(manifest, &st) < 0)
		return;
	json_t *image = look_at_image(farm, path, &st);
	if (image)
		json_object_set_new(into, path, image);
}

static void look_into(const struct farm *farm, const char *folder, json_t *into)
{
	scoped_free char *dir = realpath(folder, NULL);
	scoped_dir DIR *entries = dir ? opendir(dir) : NULL;
	for (const struct dirent *entry; entries && (entry = readdir(entries));)
		look_at_entry(farm, dir, entry->d_name, into);
}

static void look_into_all(const struct farm *farm, const json_t *sessions, json_t *into)
{
	scoped_free char *own = paths_image_dir(NULL);
	size_t i;
	json_t *status;
	if (own)
		look_into(farm, own, into);
	json_array_foreach (sessions, i, status) {
		const char *dir = json_string_value(json_object_get(status, "image_dir"));
		if (dir)
			look_into(farm, dir, into);
	}
	for (const char *const *dir = farm->dirs; *dir; dir++)
		look_into(farm, *dir, into);
}

static json_t *describe_images(struct farm *farm, const json_t *sessions)
{
	json_t *found = json_object(), *list = json_array(), *image;
	const char *path;
	pthread_mutex_lock(&farm->lock);
	look_into_all(farm, sessions, found);
	json_decref(farm->images);
	farm->images = found;
	json_object_foreach (found, path, image)
		json_array_append_new(list, json_deep_copy(image));
	pthread_mutex_unlock(&farm->lock);
	return list;
}

/* ---- all of it ---- */

static void collect(const char *name, json_t *status, void *data)
{
	json_object_del(status, "event");
	json_object_del(status, "processes");
	json_array_append(data, status);
}

json_t *farm_describe(struct farm *farm, struct err *err)
{
	char host[HOST_NAME_MAX + 1] = "";
	json_t *sessions = json_array();
	if (session_each(collect, sessions, err) < 0) {
		json_decref(sessions);
		return NULL;
	}
	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:s, s:o, s:o}", "host", host, "version", GLCKPT_VERSION, "images",
		describe_images(farm, sessions), "sessions", sessions);
}
