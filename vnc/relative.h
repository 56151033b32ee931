/*
 * relative.h: a pointer that moves without end, as games and 3D programs want it.
 *
 * A viewer that knows QEMU's pseudo-encoding "pointer motion change" (-257) says how far its
 * pointer was moved, instead of where it is, from when it is told so until it is told otherwise. By
 * libvncserver's protocol extensions.
 */
#ifndef VNC_RELATIVE_H
#define VNC_RELATIVE_H

#include <stdbool.h>

struct _rfbClientRec;

/* Offers it to viewers from now on. Before any is there. */
void relative_offer(void);

/* Tells a viewer that knows it, unless it was told so before. Where it is being written to. */
void relative_tell(struct _rfbClientRec *client, bool relative);

/* True where `*x`, `*y` of a viewer are a movement, and makes one of them. False as well for what
 * was sent before the viewer heard of it. Any thread. */
bool relative_is(const struct _rfbClientRec *client, int *x, int *y);

/* Frees what was noted of a viewer that goes. Its own thread. */
void relative_forget(struct _rfbClientRec *client);

#endif
