#define _GNU_SOURCE
#include "xdetach/web/tls.h"

#include "base/scope.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define HANDSHAKE_S 10
#define BACKLOG 64

struct connection {
	struct tls *tls;
	int browser;
};

/* ---- one connection ---- */

static void serve(const struct connection *one)
{
	int ends[2];
	scoped(secure_peer_finish) struct secure_peer peer = {0};
	if (!secure_peer_init(&peer, &one->tls->identity, one->browser, HANDSHAKE_S) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	one->tls->take(ends[1], one->tls->data);
	secure_carry(&peer, ends[0]);
	close(ends[0]);
}

static void *run_connection(void *data)
{
	struct connection *one = data;
	serve(one);
	close(one->browser);
	atomic_fetch_sub(&one->tls->connections, 1);
	free(one);
	return NULL;
}

/* ---- listening ---- */

/* False: the connection could not be taken over. */
static bool start(struct tls *tls, int fd)
{
	pthread_t thread;
	if (atomic_load(&tls->connections) >= CONNECTIONS_MAX)
		return false;
	struct connection *one = calloc(1, sizeof(*one));
	if (!one)
		return false;
	*one = (struct connection){.tls = tls, .browser = fd};
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
