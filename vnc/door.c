#define _GNU_SOURCE
#include "vnc/door.h"

#include "base/log.h"
#include "vnc/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOVNC "/usr/share/novnc"

/* A viewer waits for the server's first word, a browser does not; before somebody knows a password
 * none but browsers can come. */
#define BROWSER_SPEAKS_MS 200

/* The first page: swaps the token for the key, and hands both over to noVNC. */
static const char page[] =
	"<!doctype html><meta charset=utf-8><title>glckpt</title>\n"
	"<p id=say style='font-family:sans-serif'>One moment ...</p>\n"
	"<script>\n"
	"const token = location.hash.slice(1);\n"
	"fetch('/key/' + token, {method: 'POST'})\n"
	"  .then(answer => answer.ok ? answer.text() : Promise.reject())\n"
	"  .then(key => location.replace('/vnc.html#autoconnect=1&reconnect=1'\n"
	"    + '&reconnect_delay=500&resize=scale&quality=9&path=' + key))\n"
	"  .catch(() => document.getElementById('say').textContent =\n"
	"    'This address was used already. Ask for another one: glckpt view --web');\n"
	"</script>\n";

/* ---- secrets ---- */

int door_token(struct door *door, enum pass_right right, char token[SECRET_SIZE], struct err *err)
{
	return pass_token(&door->passes[right], token, err);
}

void door_password(struct door *door, enum pass_right right, char password[PASS_PASSWORD_SIZE])
{
	atomic_store(&door->told, true);
	pass_password(&door->passes[right], password);
}

int door_renew(struct door *door, struct err *err)
{
	for (int right = 0; right < PASS_RIGHTS; right++)
		if (pass_renew(&door->passes[right], err) < 0)
			return -1;
	return 0;
}

/* ---- newcomers ---- */

struct visitor {
	struct door *door;
	int fd;
	void (*meet)(struct door *door, int *fd);
};

static void leave(struct door *door, int count)
{
	pthread_mutex_lock(&door->lock);
	door->visitors -= count;
	pthread_mutex_unlock(&door->lock);
}

/* The key, and what else noVNC has to know, as a part of a URL. */
static void give_key(struct door *door, int fd, const char *token)
{
	char key[SECRET_SIZE], answer[SECRET_SIZE + 32];
	bool use = pass_redeem(&door->passes[PASS_USE], token, key);
	if (!use && !pass_redeem(&door->passes[PASS_LOOK], token, key)) {
		http_answer(fd, "403 Forbidden", "text/plain", "no\n", 3);
		return;
	}
	snprintf(answer, sizeof(answer), "%s%s", key, use ? "" : "&view_only=1");
	http_answer(fd, "200 OK", "text/plain", answer, strlen(answer));
}

/* By the key that the path is. */
static void meet_websocket(struct door *door, int *fd, const char *path)
{
	for (int right = 0; right < PASS_RIGHTS; right++) {
		if (!pass_is_key(&door->passes[right], path + 1))
			continue;
		screen_admit(door->screen, steal_fd(fd), right);
		return;
	}
	http_answer(*fd, "403 Forbidden", "text/plain", "no\n", 3);
}

static void meet_browser(struct door *door, int *fd)
{
	struct http_request request;
	if (!http_peek(*fd, &request))
		return;
	if (request.websocket)
		meet_websocket(door, fd, request.path);
	else if (!strcmp(request.method, "POST") && !strncmp(request.path, "/key/", 5))
		give_key(door, *fd, request.path + 5);
	else if (strcmp(request.method, "GET"))
		http_answer(*fd, "405 Method Not Allowed", "text/plain", "no\n", 3);
	else if (!strcmp(request.path, "/"))
		http_answer(*fd, "200 OK", "text/html; charset=utf-8", page, sizeof(page) - 1);
	else
		http_answer_file(*fd, NOVNC, request.path);
}

static void meet_on_port(struct door *door, int *fd)
{
	const struct timeval limit = {.tv_sec = HTTP_REQUEST_MS / 1000};
	struct pollfd wait = {.fd = *fd, .events = POLLIN};
	const bool told = atomic_load(&door->told);
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (poll(&wait, 1, told ? BROWSER_SPEAKS_MS : HTTP_REQUEST_MS) > 0)
		meet_browser(door, fd);
	else if (told)
		screen_admit(door->screen, steal_fd(fd), SCREEN_ASK_PASSWORD);
}

static bool is_the_user(int fd)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
		(peer.uid == getuid() || peer.uid == 0);
}

static void meet_user(struct door *door, int *fd)
{
	if (is_the_user(*fd))
		screen_admit(door->screen, steal_fd(fd), PASS_USE);
}

static void meet_looker(struct door *door, int *fd)
{
	if (is_the_user(*fd))
		screen_admit(door->screen, steal_fd(fd), PASS_LOOK);
}

/* Who was let in is no newcomer any more. */
static void carry(struct door *door, const struct secure_peer *peer, int right)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	screen_admit(door->screen, ends[0], right);
	leave(door, 1);
	vencrypt_carry(peer, ends[1]);
	leave(door, -1);
	close(ends[1]);
}

static void meet_secure(struct door *door, int *fd)
{
	scoped(secure_peer_finish) struct secure_peer peer = {0};
	int right = vencrypt_greet(&peer, &door->identity, *fd, door->passes);
	if (right >= 0)
		carry(door, &peer, right);
}

