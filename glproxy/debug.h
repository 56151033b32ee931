/*
 * debug.h: what debug output heeds (OpenGL 4.6, 20): whether the program has a callback, groups
 * that are open, and which messages each level lets through. A driver tells none of it again.
 *
 * Messages on their way to the program: calls_debug.c. Belongs to one context.
 */
#ifndef GLPROXY_DEBUG_H
#define GLPROXY_DEBUG_H

#include "glproxy/snapshot_stream.h"

struct debug;

/* NULL without memory; destroying takes NULL. */
struct debug *debug_create(void);
void debug_destroy(struct debug *debug);
void debug_clear(struct debug *debug);

/* The program has a callback, or none. */
void debug_note_callback(struct context *context, bool on);

/* Messages that the program has not fetched (calls_debug.c). */
void debug_drop_messages(struct context *context);
void take_debug_messages(struct take *t);

/* Around the rest of a context's stream: building says nothing to the program. */
void take_debug_off(struct take *t);
void take_debug(struct take *t);

#endif
