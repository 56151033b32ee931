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

#include <jansson.h>

/* RUN-DIR/.vnc-NAME as a heap string, or NULL. */
char *view_dir(const char *name, struct err *err);

/* What the bridge of a session answers to a request, which is taken over; NULL with an error, which
 * the caller has to have room for. `linger_s`: where there is no bridge one is started, that ends
 * when nobody was connected for so long. 0: none is started. */
json_t *view_ask(const char *name, unsigned linger_s, json_t *request, struct err *err);

/* Removes what bridges left that were killed. */
void view_clear_up(void);

#endif
