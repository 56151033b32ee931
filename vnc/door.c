#define _GNU_SOURCE
#include "vnc/door.h"

#include "base/log.h"
#include "vnc/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOVNC "/usr/share/novnc"

/* A viewer waits for the server's first word, a browser does not. */
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

int door_token(struct door *door, char token[SECRET_SIZE], struct err *err)
{
	return secret_issue(&door->tokens, token, err);
}

const char *door_password(struct door *door, struct err *err)
{
	char secret[SECRET_SIZE];
	if (door->password[0])
		return door->password;
	if (secret_make(secret, err) < 0)
		return NULL;
	pthread_mutex_lock(&door->lock);
	snprintf(door->password, sizeof(door->password), "%.8s", secret);
	pthread_mutex_unlock(&door->lock);
	screen_set_password(door->screen, door->password);
	return door->password;
}

static bool has_password(struct door *door)
{
	pthread_mutex_lock(&door->lock);
	bool has = door->password[0];
	pthread_mutex_unlock(&door->lock);
	return has;
}

/* ---- newcomers ---- */

struct visitor {
	struct door *door;
	int fd;
	bool local; /* came by the Unix socket */
};

static void give_key(struct door *door, int fd, const char *token)
{
	if (secret_redeem(&door->tokens, token))
		http_answer(fd, "200 OK", "text/plain", door->key, SECRET_SIZE - 1);
	else
		http_answer(fd, "403 Forbidden", "text/plain", "no\n", 3);
}

static void meet_browser(struct door *door, int *fd)
{
	struct http_request request;
	if (!http_peek(*fd, &request))
		return;
	if (request.websocket && secret_same(request.path + 1, door->key))
		screen_admit(door->screen, steal_fd(fd), true);
	else if (request.websocket)
		http_answer(*fd, "403 Forbidden", "text/plain", "no\n", 3);
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
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (poll(&wait, 1, BROWSER_SPEAKS_MS) > 0)
		meet_browser(door, fd);
	else if (has_password(door))
		screen_admit(door->screen, steal_fd(fd), false);
}

static bool is_the_user(int fd)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
		(peer.uid == getuid() || peer.uid == 0);
}

static void *meet(void *data)
{
	struct visitor *visitor = data;
	struct door *door = visitor->door;
	scoped_fd int fd = visitor->fd;
	if (!visitor->local)
		meet_on_port(door, &fd);
	else if (is_the_user(fd))
		screen_admit(door->screen, steal_fd(&fd), true);
	free(visitor);
	pthread_mutex_lock(&door->lock);
	door->visitors--;
	pthread_mutex_unlock(&door->lock);
	return NULL;
}

static bool may_come_in(struct door *door)
{
	pthread_mutex_lock(&door->lock);
	bool room = door->visitors < DOOR_VISITORS_MAX;
	door->visitors += room;
	pthread_mutex_unlock(&door->lock);
	return room;
}

static void welcome(struct door *door, int fd, bool local)
{
	pthread_t thread;
	struct visitor *visitor = may_come_in(door) ? malloc(sizeof(*visitor)) : NULL;
	if (visitor)
		*visitor = (struct visitor){door, fd, local};
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
			welcome(listener->door, fd, listener->local);
		else
			usleep(20000); /* no descriptors left, say */
	}
	return NULL;
}

static int start_attending(struct door *door, int fd, bool local, struct err *err)
{
	pthread_t thread;
	struct visitor *listener = malloc(sizeof(*listener));
	if (listener)
		*listener = (struct visitor){door, fd, local};
	if (!listener || pthread_create(&thread, NULL, attend, listener) != 0) {
		free(listener);
		return err_set(err, "no thread could be started");
	}
	pthread_detach(thread);
	return 0;
}

static int listen_unix(const char *dir, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	scoped_fd int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/rfb", at);
	if (at < 0 || fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		listen(fd, 64) < 0)
		return err_errno(err, "%s/rfb", dir);
	return steal_fd(&fd);
}

int door_open(struct door *door, const char *dir, struct screen *screen, struct err *err)
{
	*door = (struct door){.screen = screen,
		.unix_fd = -1,
		.tcp_fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.tokens = SECRET_TOKENS_INIT};
	if (secret_make(door->key, err) < 0)
		return -1;
	door->unix_fd = listen_unix(dir, err);
	return door->unix_fd < 0 ? -1 : start_attending(door, door->unix_fd, true, err);
}

int door_listen(struct door *door, struct err *err)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(to);
	if (door->tcp_fd >= 0)
		return 0;
	scoped_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, size) < 0 || listen(fd, 64) < 0 ||
		getsockname(fd, (struct sockaddr *)&to, &size) < 0)
		return err_errno(err, "listening on 127.0.0.1");
	if (start_attending(door, fd, false, err) < 0)
		return -1;
	door->port = ntohs(to.sin_port);
	door->tcp_fd = steal_fd(&fd);
	return 0;
}
