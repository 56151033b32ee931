/*
 * relay.h: a browser's WebSocket, carried on to the bridge of a session.
 *
 * The bridge speaks WebSocket itself (libvncserver), also on its Unix socket, so its half of the
 * handshake is asked for before the browser gets its own, and then bytes are only passed on.
 */
#ifndef XDETACH_WEB_RELAY_H
#define XDETACH_WEB_RELAY_H

#include "base/err.h"

#define RELAY_HEADER_MAX 128

/* What the bridge answered. */
struct relay_hello {
	char accept[RELAY_HEADER_MAX];
	char protocol[RELAY_HEADER_MAX]; /* "": none */
};

/* Starts the bridge of a session where there is none, and lets it expect a viewer. */
int relay_prepare(const char *session, struct err *err);

/* Connects to the bridge; `key`, `protocol` (or NULL) are the browser's. The descriptor, or -1. */
int relay_connect(const char *session, const char *key, const char *protocol,
	struct relay_hello *hello, struct err *err);

/* Passes bytes on until either end is gone, then closes `bridge`, not `browser`. */
void relay_run(int browser, int bridge);

#endif
