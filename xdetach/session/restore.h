/*
 * restore.h: taking an image up again, in a process of its own inside the new namespaces.
 *
 * All but the chunks of process.img has been verified, and the host compared with it, before
 * (restore_check()); here criu is served, the chunks are verified meanwhile, the files are put back
 * once all are sound, and the processes come back. Whatever fails, the supervisor ends the
 * namespaces, and nothing runs.
 */
#ifndef XDETACH_RESTORE_H
#define XDETACH_RESTORE_H

#include "base/err.h"
#include "xdetach/image/files.h"
#include "xdetach/image/image.h"
#include "xdetach/session/session.h"

struct restore {
	const struct session *session;
	const struct image *image;
	enum files_policy files;
	int stdin_fd, stdout_fd, stderr_fd; /* the processes' ends of the new pipes */
	int display;                        /* number of the private X server; -1: none */
	const char *gl_journal;             /* gl.h */
	const char *gl_profile;             /* gl-driver.h */
	int log_fd;                         /* for what the GL proxies say */
	int channel; /* {"event": "done"} or {"event": "error"}, as in checkpoint.h */
};

struct restore_wanted {
	const struct image *image;
	enum files_policy files;
	bool gl_lacking; /* the driver may lack what the programs were told of OpenGL */
};

/* Before anything is touched, on the host: the image's sums, then processor, kernel, user, criu,
 * OpenGL, files and libraries. `progress` may be NULL. */
int restore_check(const struct restore_wanted *wanted, stream_progress_fn *progress, void *data,
	struct err *err);

/* Returns the worker's exit status. */
int restore_run(const struct restore *restore);

#endif
