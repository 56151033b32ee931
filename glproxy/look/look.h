/*
 * look.h: what `glckpt gl` does with the snapshots of an image, each a function over one of them.
 *
 * All read a snapshot where it lies (an image is never written to), and are one process's alone.
 */
#ifndef GLPROXY_LOOK_LOOK_H
#define GLPROXY_LOOK_LOOK_H

#include "glproxy/snapshot_file.h"

#include <jansson.h>

/* {"process", "groups": [{"contexts", "objects"}], "contexts": [{..., "objects"}], "surfaces"};
 * NULL with an error. */
json_t *look_describe(const struct snapshot_place *place, struct err *err);

/* The same as a table on standard output. */
void look_print(const json_t *described);

/* What look_png() is to write, and what has come of it. */
struct look_pictures {
	const char *directory; /* there */
	const char *prefix;    /* of every file's name */
	bool levels;           /* all levels of textures, not the first alone */
	json_t *files;         /* an array: {"file", "of", "width", "height"} */
	json_t *skipped;       /* an array of sentences */
};

/* Framebuffers, windows and textures as PNG files. */
int look_png(const struct snapshot_place *place, struct look_pictures *pictures, struct err *err);

/* Builds everything in a new proxy, takes a snapshot of that and compares: an array of sentences,
 * empty where both say the same. NULL with an error where it cannot be built. */
json_t *look_verify(const struct snapshot_place *place, struct err *err);

/* What makes the second snapshot another than the first: sentences. NULL where one cannot be read.
 */
json_t *look_compare(
	const struct snapshot_place *before, const struct snapshot_place *after, struct err *err);

/* The calls of the snapshots, one behind the other, as a trace of apitrace. */
struct look_trace;
struct look_trace *look_trace_create(const char *file, struct err *err);
int look_trace_add(struct look_trace *trace, const struct snapshot_place *place, struct err *err);

/* Writes the end. `left_out`: counts by what of, a new reference; frees the trace in any case. */
int look_trace_end(struct look_trace *trace, json_t **left_out, struct err *err);

#endif
