/*
 * verify.h: chunks of an open image read in the order they lie in, by several threads, and
 * compared with their checksums. What was read stays in the page cache.
 */
#ifndef XDETACH_STREAM_VERIFY_H
#define XDETACH_STREAM_VERIFY_H

#include "base/err.h"
#include "xdetach/stream/format.h"
#include "xdetach/stream/stream.h"

#include <stdatomic.h>
#include <stdbool.h>

struct stream_verify_options {
	unsigned threads;               /* 0: one a processor */
	const struct stream_file *skip; /* not this one; may be NULL */
	stream_progress_fn *progress;   /* in the calling thread; may be NULL */
	void *data;
	const atomic_bool *stop; /* ends it early, without an error; may be NULL */
};

int stream_index_verify(const struct stream_index *index, int fd,
	const struct stream_verify_options *options, struct err *err);

#endif
