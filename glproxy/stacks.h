/*
 * stacks.h: the stacks of glPushAttrib and glPushClientAttrib (OpenGL 4.6 compatibility, 21.6).
 *
 * What lies below the top a driver does not tell. For a snapshot the attribute stack is taken down,
 * the state read at each depth, and built up again, in the driver and in the stream; which groups
 * each level saved is noted as the calls pass. Of client attributes both ends of the stream keep
 * all that was saved (wire/state.h).
 */
#ifndef GLPROXY_STACKS_H
#define GLPROXY_STACKS_H

#include "glproxy/snapshot_stream.h"

/* The state that can be saved, as it is at each depth. */
void take_attribute_stack(struct take *t);

/* After a stack was built: Mesa's glPopAttrib restores only what it knows to have changed, and it
 * learns of a new current colour when that is used or asked for. The context is current. */
void stacks_settle(const struct context *context);

#endif
