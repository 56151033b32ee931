/*
 * workbench.h: a proxy without a program, built from a snapshot: its driver's objects can be looked
 * at and a snapshot taken of them.
 *
 * Its files are in a folder of its own below XDG_RUNTIME_DIR, TMPDIR or /tmp, which goes with it.
 */
#ifndef GLPROXY_LOOK_WORKBENCH_H
#define GLPROXY_LOOK_WORKBENCH_H

#include "glproxy/snapshot.h"

struct workbench {
	struct proxy proxy;
	char directory[4096]; /* "" where there is none */
	char files[4096];     /* of the proxy, below it */
};

/* To be closed in any case. */
int workbench_open(struct workbench *bench, const struct snapshot_place *place, struct err *err);
void workbench_close(struct workbench *bench);

/* Takes a snapshot into the folder, as `again`: of large pieces the hashes alone. */
int workbench_take(struct workbench *bench, struct snapshot_place *again, struct err *err);

#endif
