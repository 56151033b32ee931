/*
 * checkpoint.h: taking one checkpoint, in a process of its own.
 *
 * The supervisor forks a worker that runs checkpoint_run() and ends, so that whatever happens to
 * it, the supervisor and the application go on. Worker and supervisor talk over `channel`
 * (wire/ctl.h):
 *
 *	to the supervisor    {"event": "progress", "phase", "bytes"}
 *	                     {"op": "drain"}   all stand still: take what is in the pipes
 *	                     {"event": "thawed", "pause_s"}   the application runs on
 *	                     {"event": "done", "path", "pause_s", ...} or {"event": "error", ...}
 *	to the worker        {"event": "let-go"}   they have, or did not in time
 *	                     {"event": "drained", "stdout", "stderr", "unread", "input_ended"}
 *
 * An image that its fence shuts out (lease.h) is not published.
 *
 * With `stop` the processes are left stopped (SIGSTOP): the supervisor ends them after "done", or
 * continues them when the worker failed.
 */
#ifndef XDETACH_CHECKPOINT_H
#define XDETACH_CHECKPOINT_H

#include "base/err.h"
#include "xdetach/batch/lease.h"
#include "xdetach/session/session.h"
#include "xdetach/session/xserver.h"

#include <stdbool.h>
#include <sys/types.h>

struct checkpoint {
	const struct session *session;
	const struct xserver *xserver;
	json_t *description; /* "session" in the manifest; borrowed */
	json_t *pipes;       /* {"stdin": "pipe:[1]", ...}; borrowed */
	const char *path;    /* the image, as a path of the host */
	const char *parent;  /* the last one, with which it may share files; NULL: none */
	struct lease_fence fence;
	pid_t root;
	bool stop;
	bool gl_proxy; /* OpenGL is in proxies, which write IMAGE/gl */
	bool close_tcp;
	int channel;
};

/* Returns the worker's exit status. */
int checkpoint_run(const struct checkpoint *checkpoint);

/* The half-written image, as a path of the host, that a worker of this session has left; NULL when
 * there is none. Takes its trace away. A heap string. */
char *checkpoint_trace(const char *run_dir);

#endif
