/*
 * gate.h: who may see the farm page, and who may press its buttons.
 *
 * A one-time token (from the printed address, behind its '#', where no server and no other page
 * sees it) is swapped for a cookie: HttpOnly, SameSite=Strict, for one path below which everything
 * lies. The path is a secret as well, because browsers send a cookie to every port of a host, and
 * on a shared machine the other ports may be other people's.
 *
 * Without a certificate the host must be asked for by a name of the loopback interface, so that no
 * page of the network gets in by a name of its own (DNS rebinding). What does something must come
 * from our own page (Origin).
 *
 * Filled by gate_init(), then only read, but for the tokens: any thread.
 */
#ifndef XDETACH_WEB_GATE_H
#define XDETACH_WEB_GATE_H

#include "base/err.h"
#include "base/secret.h"

#define GATE_COOKIE "glckpt"

struct gate {
	bool tls;
	char room[SECRET_SIZE]; /* the path: /ROOM/... */
	char key[SECRET_SIZE];  /* the cookie's value */
	struct secret_tokens tokens;
};

int gate_init(struct gate *gate, bool tls, struct err *err);

/* Values of headers; NULL where there is none. */
bool gate_host_is_ours(const struct gate *gate, const char *host);
bool gate_origin_is_ours(const struct gate *gate, const char *origin, const char *host);

/* What is below the room, without a '/' in front; NULL: the path is not in the room. */
const char *gate_below_room(const struct gate *gate, const char *path);

bool gate_knows(const struct gate *gate, const char *cookie);

/* The value of Set-Cookie. */
char *gate_cookie(const struct gate *gate, struct err *err);

#endif
