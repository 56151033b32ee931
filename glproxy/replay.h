/*
 * replay.h: a stream executed from memory instead of a ring.
 */
#ifndef GLPROXY_REPLAY_H
#define GLPROXY_REPLAY_H

#include "glproxy/exec.h"
#include "glproxy/snapshot_record.h"

/* Executes the messages in order with their data in `arena`, which is changed; the context is
 * current. Answers go where nobody reads them; a message that is refused or makes an error ends it
 * with a sentence, unless the stream says otherwise (ckLenient). Pending errors stay as they are. 0
 * or -1. */
int replay_stream(
	struct exec *x, struct span messages, char *arena, size_t arena_size, struct err *err);

/* Executes what was written to a stream and never left it; the stream stays as it is, and the
 * errors are none. */
struct stream;
void replay_quietly(struct exec *x, const struct stream *stream);

#endif