static void *meet(void *data)
{
	struct visitor *visitor = data;
	struct door *door = visitor->door;
	scoped_fd int fd = visitor->fd;
	visitor->meet(door, &fd);
	free(visitor);
	leave(door, 1);
	return NULL;
}

static bool may_come_in(struct door *door)
{
	int connected;
	screen_viewers(door->screen, &connected);
	if (connected >= DOOR_VIEWERS_MAX)
		return false;
	pthread_mutex_lock(&door->lock);
	bool room = door->visitors < DOOR_VISITORS_MAX;
	door->visitors += room;
	pthread_mutex_unlock(&door->lock);
	return room;
}

static void welcome(const struct visitor *listener, int fd)
{
	pthread_t thread;
	struct door *door = listener->door;
	struct visitor *visitor = may_come_in(door) ? malloc(sizeof(*visitor)) : NULL;
	if (visitor)
		*visitor = (struct visitor){door, fd, listener->meet};
	if (visitor && pthread_create(&thread, NULL, meet, visitor) == 0) {
		pthread_detach(thread);
		return;
	}
	free(visitor);
	close(fd);
}

/* ---- listening ---- */

static void *attend(void *data)
{
	const struct visitor *listener = data;
	for (;;) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			welcome(listener, fd);
		else
			usleep(20000); /* no descriptors left, say */
	}
	return NULL;
}

static int start_attending(const struct visitor *how, struct err *err)
{
	pthread_t thread;
	struct visitor *listener = malloc(sizeof(*listener));
	if (listener)
		*listener = *how;
	if (!listener || pthread_create(&thread, NULL, attend, listener) != 0) {
		free(listener);
		return err_set(err, "no thread could be started");
	}
	pthread_detach(thread);
	return 0;
}

static int listen_unix(const char *dir, const char *name, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	scoped_fd int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s", at, name);
	if (at < 0 || fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		listen(fd, 64) < 0)
		return err_errno(err, "%s/%s", dir, name);
	return steal_fd(&fd);
}

static int open_unix(struct door *door, const char *dir, const char *name,
	void (*how)(struct door *, int *), struct err *err)
{
	const struct visitor listener = {door, listen_unix(dir, name, err), how};
	return listener.fd < 0 ? -1 : start_attending(&listener, err);
}

int door_open(struct door *door, const char *dir, struct screen *screen, struct err *err)
{
	*door = (struct door){
		.screen = screen, .secure_fd = -1, .tcp_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
	for (int right = 0; right < PASS_RIGHTS; right++)
		if (pass_init(&door->passes[right], err) < 0)
			return -1;
	screen_set_passes(screen, door->passes);
	return open_unix(door, dir, "rfb", meet_user, err) < 0 ||
			open_unix(door, dir, "look", meet_looker, err) < 0
		? -1
		: 0;
}

static int listen_at(const struct sockaddr *to, socklen_t size, struct err *err)
{
	const int one = 1;
	scoped_fd int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, to, size) < 0 || listen(fd, 64) < 0)
		return err_errno(err, "listening");
	return steal_fd(&fd);
}

static int port_of(int fd)
{
	struct sockaddr_in6 where = {0}; /* the port lies where it does in sockaddr_in */
	socklen_t size = sizeof(where);
	return getsockname(fd, (struct sockaddr *)&where, &size) < 0 ? 0 : ntohs(where.sin6_port);
}

int door_listen(struct door *door, struct err *err)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (door->tcp_fd >= 0)
		return 0;
	scoped_fd int fd = listen_at((const struct sockaddr *)&to, sizeof(to), err);
	if (fd < 0)
		return err_context(err, "127.0.0.1");
	const struct visitor listener = {door, fd, meet_on_port};
	if (start_attending(&listener, err) < 0)
		return -1;
	door->port = port_of(fd);
	door->tcp_fd = steal_fd(&fd);
	return 0;
}

/* ---- listening beyond this machine ---- */

static int listen_numeric(const char *address, uint16_t port, struct err *err)
{
	char service[8];
	const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &numeric, &found) != 0)
		return err_set(err, "'%s' is no address of this machine", address);
	int fd = listen_at(found->ai_addr, found->ai_addrlen, err);
	freeaddrinfo(found);
	return fd < 0 ? err_context(err, "%s", address) : fd;
}

static int start_secure(struct door *door, const struct door_secure *how, struct err *err)
{
	scoped_fd int fd = listen_numeric(how->address, how->port, err);
	const struct visitor listener = {door, fd, meet_secure};
	if (fd < 0 || start_attending(&listener, err) < 0)
		return -1;
	door->secure_port = port_of(fd);
	snprintf(door->address, sizeof(door->address), "%s", how->address);
	door->secure_fd = steal_fd(&fd);
	return 0;
}

int door_listen_secure(struct door *door, const struct door_secure *how, struct err *err)
{
	const bool same_port = !how->port || how->port == door->secure_port;
	if (door->secure_fd >= 0 && same_port && !strcmp(door->address, how->address))
		return 0;
	if (door->secure_fd >= 0)
		return err_set(err, "it listens on %s, port %d, already", door->address,
			door->secure_port);
	if (secure_identity_init(&door->identity, how->certificate, how->key, err) < 0)
		return -1;
	if (start_secure(door, how, err) == 0)
		return 0;
	secure_identity_finish(&door->identity);
	return -1;
}
