/*
 * trace.h: writing apitrace's trace files (its docs/FORMAT.markdown, version 5): calls with their
 * values, compressed by gzip.
 *
 *	trace_begin(t, thread, number, "glEnable", names, 1);
 *	trace_argument(t, 0);
 *	trace_enum(t, GL_BLEND);
 *	trace_made(t);
 *	trace_end(t);
 *
 * Fails once and stays failed: trace_close() says so.
 */
#ifndef GLPROXY_LOOK_TRACE_H
#define GLPROXY_LOOK_TRACE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct trace;

struct trace *trace_open(const char *file, struct err *err);

/* Frees the trace, too; the file is removed where this fails. */
int trace_close(struct trace *trace, struct err *err);

/* A call of a function, which `number` stands for in this trace, once and for all (below
 * TRACE_FUNCTIONS). */
#define TRACE_FUNCTIONS 8192u
void trace_begin(struct trace *trace, unsigned thread, unsigned number, const char *name,
	const char *const *arguments, unsigned count);

/* The value that comes next is of this argument. */
void trace_argument(struct trace *trace, unsigned index);

/* The arguments are said: what comes next, if anything, is what the call returned. */
void trace_made(struct trace *trace);
void trace_returned(struct trace *trace);
void trace_end(struct trace *trace);

/* ---- values ---- */

void trace_null(struct trace *trace);
void trace_signed(struct trace *trace, int64_t value);
void trace_unsigned(struct trace *trace, uint64_t value);
void trace_float(struct trace *trace, float value);
void trace_double(struct trace *trace, double value);
void trace_text(struct trace *trace, const char *text, size_t size);
void trace_blob(struct trace *trace, const void *data, size_t size);
void trace_enum(struct trace *trace, uint32_t value);
void trace_opaque(struct trace *trace, uint64_t value);
void trace_array(struct trace *trace, size_t count); /* as many values follow */

#endif
