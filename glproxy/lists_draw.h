/*
 * lists_draw.h: draws that display lists keep, with the elements they read.
 */
#ifndef GLPROXY_LISTS_DRAW_H
#define GLPROXY_LISTS_DRAW_H

#include "glproxy/snapshot_stream.h"

#define LISTS_ELEMENTS (1u << 24)

/* The mode of a ckListDraw that is one glArrayElement. */
#define LISTS_ELEMENT 0xffffu

/* Appends the message at hand with all that it reads; false: it is no draw. `lost` says why that
 * could not be done. */
bool lists_note_draw(struct exec *x, struct stream *log, const char **lost);

#endif
