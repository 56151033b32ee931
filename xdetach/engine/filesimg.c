#include "xdetach/engine/filesimg.h"

#include <endian.h>
#include <string.h>

#define COMMON_MAGIC 0x54564319u
#define FILES_MAGIC 0x56303138u
#define HEAD_SIZE 8

struct editing {
	uint32_t number;
	filesimg_edit_fn *edit;
	void *data;
	bool failed;
};

static uint32_t load_u32(const uint8_t *data)
{
	uint32_t value;
	memcpy(&value, data, sizeof(value));
	return le32toh(value);
}

static void edit_field(struct editing *editing, const struct proto_field *field, struct buf *out)
{
	scoped_buf struct buf message = BUF_INIT;
	bool wanted = field->number == editing->number && field->type == PROTO_BYTES;
	if (wanted && editing->edit(field, &message, editing->data, &editing->failed))
		proto_put_bytes(out, field->number, message.data, message.size);
	else
		buf_append(out, field->whole, field->whole_size);
	out->failed |= buf_failed(&message);
}

static void edit_entry(struct editing *editing, const uint8_t *data, size_t size, struct buf *out)
{
	struct proto proto;
	struct proto_field field;
	scoped_buf struct buf entry = BUF_INIT;
	proto_init(&proto, data, size);
	while (proto_next(&proto, &field))
		edit_field(editing, &field, &entry);
	editing->failed |= proto.failed;
	uint32_t length = htole32((uint32_t)entry.size);
	buf_append(out, &length, sizeof(length));
	buf_append(out, entry.data, entry.size);
	out->failed |= buf_failed(&entry);
}

static int edit_entries(
	struct editing *editing, const uint8_t *at, size_t left, struct buf *out, struct err *err)
{
	while (left) {
		uint32_t size = left < 4 ? UINT32_MAX : load_u32(at);
		if (left < 4 || size > left - 4)
			return err_set(err, "files.img: an entry is cut");
		edit_entry(editing, at + 4, size, out);
		if (editing->failed)
			return err_set(err, "files.img: an entry makes no sense");
		at += 4 + (size_t)size;
		left -= 4 + (size_t)size;
	}
	return buf_failed(out) ? err_set(err, "out of memory") : 0;
}

int filesimg_edit(
	struct buf *files_img, uint32_t number, filesimg_edit_fn *edit, void *data, struct err *err)
{
	struct editing editing = {number, edit, data, false};
	scoped_buf struct buf out = BUF_INIT;
	const uint8_t *bytes = (const uint8_t *)files_img->data;
	if (files_img->size < HEAD_SIZE || load_u32(bytes) != COMMON_MAGIC ||
		load_u32(bytes + 4) != FILES_MAGIC)
		return err_set(err, "files.img: not what criu writes under this name");
	buf_append(&out, bytes, HEAD_SIZE);
	if (edit_entries(&editing, bytes + HEAD_SIZE, files_img->size - HEAD_SIZE, &out, err) < 0)
		return -1;
	buf_finish(files_img);
	*files_img = out;
	out = (struct buf)BUF_INIT;
	return 0;
}
