#include "glproxy/look/trace.h"

#include "wire/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define VERSION 5

enum { ENTER = 0, LEAVE = 1 };
enum { DETAIL_END = 0, DETAIL_ARGUMENT = 1, DETAIL_RETURN = 2 };
enum {
	TYPE_NULL = 0x00,
	TYPE_NEGATIVE = 0x03,
	TYPE_POSITIVE = 0x04,
	TYPE_FLOAT = 0x05,
	TYPE_DOUBLE = 0x06,
	TYPE_STRING = 0x07,
	TYPE_BLOB = 0x08,
	TYPE_ENUM = 0x09,
	TYPE_ARRAY = 0x0b,
	TYPE_OPAQUE = 0x0d,
};

struct trace {
	gzFile file;
	char *path;
	uint64_t calls;
	bool functions[TRACE_FUNCTIONS]; /* said already */
	bool *enums;
	bool failed;
};

static void put(struct trace *trace, const void *data, size_t size)
{
	const char *at = data;
	while (size && !trace->failed) {
		const unsigned some = size > 1u << 30 ? 1u << 30 : (unsigned)size;
		if (gzwrite(trace->file, at, some) != (int)some)
			trace->failed = true;
		at += some;
		size -= some;
	}
}

static void put_byte(struct trace *trace, int byte)
{
	const unsigned char value = (unsigned char)byte;
	put(trace, &value, 1);
}

static void put_number(struct trace *trace, uint64_t value)
{
	unsigned char bytes[10];
	size_t size = 0;
	for (; value > 0x7f; value >>= 7)
		bytes[size++] = (unsigned char)(value | 0x80);
	bytes[size++] = (unsigned char)value;
	put(trace, bytes, size);
}

static void put_string(struct trace *trace, const void *text, size_t size)
{
	put_number(trace, size);
	put(trace, text, size);
}

struct trace *trace_open(const char *file, struct err *err)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	if (trace) {
		trace->path = strdup(file);
		trace->enums = calloc(wire_enum_count, sizeof(*trace->enums));
	}
	if (!trace || !trace->path || !trace->enums) {
		err_set(err, "out of memory");
	} else {
		trace->file = gzopen(file, "wb1e");
		if (!trace->file)
			err_errno(err, "%s", file);
	}
	if (trace && !trace->file) {
		trace_close(trace, NULL);
		return NULL;
	}
	if (trace)
		put_number(trace, VERSION);
	return trace;
}

int trace_close(struct trace *trace, struct err *err)
{
	int status = 0;
	errno = 0;
	if (trace->file && (gzclose(trace->file) != Z_OK || trace->failed)) {
		status = errno ? err_errno(err, "%s", trace->path)
			       : err_set(err, "%s cannot be written", trace->path);
		unlink(trace->path);
	}
	free(trace->path);
	free(trace->enums);
	free(trace);
	return status;
}

/* ---- calls ---- */

void trace_begin(struct trace *trace, unsigned thread, unsigned number, const char *name,
	const char *const *arguments, unsigned count)
{
	put_byte(trace, ENTER);
	put_number(trace, thread);
	put_number(trace, number);
	if (trace->functions[number])
		return;
	trace->functions[number] = true;
	put_string(trace, name, strlen(name));
	put_number(trace, count);
	for (unsigned i = 0; i < count; i++)
		put_string(trace, arguments[i], strlen(arguments[i]));
}

void trace_argument(struct trace *trace, unsigned index)
{
	put_byte(trace, DETAIL_ARGUMENT);
	put_number(trace, index);
}

void trace_made(struct trace *trace)
{
	put_byte(trace, DETAIL_END);
	put_byte(trace, LEAVE);
	put_number(trace, trace->calls++);
}

void trace_returned(struct trace *trace)
{
	put_byte(trace, DETAIL_RETURN);
}

void trace_end(struct trace *trace)
{
	put_byte(trace, DETAIL_END);
}

/* ---- values ---- */

void trace_null(struct trace *trace)
{
	put_byte(trace, TYPE_NULL);
}

void trace_signed(struct trace *trace, int64_t value)
{
	put_byte(trace, value < 0 ? TYPE_NEGATIVE : TYPE_POSITIVE);
	put_number(trace, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void trace_unsigned(struct trace *trace, uint64_t value)
{
	put_byte(trace, TYPE_POSITIVE);
	put_number(trace, value);
}

void trace_float(struct trace *trace, float value)
{
	put_byte(trace, TYPE_FLOAT);
	put(trace, &value, sizeof(value));
}

void trace_double(struct trace *trace, double value)
{
	put_byte(trace, TYPE_DOUBLE);
	put(trace, &value, sizeof(value));
}

void trace_text(struct trace *trace, const char *text, size_t size)
{
	put_byte(trace, TYPE_STRING);
	put_string(trace, text, strnlen(text, size));
}

void trace_blob(struct trace *trace, const void *data, size_t size)
{
	put_byte(trace, TYPE_BLOB);
	put_string(trace, data, size);
}

/* Each value is a signature of its own, of one name. */
void trace_enum(struct trace *trace, uint32_t value)
{
	const struct wire_enum *row = wire_enum_find(value);
	if (!row) {
		trace_unsigned(trace, value);
		return;
	}
	const size_t index = (size_t)(row - wire_enums);
	put_byte(trace, TYPE_ENUM);
	put_number(trace, index);
	if (!trace->enums[index]) {
		trace->enums[index] = true;
		put_number(trace, 1);
		put_string(trace, row->name, strlen(row->name));
		trace_unsigned(trace, value);
	}
	trace_unsigned(trace, value);
}

void trace_opaque(struct trace *trace, uint64_t value)
{
	if (!value) {
		trace_null(trace);
		return;
	}
	put_byte(trace, TYPE_OPAQUE);
	put_number(trace, value);
}

void trace_array(struct trace *trace, size_t count)
{
	put_byte(trace, TYPE_ARRAY);
	put_number(trace, count);
}
