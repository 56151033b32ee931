#include "xdetach/files.h"

#include "base/buf.h"
#include "xdetach/files-entry.h"
#include "xdetach/proto.h"

#include <endian.h>
#include <string.h>

/* criu's lib/py/images/images.py and criu/include/magic.h: two magic numbers, then entries, each
 * behind its length. */
#define COMMON_MAGIC 0x54564319u
#define FILES_MAGIC 0x56303138u

enum { FILE_REG = 3 }; /* fdinfo.proto, file_entry */
enum { REG_NAME = 6, REG_SIZE = 8, REG_BUILD_ID = 11, REG_CHECKSUM = 12, REG_CHECKSUM_LAST = 14 };

/* criu writes a name without the first slash. */
static bool is_named(const json_t *paths, const struct proto_field *name)
{
	size_t i;
	json_t *path;
	json_array_foreach(paths, i, path)
	{
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

static void copy_reg(const struct proto_field *reg, struct buf *out)
{
	struct proto proto;
	struct proto_field field;
	scoped_buf struct buf inner = BUF_INIT;
	proto_init(&proto, reg->data, reg->size);
	while (proto_next(&proto, &field))
		if (!is_about_contents(&field))
			buf_append(&inner, field.whole, field.whole_size);
	out->failed |= buf_failed(&inner);
	proto_put_bytes(out, FILE_REG, inner.data, inner.size);
}

/* One file_entry, rewritten where it is about one of the paths. */
static int copy_entry(
	const uint8_t *data, size_t size, const json_t *paths, struct buf *out, struct err *err)
{
	bool failed = false;
	struct proto proto;
	struct proto_field field;
	proto_init(&proto, data, size);
	while (proto_next(&proto, &field)) {
		if (field.number == FILE_REG && field.type == PROTO_BYTES &&
			reg_is_named(paths, &field, &failed))
			copy_reg(&field, out);
		else
			buf_append(out, field.whole, field.whole_size);
	}
	return failed || proto.failed ? err_set(err, "an entry makes no sense") : 0;
}

static uint32_t load_u32(const uint8_t *data)
{
	uint32_t value;
	memcpy(&value, data, sizeof(value));
	return le32toh(value);
}

static int copy_sized(
	const uint8_t *data, size_t size, const json_t *paths, struct buf *out, struct err *err)
{
	scoped_buf struct buf entry = BUF_INIT;
	if (copy_entry(data, size, paths, &entry, err) < 0)
		return -1;
	uint32_t length = htole32((uint32_t)entry.size);
	buf_append(out, &length, sizeof(length));
	buf_append(out, entry.data, entry.size);
	out->failed |= buf_failed(&entry);
	return 0;
}

static int copy_entries(
	const uint8_t *at, size_t left, const json_t *paths, struct buf *out, struct err *err)
{
	while (left) {
		uint32_t size = left < 4 ? UINT32_MAX : load_u32(at);
		if (left < 4 || size > left - 4)
			return err_set(err, "an entry is cut");
		if (copy_sized(at + 4, size, paths, out, err) < 0)
			return -1;
		at += 4 + (size_t)size;
		left -= 4 + (size_t)size;
	}
	return buf_failed(out) ? err_set(err, "out of memory") : 0;
}

int files_edit_criu(struct buf *files_img, const json_t *paths, struct err *err)
{
	scoped_buf struct buf out = BUF_INIT;
	const uint8_t *data = (const uint8_t *)files_img->data;
	if (files_img->size < 8 || load_u32(data) != COMMON_MAGIC ||
		load_u32(data + 4) != FILES_MAGIC)
		return err_set(err, "files.img: not what criu writes under this name");
	buf_append(&out, data, 8);
	if (copy_entries(data + 8, files_img->size - 8, paths, &out, err) < 0)
		return err_context(err, "files.img");
	buf_finish(files_img);
	*files_img = out;
	out = (struct buf)BUF_INIT;
	return 0;
}
