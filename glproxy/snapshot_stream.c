#include "glproxy/snapshot_stream.h"

#include <stdarg.h>
#include <string.h>

static void pad(struct buf *buf)
{
	static const char zeros[8];
	buf_append(buf, zeros, -buf->size & 7);
}

void stream_put(struct stream *stream, const void *message, size_t size)
{
	buf_append(&stream->messages, message, size);
	pad(&stream->messages);
}

struct wire_data stream_data(struct stream *stream, const void *data, size_t size)
{
	if (!data)
		return (struct wire_data){.where = WIRE_NULL};
	const uint64_t at = stream->data.size;
	buf_append(&stream->data, data, size);
	pad(&stream->data);
	return (struct wire_data){.where = WIRE_ARENA, .size = size, .at = at};
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
	t->gl->GetIntegerv(pname, value);
	return take_failed(t) ? 0 : value[0];
}
