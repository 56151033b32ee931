/*
 * door.h: who gets in, and by which way.
 *
 *	DIR/rfb          a Unix socket: the user and root, by peer credentials; no password
 *	DIR/look         the same for those who shall only look
 *	127.0.0.1:PORT   only after door_listen():
 *	                   RFB with a password (door_password()), refused before there is one
 *	                   HTTP: noVNC's files, which anybody may read, and
 *	                   POST /key/TOKEN swaps a one-time token for the key
 *	                   WebSocket /KEY: RFB without a password
 *
 *	ADDRESS:PORT     only after door_listen_secure(): RFB over TLS with the same password
 *	                 (vencrypt.h), and nothing else
 *
 * There is a pass (pass.h) for those who use the session, and one for those who only look at it. A
 * key never travels in a URL that a server or another page sees.
 *
 * Newcomers are met in threads of their own, at most DOOR_VISITORS_MAX at once, and none while
 * DOOR_VIEWERS_MAX are connected.
 */
#ifndef VNC_DOOR_H
#define VNC_DOOR_H

#include "base/err.h"
#include "vnc/pass.h"
#include "vnc/screen.h"
#include "vnc/vencrypt.h"

#define DOOR_VISITORS_MAX 64
#define DOOR_VIEWERS_MAX 200 /* each has three descriptors, of less than FD_SETSIZE in all */

struct door {
	struct screen *screen;
	int tcp_fd, secure_fd; /* listening; -1: not */
	int port, secure_port;
	struct secure_identity identity; /* what it shows there */
	char address[64];                /* where it listens with TLS */
	struct pass passes[PASS_RIGHTS];
	atomic_bool told; /* somebody knows a password */
	pthread_mutex_t lock;
	int visitors;
};

/* Listens on DIR/rfb and DIR/look. The door lives as long as the process. */
int door_open(struct door *door, const char *dir, struct screen *screen, struct err *err);

/* Listens on a port of the loopback interface; once. */
int door_listen(struct door *door, struct err *err);

/* Listens with TLS on a numeric address, for all that it stands for, and a port (0: any); once.
 * `certificate`, `key`: PEM files. */
struct door_secure {
	const char *address, *certificate, *key;
	uint16_t port;
};
int door_listen_secure(struct door *door, const struct door_secure *how, struct err *err);

/* A new one-time token. */
int door_token(struct door *door, enum pass_right right, char token[SECRET_SIZE], struct err *err);

/* The password for RFB on the ports. */
void door_password(struct door *door, enum pass_right right, char password[PASS_PASSWORD_SIZE]);

/* Nobody gets in any more by what was told before. */
int door_renew(struct door *door, struct err *err);

#endif
