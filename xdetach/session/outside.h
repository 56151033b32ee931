/*
 * outside.h: what a session's processes hold that lies outside of it.
 *
 * A Unix or TCP connection to a process that is not in the session, or a device, cannot be kept.
 * They are looked for before a dump, so that the user reads which program is connected to what and
 * not which of criu's checks failed. Uses sock_diag(7) and /proc; runs in the session's namespaces.
 */
#ifndef XDETACH_OUTSIDE_H
#define XDETACH_OUTSIDE_H

#include "base/err.h"
#include "xdetach/session/proctree.h"

#include <stdbool.h>

/* 0, or -1 with one sentence that names the first few. `close_tcp`: TCP is going to be closed. */
int outside_check(const struct proctree *tree, bool close_tcp, struct err *err);

#endif
