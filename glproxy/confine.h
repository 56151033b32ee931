/*
 * confine.h: what a proxy may ask of the kernel. It needs memory, threads, files, Unix sockets and
 * its GPU; whatever a client might talk it into beyond that is refused with EPERM, for it and for
 * all that it starts, once and for good.
 *
 * A list of what is denied rather than of what is allowed: drivers are many, compile code as they
 * run, and talk to their devices as they like.
 */
#ifndef GLPROXY_CONFINE_H
#define GLPROXY_CONFINE_H

#include "base/err.h"

/* Before threads. 0 or -1; then part of it may stand. */
int confine(struct err *err);

#endif
