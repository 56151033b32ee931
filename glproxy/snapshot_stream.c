#include "glproxy/snapshot_stream.h"

#include "glproxy/told.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void pad(struct buf *buf)
{
	static const char zeros[8];
	buf_append(buf, zeros, -buf->size & 7);
}

#define PART ((size_t)1 << 20)

void stream_put(struct stream *stream, const void *message, size_t size)
{
	buf_append(&stream->messages, message, size);
	pad(&stream->messages);
	if (stream->out && stream->messages.size + stream->size >= PART)
		stream_flush(stream);
}

static bool put_piece(struct stream *stream, const void *data, size_t size)
{
	struct snapshot_out *out = stream->out;
	struct stream_piece piece = {.at = stream->size, .size = size};
	if (!out || !out->has_contents || size < CONTENTS_MIN || out->failed)
		return false;
	if (contents_put(&out->contents, data, size, &piece.hash, out->err))
		out->failed = true;
	buf_append(&stream->pieces, &piece, sizeof(piece));
	return true;
}

struct wire_data stream_data(struct stream *stream, const void *data, size_t size)
{
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	const uint64_t at = stream->size;
	if (!put_piece(stream, data, size)) {
		buf_append(&stream->data, data, size);
		pad(&stream->data);
	}
	stream->size += wire_align(size);
	return (struct wire_data){.where = WIRE_ARENA, .size = size, .at = at};
}

void stream_flush(struct stream *stream)
{
	struct snapshot_out *out = stream->out;
	if (buf_failed(&stream->messages) || buf_failed(&stream->data) ||
		buf_failed(&stream->pieces))
		out->record.failed = true;
	const size_t place = record_begin(&out->record, SNAPSHOT_STREAM);
	record_u32(&out->record, stream->context);
	record_bytes(&out->record, stream->messages.data, stream->messages.size);
	record_bytes(&out->record, stream->data.data, stream->data.size);
	record_bytes(&out->record, stream->pieces.data, stream->pieces.size);
	record_end(&out->record, place);
	snapshot_out_flush(out);
	buf_clear(&stream->messages);
	buf_clear(&stream->data);
	buf_clear(&stream->pieces);
	stream->size = 0;
}

/* The message at hand, with its data copied from the other's. */
static void append_one(struct stream *stream, char *message, size_t size, const uint16_t *places,
	const struct buf *from)
{
	for (unsigned i = 1; from && i <= places[0]; i++) {
		struct wire_data data;
		memcpy(&data, message + places[i], sizeof(data));
		if (data.where == WIRE_ARENA)
			data = stream_data(stream, from->data + data.at, data.size);
		memcpy(message + places[i], &data, sizeof(data));
	}
	stream_put(stream, message, size);
}

void stream_append(struct stream *stream, const struct buf *messages, const struct buf *data)
{
	_Alignas(8) char copy[WIRE_MESSAGE_MAX];
	for (size_t at = 0; at < messages->size;) {
		struct wire_head head;
		memcpy(&head, messages->data + at, sizeof(head));
		const size_t size = (size_t)head.units * 8;
		memcpy(copy, messages->data + at, size);
		append_one(stream, copy, size, exec_entries[head.opcode].data, data);
		at += size;
	}
}

void stream_finish(struct stream *stream)
{
	buf_finish(&stream->messages);
	buf_finish(&stream->data);
	buf_finish(&stream->pieces);
}

void *take_room(struct take *t, size_t size)
{
	if (size > t->room_size || !t->room) {
		free(t->room);
		t->room = calloc(1, size + 16);
		t->room_size = t->room ? size : 0;
	}
	if (!t->room)
		take_refuse(t, "out of memory");
	else if (size < PART)
		memset(t->room, 0, size);
	return t->room;
}

void take_refuse(struct take *t, const char *format, ...)
{
	char text[256];
	va_list arguments;
	if (t->refused)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	t->refused = true;
	err_set(t->err, "%s", text);
}

GLuint take_name(
	struct take *t, enum names_class cls, GLuint driver, const char *what, const char *by)
{
	const GLuint name = driver ? names_known(t->names[cls], driver) : 0;
	if (driver && !name)
		take_refuse(t, "a deleted %s is still used by %s", what, by);
	return name;
}

#define LABEL_MAX 1024

void take_label(struct take *t, GLenum identifier, GLuint name, GLuint driver)
{
	char label[LABEL_MAX] = "";
	GLsizei length = 0;
	t->gl->GetObjectLabel(identifier, driver, sizeof(label), &length, label);
	if (!take_failed(t) && length > 0)
		PUT(&t->out, glObjectLabel, .identifier = identifier, .name = name,
			.length = length, .label = stream_data(&t->out, label, (size_t)length));
}

bool take_failed(struct take *t)
{
	bool failed = false;
	while (t->gl->GetError())
		failed = true;
	return failed;
}

GLint take_integer(struct take *t, GLenum pname)
{
	GLint value[16] = {0};
	double told[2];
	if (told_limit(told_known(t->context), pname, told))
		return (GLint)told[0];
	t->gl->GetIntegerv(pname, value);
	return take_failed(t) ? 0 : value[0];
}
