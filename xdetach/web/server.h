/*
 * server.h: the farm page over HTTP, by libmicrohttpd, a thread a connection; TLS: tls.h.
 *
 *	GET  /                   the way in: a page that swaps the token behind '#' for the cookie
 *	POST /enter              the token as the body; {"room"} and the cookie
 *	GET  /ROOM/              the page; /ROOM/novnc/... noVNC's modules
 *	GET  /ROOM/api/farm      what there is (farm.h)
 *	GET  /ROOM/api/picture   ?session= or ?image=: a small PNG
 *	GET  /ROOM/api/view      ?session=: a WebSocket to the session's bridge (relay.h)
 *	POST /ROOM/api/open      ?session=: starts that bridge
 *	POST /ROOM/api/ACTION    ?session= or ?image=: checkpoint, stop, kill, restore; when it is
 *done POST /ROOM/api/address   another one-time address
 *
 * Whatever fails is {"error": SENTENCE}. Everything but the way in asks for the cookie (gate.h).
 */
#ifndef XDETACH_WEB_SERVER_H
#define XDETACH_WEB_SERVER_H

#include "xdetach/web/farm.h"
#include "xdetach/web/gate.h"
#include "xdetach/web/tls.h"

#include <semaphore.h>

struct server_options {
	const char *glckpt;            /* the program that does what buttons say */
	const char *listen;            /* a numeric address */
	const char *port;              /* "0": any that is free */
	const char *certificate, *key; /* PEM files; NULL: no TLS */
	const char *const *dirs;       /* further folders of images; NULL-terminated */
};

struct server {
	const struct server_options *options;
	struct gate gate;
	struct farm farm;
	struct tls tls; /* where there is a certificate */
	char *page;     /* the folder of the page's files */
	char url[320];  /* without a token: http://127.0.0.1:8800 */
	sem_t pictures; /* how many may be taken at once */
};

/* Serves from now on, to the end of the process. SIGPIPE is to be ignored. */
int server_start(struct server *server, const struct server_options *options, struct err *err);

/* A new address, good once, as a heap string. */
char *server_address(struct server *server, struct err *err);

#endif
