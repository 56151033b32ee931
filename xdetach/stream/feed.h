/*
 * feed.h: the files that criu reads, on their way into its pipes.
 *
 * Each large file has a thread that fills its pipe in order; a few workers, shared by all, read
 * chunks ahead, check and unpack them. criu may close a pipe before its end: that is no error.
 */
#ifndef XDETACH_STREAM_FEED_H
#define XDETACH_STREAM_FEED_H

#include "base/buf.h"
#include "base/err.h"
#include "xdetach/stream/format.h"

#include <stdbool.h>

struct stream_feeder;
struct stream_gate;

/* The image and the gate, which the end of one file waits for, are borrowed. That file, the largest
 * there is, is read ahead at once: criu takes a while before it asks. */
struct stream_feeder *stream_feeder_create(
	int fd, struct stream_gate *gate, unsigned workers, struct err *err);

/* Small enough for one piece, which is read before criu waits for it. */
bool stream_feed_is_small(const struct stream_file *file);

/* Both take the pipe over, in any case. `bytes` are taken away from the caller's buf. */
int stream_feed_bytes(struct stream_feeder *feeder, int pipe, struct buf *bytes, struct err *err);
int stream_feed_file(
	struct stream_feeder *feeder, int pipe, const struct stream_file *file, struct err *err);

/* After criu ended: the first error of a thread. */
int stream_feeder_finish(struct stream_feeder *feeder, struct err *err);

/* Ends all threads at once. Takes NULL. */
void stream_feeder_destroy(struct stream_feeder *feeder);

#endif
