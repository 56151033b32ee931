#define _GNU_SOURCE
#include "xdetach/stream/wire.h"

#include "base/io.h"
#include "xdetach/engine/proto.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum stage { STAGE_LENGTH, STAGE_MESSAGE, STAGE_PIPE };

/* A path longer than a socket address is reached through the folder's descriptor. */
static int socket_path(const char *dir, int dirfd, const char *name, struct sockaddr_un *address)
{
	size_t size = sizeof(address->sun_path);
	int length = snprintf(address->sun_path, size, "%s/%s", dir, name);
	if (length < 0 || (size_t)length >= size)
		length = snprintf(address->sun_path, size, "/proc/self/fd/%d/%s", dirfd, name);
	return length < 0 || (size_t)length >= size ? -1 : 0;
}

int wire_listen(const char *dir, const char *name, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	scoped_fd int dirfd = io_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, err);
	if (dirfd < 0)
		return -1;
	if (socket_path(dir, dirfd, name, &address) < 0)
		return err_set(err, "%s/%s: the name is too long", dir, name);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	unlinkat(dirfd, name, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		return err_errno(err, "%s/%s", dir, name);
	return steal_fd(&fd);
}

int wire_accept(int listening, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	scoped_fd int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return WIRE_NOBODY;
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_errno(err, "criu's socket");
	if (peer.uid != geteuid() && peer.uid != 0)
		return WIRE_NOBODY;
	return steal_fd(&fd);
}

void wire_init(struct wire *wire, int fd)
{
	*wire = (struct wire){.fd = fd, .pipe = -1};
}

void wire_finish(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	if (wire->pipe >= 0)
		close(wire->pipe);
	wire->fd = wire->pipe = -1;
}

/* Takes the first descriptor of a message and closes whatever else came along. */
static void take_descriptors(struct wire *wire, struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
		part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
			if (wire->pipe < 0 && wire->stage == STAGE_PIPE)
				wire->pipe = fd;
			else
				close(fd);
		}
	}
}

/* Reads up to `wanted` bytes in all of the present stage: 1 complete, 0 not yet, -1, 2 closed. */
static int receive(struct wire *wire, void *to, size_t wanted, struct err *err)
{
	char control[CMSG_SPACE(8 * sizeof(int))];
	while (wire->have < wanted) {
		struct iovec part = {(char *)to + wire->have, wanted - wire->have};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(wire->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (got < 0)
			return errno == ECONNRESET ? 2 : err_errno(err, "criu's socket");
		if (got == 0)
			return 2;
		take_descriptors(wire, &message);
		wire->have += (size_t)got;
	}
	wire->have = 0;
	return 1;
}

static int take_name(struct wire *wire, struct err *err)
{
	struct proto proto;
	struct proto_field field, name = {0};
	proto_init(&proto, wire->bytes, wire->length);
	while (proto_next(&proto, &field))
		if (field.number == 1 && field.type == PROTO_BYTES)
			name = field;
	if (proto.failed || !name.data)
		return err_set(err, "criu sent a request that makes no sense");
	if (stream_name_check((const char *)name.data, name.size, err) < 0)
		return err_context(err, "criu sent");
	memcpy(wire->name, name.data, name.size);
	wire->name[name.size] = '\0';
	return WIRE_NAME;
}

static int step_length(struct wire *wire, struct err *err)
{
	bool between = wire->have == 0;
	int got = receive(wire, &wire->length, sizeof(wire->length), err);
	if (got == 2 && between && wire->have == 0)
		return WIRE_CLOSED;
	if (got == 2)
		return err_set(err, "criu ended in the middle of a request");
	if (got <= 0)
		return got < 0 ? -1 : WIRE_AGAIN;
	wire->length = le32toh(wire->length);
	if (!wire->length || wire->length > sizeof(wire->bytes))
		return err_set(err, "criu sent a request of %u bytes", wire->length);
	wire->stage = STAGE_MESSAGE;
	return wire_step(wire, err);
}

static int step_message(struct wire *wire, struct err *err)
{
	int got = receive(wire, wire->bytes, wire->length, err);
	if (got == 2)
		return err_set(err, "criu ended in the middle of a request");
	if (got <= 0)
		return got < 0 ? -1 : WIRE_AGAIN;
	wire->stage = STAGE_PIPE;
	return take_name(wire, err);
}

static int step_pipe(struct wire *wire, struct err *err)
{
	char byte;
	struct stat st;
	int got = receive(wire, &byte, 1, err);
	if (got == 2)
		return err_set(err, "criu ended before it sent the pipe of %s", wire->name);
	if (got <= 0)
		return got < 0 ? -1 : WIRE_AGAIN;
	wire->stage = STAGE_LENGTH;
	if (wire->pipe < 0 || fstat(wire->pipe, &st) < 0 || !S_ISFIFO(st.st_mode))
		return err_set(err, "criu sent no pipe for %s", wire->name);
	return WIRE_PIPE;
}

int wire_step(struct wire *wire, struct err *err)
{
	switch (wire->stage) {
	case STAGE_LENGTH:
		return step_length(wire, err);
	case STAGE_MESSAGE:
		return step_message(wire, err);
	default:
		return step_pipe(wire, err);
	}
}

int wire_reply(struct wire *wire, bool exists, struct err *err)
{
	/* img_streamer_reply: field 1, a varint, behind its length. */
	const uint8_t reply[6] = {2, 0, 0, 0, 0x08, exists};
	if (!exists)
		wire->stage = STAGE_LENGTH;
	ssize_t sent;
	do
		sent = send(wire->fd, reply, sizeof(reply), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)sizeof(reply))
		return err_errno(err, "criu's socket");
	return 0;
}
