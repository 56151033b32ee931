/*
 * smoke.h: whether a criu really works here, found out by a session that is stopped and restored.
 *
 * A version says little and `criu check` less: criu 4.1.1 passes it on kernels where it cannot dump
 * an X server. So glckpt's own commands are run, on a specimen, in folders that are made for it and
 * removed again.
 */
#ifndef XDETACH_SMOKE_H
#define XDETACH_SMOKE_H

#include "base/err.h"

/*
 * Launches a session with `criu` (a path), checkpoints and stops it, restores it, and sees it go
 * on. 0, or -1 with what went wrong. Takes a second or two, at most about a minute; leaves no
 * process and no file behind. The caller must have no other thread.
 */
int smoke_run(const char *criu, struct err *err);

#endif
