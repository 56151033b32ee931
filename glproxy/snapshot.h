/*
 * snapshot.h: everything a proxy holds, as bytes, and everything made again from them.
 *
 * Where the bytes are and how they are protected: snapshot_file.h. The records:
 *
 *	PROF, TOLD, CONF	what the program was told of its GL, and by which profile (told.h)
 *	CTXT	a context: numbers, config, attributes, what it is current with
 *	SURF	a surface: number, kind, size, where it is shown; its colours, depths and stencils
 *	STRM	a part of a context's stream: messages of the wire, and the data they point at as
 *		their arena; of large pieces of it the place, the size and the hash. Executing all
 *		parts in order on the context makes objects and state what they were.
 *
 * What is kept and how is said where it is written: snapshot_objects.c (buffers, samplers,
 * renderbuffers, sync objects), lists.h (display lists and open primitives), snapshot_texture.c,
 * snapshot_program.c, snapshot_state.c (what belongs to one context), snapshot_surface.c. What is
 * not kept is refused when the snapshot is taken, with a sentence: every message the program has
 * ever sent is either in the list of snapshot_kept.c or a reason to refuse, and what is kept with
 * conditions is looked at.
 *
 * Not kept yet, thus refused: OpenGL ES 1; transform feedback that is under way in ES, or paused
 *while another is bound; feedback and selection under way; SPIR-V; the front buffer of a
 *multisampled window; what was deleted and is still bound in another context of the share group.
 *
 * All functions want every thread to stand still (live.h) and leave no context current.
 */
#ifndef GLPROXY_SNAPSHOT_H
#define GLPROXY_SNAPSHOT_H

#include "glproxy/proxy.h"
#include "glproxy/snapshot_file.h"

/* Writes the snapshot, object by object. The proxy is afterwards as before, refused or not. */
int snapshot_take(struct proxy *proxy, const struct snapshot_place *place, struct err *err);

/* Ends everything the driver has for the client, and the driver. Contexts, surfaces and rings stay
 * as numbers. */
void snapshot_forget(struct proxy *proxy);

/* Builds what the snapshot says on an open driver: on the contexts and surfaces that
 * snapshot_forget() left, or (adopt) that snapshot_adopt() made. */
int snapshot_build(struct proxy *proxy, const struct snapshot_place *place, struct err *err);

/* In a fresh process: makes the contexts and surfaces over the files of the run directory, with
 * nothing of the driver yet. */
int snapshot_adopt(struct proxy *proxy, const struct snapshot_place *place, struct err *err);

/* The client's PID; -1 when the bytes are no whole snapshot. */
int snapshot_check(const struct snapshot_place *place, struct err *err);

/* 0 when two snapshots say the same; the sentence names the first difference. */
int snapshot_compare(
	const struct snapshot_place *before, const struct snapshot_place *after, struct err *err);

#endif
