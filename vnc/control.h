/*
 * control.h: the bridge's socket for `glckpt view`, `attach` and `detach`: DIR/ctl (wire/ctl.h).
 *
 * Requests and answers are in wire/PROTOCOL.md. Main thread only.
 */
#ifndef VNC_CONTROL_H
#define VNC_CONTROL_H

#include "base/err.h"

#include <poll.h>

#define CONTROL_CLIENTS 16
#define CONTROL_FDS (1 + CONTROL_CLIENTS)

struct bridge;

struct control {
	int listener;
	int clients[CONTROL_CLIENTS]; /* -1: free */
};

int control_open(struct control *control, const char *dir, struct err *err);

/* Fills CONTROL_FDS waits; -1 where there is nothing to wait for. */
void control_fds(const struct control *control, struct pollfd *waits);

/* Answers who has asked. */
void control_serve(struct control *control, const struct pollfd *waits, struct bridge *bridge);

#endif
