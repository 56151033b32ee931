/*
 * queries.h: query objects that outlive a driver (OpenGL 4.6, 4.2), and conditional rendering by
 * them.
 *
 * A driver's object cannot be given a result, nor a count to begin with. So what was counted by
 * drivers that are gone is kept here and added to what the present one answers; a query that is
 * running at a snapshot is ended, read and begun anew. Of a result of the past the driver's object
 * has none: conditional rendering by it is decided here.
 *
 * Belongs to one context; in its thread, or while it stands still.
 */
#ifndef GLPROXY_QUERIES_H
#define GLPROXY_QUERIES_H

#include "glproxy/snapshot_stream.h"

struct queries;

/* NULL without memory; destroying takes NULL. */
struct queries *queries_create(void);
void queries_destroy(struct queries *queries);
void queries_clear(struct queries *queries);

/* In this order around everything else of a context: running queries come to an end, and their
 * counts are kept; all are written; those that ran run again, here and in the stream. */
void take_queries_pause(struct take *t);
void take_queries(struct take *t);
void take_queries_resume(struct take *t);

#endif
