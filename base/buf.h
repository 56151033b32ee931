/*
 * buf.h: bytes that grow.
 *
 * A buf owns its memory. A failed allocation leaves it failed: further appends do nothing, and
 * the caller checks buf_failed() once, at the end. After a successful append `data[size]` is 0,
 * so text in a buf is a C string. One thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/scope.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while empty */
	size_t size;
	size_t capacity;
	bool failed;
};

#define BUF_INIT  \
	{         \
		0 \
	}
#define scoped_buf scoped(buf_finish)

/* Releases the memory; takes a zeroed, half-built or finished buf alike. */
void buf_finish(struct buf *buf);

/* Makes room for `more` bytes behind the present ones; returns where they go, or NULL. */
void *buf_reserve(struct buf *buf, size_t more);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) printf_like(2, 3);

/* Drops the first `count` bytes. */
void buf_consume(struct buf *buf, size_t count);

/* Empties it and keeps the memory. */
void buf_clear(struct buf *buf);

/* The bytes as a heap string that the caller frees; the buf is empty afterwards. NULL: no memory.
 */
char *buf_steal(struct buf *buf);

static inline bool buf_failed(const struct buf *buf)
{
	return buf->failed;
}

#endif
