#include "xdetach/image/files.h"

#include "base/buf.h"
#include "xdetach/engine/filesimg.h"
#include "xdetach/image/files-entry.h"

#include <string.h>

/* regfile.proto */
enum { REG_NAME = 6, REG_SIZE = 8, REG_BUILD_ID = 11, REG_CHECKSUM = 12, REG_CHECKSUM_LAST = 14 };

/* criu writes a name without the first slash. */
static bool is_named(const json_t *paths, const struct proto_field *name)
{
	size_t i;
	json_t *path;
	json_array_foreach (paths, i, path) {
		const char *text = json_string_value(path);
		while (text && *text == '/')
			text++;
		const char *other = (const char *)name->data;
		size_t size = name->size;
		for (; size && *other == '/'; other++)
			size--;
		if (text && strlen(text) == size && !memcmp(text, other, size))
			return true;
	}
	return false;
}

static bool is_about_contents(const struct proto_field *field)
{
	return field->number == REG_SIZE || field->number == REG_BUILD_ID ||
		(field->number >= REG_CHECKSUM && field->number <= REG_CHECKSUM_LAST);
}

static bool reg_is_named(const json_t *paths, const struct proto_field *reg, bool *failed)
{
	bool named = false;
	struct proto proto;
	struct proto_field field;
	proto_init(&proto, reg->data, reg->size);
	while (proto_next(&proto, &field))
		if (field.number == REG_NAME && field.type == PROTO_BYTES)
			named = is_named(paths, &field);
	*failed |= proto.failed;
	return named;
}

static bool edit_reg(const struct proto_field *reg, struct buf *out, void *data, bool *failed)
{
	struct proto proto;
	struct proto_field field;
	if (!reg_is_named(data, reg, failed))
		return false;
	proto_init(&proto, reg->data, reg->size);
	while (proto_next(&proto, &field))
		if (!is_about_contents(&field))
			buf_append(out, field.whole, field.whole_size);
	return true;
}

int files_edit_criu(struct buf *files_img, const json_t *paths, struct err *err)
{
	return filesimg_edit(files_img, FILESIMG_REG, edit_reg, (void *)paths, err);
}
