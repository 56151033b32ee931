#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

void buf_finish(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct buf)BUF_INIT;
}

static size_t grown(size_t capacity, size_t wanted)
{
	size_t next = capacity ? capacity : 256;
	while (next < wanted)
		next = next > SIZE_MAX / 2 ? wanted : next * 2;
	return next;
}

void *buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed || more >= SIZE_MAX - buf->size) {
		buf->failed = true;
		return NULL;
	}
	size_t wanted = buf->size + more + 1;
	if (wanted > buf->capacity) {
		size_t capacity = grown(buf->capacity, wanted);
		char *data = realloc(buf->data, capacity);
		if (!data) {
			buf->failed = true;
			return NULL;
		}
		buf->data = data;
		buf->capacity = capacity;
	}
	return buf->data + buf->size;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
	char *room = buf_reserve(buf, size);
	if (!room)
		return;
	if (size)
		memcpy(room, data, size);
	buf->size += size;
	buf->data[buf->size] = '\0';
}

void buf_append_text(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		buf->failed = true;
	} else if (buf_reserve(buf, (size_t)length)) {
		vsnprintf(buf->data + buf->size, (size_t)length + 1, format, again);
		buf->size += (size_t)length;
	}
	va_end(again);
}

void buf_consume(struct buf *buf, size_t count)
{
	if (count > buf->size)
		count = buf->size;
	if (!count)
		return;
	buf->size -= count;
	memmove(buf->data, buf->data + count, buf->size);
	buf->data[buf->size] = '\0';
}

void buf_clear(struct buf *buf)
{
	buf_consume(buf, buf->size);
}

char *buf_steal(struct buf *buf)
{
	if (buf->failed)
		return NULL;
	if (!buf->data && !buf_reserve(buf, 0))
		return NULL;
	buf->data[buf->size] = '\0';
	char *data = buf->data;
	*buf = (struct buf)BUF_INIT;
	return data;
}
