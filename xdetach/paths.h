/*
 * paths.h: where glckpt finds its helpers and keeps its things.
 *
 * Helpers lie beside the executable in a build tree, in ../libexec/glckpt once installed.
 *
 *	run dir    $XDG_RUNTIME_DIR/glckpt, else /tmp/glckpt-UID (0700): a folder a live session
 *	state dir  $XDG_STATE_HOME/glckpt, else ~/.local/state/glckpt: logs that outlive a session
 *	image dir  $GLCKPT_IMAGE_DIR, else $XDG_DATA_HOME/glckpt/images, else ~/.local/share/...
 *
 * The run dir is made, and refused where it is not the user's own; the other two are only named,
 * and whoever writes there makes them.
 *
 * All results are heap strings that the caller frees, or NULL with the error set.
 */
#ifndef XDETACH_PATHS_H
#define XDETACH_PATHS_H

#include "base/err.h"

/* The absolute path of one of our own helpers: "glckpt-stub", "criu-plugin", ... */
char *paths_helper(const char *name, struct err *err);

/*
 * The criu to run: $GLCKPT_CRIU, else the one that `make deps` chose (a helper file "criu.path"
 * holds its path; relative paths are relative to that file's folder), else "criu" of $PATH. The
 * choice is not tested here: that is doctor's work. Without any: a sentence that says what to run.
 */
char *paths_criu(struct err *err);

/* A program of $PATH, or of the sbin folders, which an ordinary user's PATH leaves out. NULL when
 * there is none: not an error. */
char *paths_program(const char *name);

char *paths_run_dir(struct err *err);
char *paths_state_dir(struct err *err);
char *paths_image_dir(struct err *err);

/* printf into a heap string. */
char *paths_format(struct err *err, const char *format, ...) printf_like(2, 3);

#endif
