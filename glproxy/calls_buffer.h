/*
 * calls_buffer.h: contents of mapped buffers, copied where GL says that they become visible.
 */
#ifndef GLPROXY_CALLS_BUFFER_H
#define GLPROXY_CALLS_BUFFER_H

#include "glproxy/exec.h"

/* Before a call that may read: what the program wrote through persistent mappings (earlier than GL
 * asks for where they are not coherent, which it allows). */
void buffers_to_driver(struct exec *x);

/* After a wait: what GL wrote. */
void buffers_waited(struct exec *x);

struct group;

/* The group is going: what it knows of mappings is freed. */
void buffers_finish(struct group *group);

#endif
