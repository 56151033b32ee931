/*
 * secure.h: the server's end of TLS (1.2 and later, by GnuTLS) on a connection that is there.
 *
 * Programs that listen beyond this machine are linked with it. An identity is read only once it is
 * there: any thread. A peer belongs to one thread.
 */
#ifndef WIRE_SECURE_H
#define WIRE_SECURE_H

#include "base/err.h"

#include <gnutls/gnutls.h>

/* A certificate and its key. */
struct secure_identity {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
};

/* PEM files. */
int secure_identity_init(struct secure_identity *identity, const char *certificate, const char *key,
	struct err *err);
void secure_identity_finish(struct secure_identity *identity);

struct secure_peer {
	int fd; /* borrowed, blocking */
	gnutls_session_t session;
};

/* Shakes hands, for at most so long. A peer that later refuses to read for SECURE_STUCK_S has gone.
 * False: it does not speak TLS. */
#define SECURE_STUCK_S 60
bool secure_peer_init(
	struct secure_peer *peer, const struct secure_identity *identity, int fd, unsigned seconds);
void secure_peer_finish(struct secure_peer *peer);

/* All of it, or false: the peer has gone. */
bool secure_send(const struct secure_peer *peer, const void *data, size_t size);
bool secure_receive(const struct secure_peer *peer, void *data, size_t size);

/* Carries what the peer and the other end of `plain` say, until one of them has gone. */
void secure_carry(const struct secure_peer *peer, int plain);

#endif
