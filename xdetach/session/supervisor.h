/*
 * supervisor.h: PID 1 of a session's namespaces; never in an image.
 *
 * One thread, one loop. It starts the stub (or has the image restored), carries the standard
 * streams, answers on the session's socket, has checkpoints taken by workers, and ends with the
 * application. When it dies the kernel ends all that runs in its PID namespace.
 *
 * To the command that started the session (`front`) it sends {"event": "started", ...},
 * {"event": "note", "text"}, {"event": "failed", "text", "status"} and at last {"event": "ended",
 * "status", "reason": "exit" | "checkpointed" | "killed", "image"}; for every image that was kept
 * {"event": "kept", "path", "stop", "memory", "raw_bytes", "stored_bytes", "durable_s", ...}.
 */
#ifndef XDETACH_SUPERVISOR_H
#define XDETACH_SUPERVISOR_H

#include "base/err.h"
#include "xdetach/batch/lease.h"
#include "xdetach/image/files.h"
#include "xdetach/image/image.h"
#include "xdetach/session/session.h"
#include "xdetach/session/xserver.h"

#include <jansson.h>
#include <stdbool.h>

/* What a session is to be. Everything is borrowed from the process that forked the supervisor. */
struct plan {
	struct session session;
	struct xserver xserver;
	bool terminal;
	bool gl_proxy;          /* OpenGL goes to proxies outside the tree */
	const char *gl_journal; /* gl.h */
	const char *gl_profile; /* gl-driver.h */
	unsigned every_s;       /* seconds between periodic checkpoints; 0: none */
	const char *image_dir;
	struct lease_fence fence;
	bool bound;       /* the session ends when the command that started it is gone */
	const char *fail; /* fail.h; NULL: nothing */

	json_t *description; /* for the manifest, status and list: command, cwd, gl, generation */

	/* a launch */
	char **command;
	char **environment;

	/* a restore; NULL: a launch */
	const struct image *image;
	enum files_policy files;

	/* descriptors, taken over by the supervisor; -1: none */
	int front;
	int input, output, error;
};

/* Runs the session to its end; the process's exit status. To be called in PID 1 itself. */
int supervisor_run(struct plan *plan);

#endif
