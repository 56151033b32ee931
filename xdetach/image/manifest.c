#include "xdetach/image/manifest.h"

#include "xdetach/image/image.h"
#include "xdetach/image/walk.h"

#include <string.h>

#define CHECKSUM_BEFORE ",\n  \"checksum\": \""
#define CHECKSUM_BEHIND "\"\n}\n"
#define OBJECT_END "\n}"

enum {
	TAIL_SIZE = sizeof(CHECKSUM_BEFORE) - 1 + IMAGE_HASH_SIZE - 1 + sizeof(CHECKSUM_BEHIND) - 1
};

static void format_tail(const char *data, size_t size, char tail[TAIL_SIZE + 1])
{
	char hash[IMAGE_HASH_SIZE];
	image_hash_bytes(data, size, hash);
	snprintf(tail, TAIL_SIZE + 1, CHECKSUM_BEFORE "%s" CHECKSUM_BEHIND, hash);
}

int image_manifest_format(const json_t *manifest, struct buf *text, struct err *err)
{
	char tail[TAIL_SIZE + 1];
	char *json = json_dumps(manifest, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (!json || !json_object_size(manifest)) {
		free(json);
		return err_set(err, "the manifest cannot be written as JSON");
	}
	size_t size = strlen(json) - strlen(OBJECT_END);
	format_tail(json, size, tail);
	buf_append(text, json, size);
	buf_append_text(text, tail);
	free(json);
	return buf_failed(text) ? err_set(err, "out of memory") : 0;
}

static json_t *check_version(json_t *manifest, struct err *err)
{
	const char *format = json_string_value(json_object_get(manifest, "format"));
	json_int_t version = json_integer_value(json_object_get(manifest, "version"));
	if (!format || strcmp(format, IMAGE_FORMAT))
		err_set(err, "not an image of glckpt");
	else if (version != IMAGE_VERSION)
		err_set(err,
			"the image has format version %lld, and this glckpt knows version %d: use "
			"a newer glckpt",
			(long long)version, IMAGE_VERSION);
	else
		return manifest;
	json_decref(manifest);
	return NULL;
}

json_t *image_manifest_parse(const struct buf *text, struct err *err)
{
	char tail[TAIL_SIZE + 1];
	json_error_t where;
	if (text->size < TAIL_SIZE) {
		err_set(err, "the manifest is cut");
		return NULL;
	}
	size_t size = text->size - TAIL_SIZE;
	format_tail(text->data, size, tail);
	if (memcmp(text->data + size, tail, TAIL_SIZE)) {
		err_set(err, "the manifest is damaged (its checksum does not fit)");
		return NULL;
	}
	json_t *manifest = json_loadb(text->data, text->size, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(manifest)) {
		json_decref(manifest);
		err_set(err, "the manifest is no JSON object: %s", where.text);
		return NULL;
	}
	return check_version(manifest, err);
}
