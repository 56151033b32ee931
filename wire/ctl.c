#define _GNU_SOURCE
#include "wire/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A socket's path may be longer than sun_path: it is reached through its folder's descriptor. */
static int address(struct sockaddr_un *address, int dir)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/ctl", dir);
}

static int new_socket(int dir, struct sockaddr_un *to, struct err *err)
{
	address(to, dir);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	return fd;
}

static int open_dir(const char *dir, struct err *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_errno(err, "%s", dir);
	return fd;
}

int ctl_listen(const char *dir, struct err *err)
{
	scoped_fd int at = open_dir(dir, err);
	if (at < 0)
		return -1;
	struct sockaddr_un to;
	scoped_fd int fd = new_socket(at, &to, err);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 64) < 0 ||
		fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, "%s/ctl", dir);
	return steal_fd(&fd);
}

int ctl_accept(int listener)
{
	scoped_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
		(peer.uid != getuid() && peer.uid != 0)) {
		errno = EAGAIN;
		return -1;
	}
	return steal_fd(&fd);
}

int ctl_connect(const char *dir, struct err *err)
{
	scoped_fd int at = open_dir(dir, err);
	if (at < 0)
		return -1;
	struct sockaddr_un to;
	scoped_fd int fd = new_socket(at, &to, err);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "%s/ctl", dir);
	return steal_fd(&fd);
}

int ctl_pair(int fds[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(err, "socketpair");
	return 0;
}

int ctl_send(int fd, json_t *message, struct err *err)
{
	if (!message)
		return err_set(err, "out of memory");
	scoped_free char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!text)
		return err_set(err, "out of memory");
	size_t size = strlen(text);
	if (size > CTL_MESSAGE_MAX)
		return err_set(err, "a message of %zu bytes is too large", size);
	ssize_t sent;
	do {
		sent = send(fd, text, size, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_errno(err, "send");
	return 0;
}

json_t *ctl_receive(int fd, struct err *err)
{
	scoped_free char *text = malloc(CTL_MESSAGE_MAX);
	if (!text) {
		err_set(err, "out of memory");
		return NULL;
	}
	ssize_t got;
	do {
		got = recv(fd, text, CTL_MESSAGE_MAX, 0);
	} while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET)) {
		errno = 0;
		return NULL;
	}
	if (got < 0) {
		err_errno(err, "receive");
		return NULL;
	}
	json_error_t where;
	json_t *message = json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(message)) {
		json_decref(message);
		errno = EPROTO;
		err_set(err, "received something that is no message");
		return NULL;
	}
	return message;
}

json_t *ctl_call(int fd, json_t *request, struct err *err)
{
	if (ctl_send(fd, request, err) < 0)
		return NULL;
	json_t *answer = ctl_receive(fd, err);
	if (!answer) {
		err_set(err, "the session ended before it answered");
		return NULL;
	}
	if (ctl_check(answer, err) < 0) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}

int ctl_check(const json_t *message, struct err *err)
{
	if (!ctl_is(message, "event", "error"))
		return 0;
	int status = (int)json_integer_value(json_object_get(message, "status"));
	const char *text = json_string_value(json_object_get(message, "text"));
	return err_set_status(err, status ? status : STATUS_FAILED, "%s", text ? text : "failed");
}

json_t *ctl_error(const struct err *err)
{
	return json_pack(
		"{s:s, s:s, s:i}", "event", "error", "text", err->text, "status", err->status);
}

bool ctl_is(const json_t *message, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(message, key));
	return text && !strcmp(text, value);
}
