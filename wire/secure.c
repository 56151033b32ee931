#define _GNU_SOURCE
#include "wire/secure.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define PEM_MAX (1u << 20)
#define CHUNK ((size_t)16 << 10) /* a record */

/* ---- who we are ---- */

static int take_pair(struct secure_identity *identity, const struct buf *certificate,
	const struct buf *key, struct err *err)
{
	const gnutls_datum_t texts[] = {
		{(unsigned char *)certificate->data, (unsigned)certificate->size},
		{(unsigned char *)key->data, (unsigned)key->size},
	};
	if (gnutls_certificate_allocate_credentials(&identity->credentials) < 0 ||
		gnutls_priority_init(&identity->priorities, PRIORITIES, NULL) < 0)
		return err_set(err, "TLS cannot be used: out of memory");
	if (gnutls_certificate_set_x509_key_mem(
		    identity->credentials, &texts[0], &texts[1], GNUTLS_X509_FMT_PEM) < 0)
		return err_set(err, "the certificate and its key do not go together");
	return 0;
}

int secure_identity_init(
	struct secure_identity *identity, const char *certificate, const char *key, struct err *err)
{
	scoped_buf struct buf certificate_text = BUF_INIT, key_text = BUF_INIT;
	*identity = (struct secure_identity){0};
	if (io_read_file(AT_FDCWD, certificate, &certificate_text, PEM_MAX, err) < 0 ||
		io_read_file(AT_FDCWD, key, &key_text, PEM_MAX, err) < 0)
		return -1;
	if (take_pair(identity, &certificate_text, &key_text, err) == 0)
		return 0;
	secure_identity_finish(identity);
	return -1;
}

void secure_identity_finish(struct secure_identity *identity)
{
	if (identity->credentials)
		gnutls_certificate_free_credentials(identity->credentials);
	if (identity->priorities)
		gnutls_priority_deinit(identity->priorities);
	*identity = (struct secure_identity){0};
}

/* ---- a peer ---- */

static void limit_writing(int fd)
{
	const struct timeval limit = {.tv_sec = SECURE_STUCK_S};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

bool secure_peer_init(
	struct secure_peer *peer, const struct secure_identity *identity, int fd, unsigned seconds)
{
	int result;
	*peer = (struct secure_peer){.fd = fd};
	if (gnutls_init(&peer->session, GNUTLS_SERVER) < 0)
		return false;
	gnutls_priority_set(peer->session, identity->priorities);
	gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, identity->credentials);
	gnutls_transport_set_int(peer->session, fd);
	gnutls_handshake_set_timeout(peer->session, seconds * 1000);
	limit_writing(fd);
	do
		result = gnutls_handshake(peer->session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	return result == 0;
}

void secure_peer_finish(struct secure_peer *peer)
{
	if (peer->session)
		gnutls_deinit(peer->session);
	peer->session = NULL;
}

bool secure_send(const struct secure_peer *peer, const void *data, size_t size)
{
	for (const char *at = data; size;) {
		const ssize_t sent = gnutls_record_send(peer->session, at, size);
		if (sent == GNUTLS_E_INTERRUPTED)
			continue;
		if (sent <= 0)
			return false; /* gone, or stuck */
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

bool secure_receive(const struct secure_peer *peer, void *data, size_t size)
{
	for (char *at = data; size;) {
		const ssize_t got = gnutls_record_recv(peer->session, at, size);
		if (got == GNUTLS_E_INTERRUPTED)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

/* ---- carrying ---- */

static bool carry_in(const struct secure_peer *peer, int plain, char *chunk)
{
	const ssize_t got = gnutls_record_recv(peer->session, chunk, CHUNK);
	if (got < 0 && !gnutls_error_is_fatal((int)got))
		return true;
	return got > 0 && io_write_full(plain, chunk, (size_t)got) == 0;
}

static bool carry_out(const struct secure_peer *peer, int plain, char *chunk)
{
	const ssize_t got = recv(plain, chunk, CHUNK, 0);
	if (got < 0)
		return errno == EINTR;
	return got > 0 && secure_send(peer, chunk, (size_t)got);
}

/* What GnuTLS has read already, no descriptor tells of. */
void secure_carry(const struct secure_peer *peer, int plain)
{
	char chunk[CHUNK];
	struct pollfd ends[2] = {{peer->fd, POLLIN, 0}, {plain, POLLIN, 0}};
	for (bool open = true; open;) {
		const bool more = gnutls_record_check_pending(peer->session) > 0;
		if (poll(ends, 2, more ? 0 : -1) < 0) {
			open = errno == EINTR;
			continue;
		}
		if (more || ends[0].revents)
			open = carry_in(peer, plain, chunk);
		if (open && ends[1].revents)
			open = carry_out(peer, plain, chunk);
	}
	gnutls_bye(peer->session, GNUTLS_SHUT_WR);
}
