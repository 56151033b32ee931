#define _GNU_SOURCE
#include "xdetach/web/tls.h"

#include "base/io.h"
#include "base/scope.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define CONNECTIONS_MAX 256
#define HANDSHAKE_S 10
#define STUCK_S 60 /* how long a peer may refuse to read */
#define CHUNK ((size_t)16 << 10)
#define BACKLOG 64

struct connection {
	struct tls *tls;
	gnutls_session_t session;
	int browser, server;
	char chunk[CHUNK];
};

int tls_init(struct tls *tls, const struct buf *certificate, const struct buf *key, struct err *err)
{
	const gnutls_datum_t texts[] = {
		{(unsigned char *)certificate->data, (unsigned)certificate->size},
		{(unsigned char *)key->data, (unsigned)key->size},
	};
	*tls = (struct tls){.listening = -1};
	if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0 ||
		gnutls_priority_init(&tls->priorities, PRIORITIES, NULL) < 0)
		return err_set(err, "TLS cannot be used: out of memory");
	if (gnutls_certificate_set_x509_key_mem(
		    tls->credentials, &texts[0], &texts[1], GNUTLS_X509_FMT_PEM) < 0)
		return err_set(err, "the certificate and its key do not go together");
	return 0;
}

/* ---- one connection ---- */

static bool send_record(const struct connection *one, const char *data, size_t size)
{
	while (size) {
		const ssize_t sent = gnutls_record_send(one->session, data, size);
		if (sent == GNUTLS_E_INTERRUPTED)
			continue;
		if (sent <= 0)
			return false; /* gone, or stuck */
		data += sent;
		size -= (size_t)sent;
	}
	return true;
}

static bool to_server(struct connection *one)
{
	const ssize_t got = gnutls_record_recv(one->session, one->chunk, CHUNK);
	if (got < 0 && !gnutls_error_is_fatal((int)got))
		return true;
	return got > 0 && io_write_full(one->server, one->chunk, (size_t)got) == 0;
}

static bool to_browser(struct connection *one)
{
	const ssize_t got = recv(one->server, one->chunk, CHUNK, 0);
	if (got < 0)
		return errno == EINTR;
	return got > 0 && send_record(one, one->chunk, (size_t)got);
}

/* What GnuTLS has read already, no descriptor tells of. */
static void pass_both(struct connection *one)
{
	struct pollfd ends[2] = {{one->browser, POLLIN, 0}, {one->server, POLLIN, 0}};
	for (bool open = true; open;) {
		const bool more = gnutls_record_check_pending(one->session) > 0;
		if (poll(ends, 2, more ? 0 : -1) < 0) {
			open = errno == EINTR;
			continue;
		}
		if (more || ends[0].revents)
			open = to_server(one);
		if (open && ends[1].revents)
			open = to_browser(one);
	}
}

static bool shake_hands(struct connection *one)
{
	int result;
	if (gnutls_init(&one->session, GNUTLS_SERVER) < 0)
		return false;
	gnutls_priority_set(one->session, one->tls->priorities);
	gnutls_credentials_set(one->session, GNUTLS_CRD_CERTIFICATE, one->tls->credentials);
	gnutls_transport_set_int(one->session, one->browser);
	gnutls_handshake_set_timeout(one->session, HANDSHAKE_S * 1000);
	do
		result = gnutls_handshake(one->session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	return result == 0;
}

static void serve(struct connection *one)
{
	int ends[2];
	if (!shake_hands(one) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	one->server = ends[0];
	one->tls->take(ends[1], one->tls->data);
	pass_both(one);
	gnutls_bye(one->session, GNUTLS_SHUT_WR);
}

static void *run_connection(void *data)
{
	struct connection *one = data;
	serve(one);
	if (one->session)
		gnutls_deinit(one->session);
	if (one->server >= 0)
		close(one->server);
	close(one->browser);
	atomic_fetch_sub(&one->tls->connections, 1);
	free(one);
	return NULL;
}

/* ---- listening ---- */

static void limit_writing(int fd)
{
	const struct timeval limit = {.tv_sec = STUCK_S};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* False: the connection could not be taken over. */
static bool start(struct tls *tls, int fd)
{
	pthread_t thread;
	if (atomic_load(&tls->connections) >= CONNECTIONS_MAX)
		return false;
	struct connection *one = calloc(1, sizeof(*one));
	if (!one)
		return false;
	*one = (struct connection){.tls = tls, .browser = fd, .server = -1};
	limit_writing(fd);
	atomic_fetch_add(&tls->connections, 1);
	if (pthread_create(&thread, NULL, run_connection, one) == 0) {
		pthread_detach(thread);
		return true;
	}
	atomic_fetch_sub(&tls->connections, 1);
	free(one);
	return false;
}

static void *accept_all(void *data)
{
	struct tls *tls = data;
	for (;;) {
		const int fd = accept4(tls->listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			usleep(10000); /* out of descriptors: some will be given back */
		else if (!start(tls, fd))
			close(fd);
	}
	return NULL;
}

static int bound_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int tls_listen(struct tls *tls, const struct sockaddr *address, socklen_t size, tls_take_fn *take,
	void *data)
{
	pthread_t thread;
	const int on = 1;
	scoped_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	const int port = bound_port(fd);
	tls->take = take;
	tls->data = data;
	tls->listening = fd;
	if (port < 0)
		return -1;
	errno = pthread_create(&thread, NULL, accept_all, tls);
	if (errno)
		return -1;
	pthread_detach(thread);
	steal_fd(&fd);
	return port;
}
