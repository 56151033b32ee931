/*
 * views.h: texture views (OpenGL 4.6, 8.18): textures that share storage.
 *
 * A driver tells which part of a storage a view shows, but not whose storage that is. So each
 * glTextureView is noted: views of views, and of a texture that is gone meanwhile, are of one
 * family. The notes belong to a share group, any thread of it may call; names are the program's.
 *
 * In a snapshot the texture that was there first is written with all contents, and the others as
 * views of it. Where the first one is gone, an array of what the others show stands in for it,
 * which each view fills, and which is deleted as the first one was.
 */
#ifndef GLPROXY_VIEWS_H
#define GLPROXY_VIEWS_H

#include "glproxy/snapshot_stream.h"

struct views;

/* NULL without memory. */
struct views *views_create(void);
void views_destroy(struct views *views);

/* Whether the texture is a view; all threads stand still. */
bool views_has(const struct views *views, GLuint name);

/* After all other textures: the views of the share group. */
void take_views(struct take *t);

#endif
