/*
 * gl-counts.h: what the rings of a session's GL proxies say about where time goes (wire/ring.h).
 *
 * Only read, never waited for: the programs and their proxies notice nothing. To be called in the
 * session's namespaces.
 */
#ifndef XDETACH_GL_COUNTS_H
#define XDETACH_GL_COUNTS_H

#include <jansson.h>

/* Everything since the rings were made, summed over all contexts that are there:
 *
 *	"moment"           seconds of CLOCK_MONOTONIC
 *	"frames", "calls"  swaps and messages executed
 *	"bytes"            of messages and their data
 *	"waits", "sleeps"  of the programs for their proxies, "waited_s" all together
 *	"by_call"          an object a call: "calls", "executing_s" (estimated from samples),
 *"waits", "waited_s"; waits for something else than an answer are named in words
 *
 * A new reference. */
json_t *gl_counts(void);

#endif
