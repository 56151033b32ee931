/*
 * view.h: the bridge of a session (vnc/bridge.h), found or started.
 *
 * It is a process of its own in RUN-DIR/.vnc-NAME, outside of every session, so that it and its
 * viewers outlive the session. Started here it belongs to nobody: neither to the command nor to
 * the session's keeper.
 */
#ifndef XDETACH_VIEW_H
#define XDETACH_VIEW_H

#include "base/err.h"

/* RUN-DIR/.vnc-NAME as a heap string, or NULL. */
char *view_dir(const char *name, struct err *err);

/* Connects to the bridge of a session. `linger_s`: one is started where there is none, and ends
 * when nobody was connected for so long. 0: none is started. -1: there is none. */
int view_connect(const char *name, unsigned linger_s, struct err *err);

#endif
