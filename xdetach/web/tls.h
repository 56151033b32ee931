/*
 * tls.h: TLS in front of the farm page's HTTP server: browsers come in here, and go on in the clear
 * through a socket pair. (wire/secure.h).
 *
 * libmicrohttpd has TLS of its own, but once a connection is upgraded to a WebSocket it passes on
 * four bytes at a time (0.9.75): each of them a record, and frames torn where those who read them
 * do not expect it.
 *
 * A thread a connection. A peer that does not shake hands, or does not read, is dropped after a
 * while.
 */
#ifndef XDETACH_WEB_TLS_H
#define XDETACH_WEB_TLS_H

#include "wire/secure.h"

#include <stdatomic.h>
#include <sys/socket.h>

/* Takes a connection over whose peer speaks in the clear; called from the connection's thread. */
typedef void tls_take_fn(int fd, void *data);

struct tls {
	struct secure_identity identity; /* the owner's to fill */
	int listening;
	tls_take_fn *take;
	void *data;
	atomic_uint connections;
};

/* Listens from now on, to the end of the process: `tls` has to stay. The port; or -1, with errno.
 */
int tls_listen(struct tls *tls, const struct sockaddr *address, socklen_t size, tls_take_fn *take,
	void *data);

#endif
