#define _GNU_SOURCE
#include "xdetach/web/relay.h"

#include "base/io.h"
#include "xdetach/session/view.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define LINGER_S 600
#define ANSWER_S 10
#define CHUNK (64u << 10)

static void limit_waiting(int fd, int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int relay_prepare(const char *session, struct err *err)
{
	json_t *request = json_pack("{s:s, s:s}", "op", "open", "way", "socket");
	json_t *answer = view_ask(session, LINGER_S, request, err);
	json_decref(answer);
	return answer ? 0 : -1;
}

/* ---- the handshake ---- */

static int connect_socket(const char *session, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	scoped_free char *dir = view_dir(session, err);
	scoped_fd int at = dir ? io_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, err) : -1;
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (at < 0)
		return -1;
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/rfb", at);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "the bridge of %s", session);
	return steal_fd(&fd);
}

static int ask(int fd, const char *key, const char *protocol)
{
	scoped_buf struct buf text = BUF_INIT;
	buf_printf(&text,
		"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\n",
		key);
	if (protocol)
		buf_printf(&text, "Sec-WebSocket-Protocol: %s\r\n", protocol);
	buf_append_text(&text, "\r\n");
	return buf_failed(&text) ? -1 : io_write_full(fd, text.data, text.size);
}

/* Up to the empty line, not a byte further: what follows is for the browser. */
static int read_head(int fd, char *text, size_t size)
{
	for (size_t used = 0; used + 1 < size; used++) {
		if (io_read_full(fd, text + used, 1) < 0)
			return -1;
		text[used + 1] = '\0';
		if (used >= 3 && !strcmp(text + used - 3, "\r\n\r\n"))
			return 0;
	}
	return -1;
}

static void pick_header(const char *text, const char *name, char value[RELAY_HEADER_MAX])
{
	const char *line = strcasestr(text, name);
	value[0] = '\0';
	if (line)
		sscanf(line + strlen(name), " %127[!-~]", value);
}

int relay_connect(const char *session, const char *key, const char *protocol,
	struct relay_hello *hello, struct err *err)
{
	char head[2048];
	scoped_fd int fd = connect_socket(session, err);
	if (fd < 0)
		return -1;
	limit_waiting(fd, ANSWER_S);
	if (ask(fd, key, protocol) < 0 || read_head(fd, head, sizeof(head)) < 0 ||
		strncmp(head, "HTTP/1.1 101 ", 13) != 0)
		return err_set(err, "the bridge of %s does not answer", session);
	limit_waiting(fd, 0);
	pick_header(head, "\r\nSec-WebSocket-Accept:", hello->accept);
	pick_header(head, "\r\nSec-WebSocket-Protocol:", hello->protocol);
	return steal_fd(&fd);
}

/* ---- passing on ---- */

static bool pass_on(int from, int to, char *chunk)
{
	ssize_t got = recv(from, chunk, CHUNK, 0);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	return got > 0 && io_write_full(to, chunk, (size_t)got) == 0;
}

static void pass_both(int browser, int bridge, char *chunk)
{
	struct pollfd ends[2] = {{browser, POLLIN, 0}, {bridge, POLLIN, 0}};
	for (bool open = true; open;) {
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			return;
		if (ends[0].revents)
			open = pass_on(browser, bridge, chunk);
		if (open && ends[1].revents)
			open = pass_on(bridge, browser, chunk);
	}
}

void relay_run(int browser, int bridge)
{
	scoped_free char *chunk = malloc(CHUNK);
	fcntl(browser, F_SETFL, fcntl(browser, F_GETFL) & ~O_NONBLOCK);
	if (chunk)
		pass_both(browser, bridge, chunk);
	close(bridge);
}
