/*
 * output.h: the file that grows: where extents lie, and how they get there.
 *
 * Large chunks are written by the calling thread straight to the disk, at an offset that is given
 * out first, so that several threads write at once. Small ones are packed together in memory and
 * written in one piece.
 */
#ifndef XDETACH_STREAM_OUTPUT_H
#define XDETACH_STREAM_OUTPUT_H

#include "base/err.h"
#include "xdetach/stream/format.h"

struct stream_job;
struct stream_output;

/* `path` must not exist. Room is made for `expected` bytes, as far as the disk has it. */
struct stream_output *stream_output_create(const char *path, uint64_t expected, struct err *err);

/* Writes the job's bytes and enters the chunk into its file. After an error the next calls do
 * nothing and give -1 without a sentence. Any thread. */
int stream_output_write(struct stream_output *output, struct stream_job *job, struct err *err);

/* Writes the packed rest, index and trailer, and syncs; `size`: of the file. */
int stream_output_finish(
	struct stream_output *output, struct stream_index *index, uint64_t *size, struct err *err);

/* Removes the file unless finished. Takes NULL. */
void stream_output_destroy(struct stream_output *output);

#endif
