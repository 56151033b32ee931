#define _GNU_SOURCE
#include "xdetach/session/outside.h"

#include "base/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* More findings than this make no better sentence. */
#define NAMED_MAX 3

struct held {
	unsigned long inode;
	pid_t pid;
};

struct survey {
	struct held *sockets; /* of the session's processes */
	size_t count, capacity;
	struct buf findings;
	int found;
};

static void survey_finish(struct survey *survey)
{
	free(survey->sockets);
	buf_finish(&survey->findings);
}

static const struct held *holder(const struct survey *survey, unsigned long inode)
{
	for (size_t i = 0; i < survey->count; i++)
		if (survey->sockets[i].inode == inode)
			return &survey->sockets[i];
	return NULL;
}

static void add_socket(struct survey *survey, unsigned long inode, pid_t pid)
{
	if (holder(survey, inode))
		return;
	if (survey->count == survey->capacity) {
		size_t capacity = survey->capacity ? survey->capacity * 2 : 64;
		void *sockets = realloc(survey->sockets, capacity * sizeof(*survey->sockets));
		if (!sockets)
			return;
		survey->sockets = sockets;
		survey->capacity = capacity;
	}
	survey->sockets[survey->count++] = (struct held){inode, pid};
}

static void finding(struct survey *survey, pid_t pid, const char *format, ...) printf_like(3, 4);

static void finding(struct survey *survey, pid_t pid, const char *format, ...)
{
	char name[32], text[PATH_MAX];
	if (survey->found++ >= NAMED_MAX)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	proctree_name(pid, name, sizeof(name));
	buf_printf(&survey->findings, "%s%s (pid %d) %s", survey->findings.size ? "; " : "", name,
		pid, text);
}

/* ---- descriptors ---- */

/* Character devices that CRIU keeps: memory devices, terminals, the mixed bag of tun. */
static bool keepable_device(const char *path)
{
	static const char *const known[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		"/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts/", "/dev/net/tun"};
	for (size_t i = 0; i < array_len(known); i++)
		if (!strncmp(path, known[i], strlen(known[i])))
			return true;
	return false;
}

static void look_at_descriptor(struct survey *survey, pid_t pid, int fds, const char *name)
{
	char target[PATH_MAX];
	unsigned long inode;
	struct stat st;
	ssize_t length = readlinkat(fds, name, target, sizeof(target) - 1);
	if (length <= 0)
		return;
	target[length] = '\0';
	if (sscanf(target, "socket:[%lu]", &inode) == 1)
		add_socket(survey, inode, pid);
	else if (!strncmp(target, "/dev/", 5) && !keepable_device(target) &&
		fstatat(fds, name, &st, 0) == 0 && S_ISCHR(st.st_mode))
		finding(survey, pid, "holds the device %s", target);
}

static void look_at_process(struct survey *survey, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	scoped_dir DIR *dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_descriptor(survey, pid, dirfd(dir), entry->d_name);
}

/* ---- Unix sockets: sock_diag(7) ---- */

struct unix_socket {
	unsigned long inode, peer;
	bool connected;
	char name[112];
};

struct unix_sockets {
	struct unix_socket *items;
	size_t count, capacity;
};

static struct unix_socket *unix_add(struct unix_sockets *sockets)
{
	if (sockets->count == sockets->capacity) {
		size_t capacity = sockets->capacity ? sockets->capacity * 2 : 256;
		void *items = realloc(sockets->items, capacity * sizeof(*sockets->items));
		if (!items)
			return NULL;
		sockets->items = items;
		sockets->capacity = capacity;
	}
	struct unix_socket *added = &sockets->items[sockets->count++];
	*added = (struct unix_socket){0};
	return added;
}

static const struct unix_socket *unix_find(const struct unix_sockets *sockets, unsigned long inode)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].inode == inode)
			return &sockets->items[i];
	return NULL;
}

static void take_name(struct unix_socket *socket, const char *data, size_t length)
{
	bool abstract = length && !data[0];
	size_t start = abstract ? 1 : 0;
	if (length > sizeof(socket->name) - 2)
		length = sizeof(socket->name) - 2;
	snprintf(socket->name, sizeof(socket->name), "%s%.*s", abstract ? "@" : "",
		(int)(length - start), data + start);
}

static void take_attributes(struct unix_socket *socket, struct nlattr *at, size_t left)
{
	while (left >= sizeof(*at) && at->nla_len >= sizeof(*at) && at->nla_len <= left) {
		const char *data = (const char *)(at + 1);
		size_t length = at->nla_len - sizeof(*at);
		uint32_t peer;
		if (at->nla_type == UNIX_DIAG_PEER && length >= sizeof(peer)) {
			memcpy(&peer, data, sizeof(peer));
			socket->peer = peer;
		} else if (at->nla_type == UNIX_DIAG_NAME) {
			take_name(socket, data, length);
		}
		size_t step = NLA_ALIGN(at->nla_len);
		if (step > left)
			return;
		left -= step;
		at = (struct nlattr *)((char *)at + step);
	}
}

static int ask_for_unix_sockets(int fd)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = AF_UNIX,
			.udiag_states = ~0u,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER},
	};
	return send(fd, &message, sizeof(message), 0) < 0 ? -1 : 0;
}

/* True while more is to come. */
static bool take_messages(struct unix_sockets *sockets, struct nlmsghdr *at, size_t size)
{
	for (; NLMSG_OK(at, size); at = NLMSG_NEXT(at, size)) {
		if (at->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return false;
		struct unix_diag_msg *message = NLMSG_DATA(at);
		struct unix_socket *socket = unix_add(sockets);
		if (!socket || at->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
			return false;
		socket->inode = message->udiag_ino;
		socket->connected = message->udiag_state == TCP_ESTABLISHED;
		take_attributes(socket, (struct nlattr *)(message + 1),
			at->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
	}
	return true;
}

static void read_unix_sockets(struct unix_sockets *sockets)
{
	_Alignas(struct nlmsghdr) char data[32768];
	scoped_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0 || ask_for_unix_sockets(fd) < 0)
		return;
	for (;;) {
		ssize_t got = recv(fd, data, sizeof(data), 0);
		if (got <= 0 || !take_messages(sockets, (struct nlmsghdr *)data, (size_t)got))
			return;
	}
}

static void look_at_unix(struct survey *survey)
{
	struct unix_sockets sockets = {0};
	read_unix_sockets(&sockets);
	for (size_t i = 0; i < sockets.count; i++) {
		const struct unix_socket *socket = &sockets.items[i];
		const struct held *held = holder(survey, socket->inode);
		if (!held || !socket->peer || holder(survey, socket->peer))
			continue;
		const struct unix_socket *peer = unix_find(&sockets, socket->peer);
		const char *name = peer && peer->name[0] ? peer->name : NULL;
		finding(survey, held->pid, "is connected to %s%s",
			name ? "the Unix socket " : "a process outside through a Unix socket",
			name ? name : "");
	}
	free(sockets.items);
}

/* ---- TCP: /proc/net/tcp and tcp6 ---- */

static void look_at_tcp(struct survey *survey, const char *table)
{
	scoped_file FILE *file = fopen(table, "re");
	char line[512];
	while (file && fgets(line, sizeof(line), file)) {
		char local[40], remote[40];
		unsigned local_port, remote_port, state;
		unsigned long inode;
		if (sscanf(line,
			    " %*d: %39[0-9A-F]:%x %39[0-9A-F]:%x %x %*x:%*x %*x:%*x %*x %*u %*d "
			    "%lu",
			    local, &local_port, remote, &remote_port, &state, &inode) != 6)
			continue;
		const struct held *held = holder(survey, inode);
		if (held && state != TCP_LISTEN)
			finding(survey, held->pid, "has a TCP connection from port %u to port %u",
				local_port, remote_port);
	}
}

int outside_check(const struct proctree *tree, bool close_tcp, struct err *err)
{
	scoped(survey_finish) struct survey survey = {0};
	for (size_t i = 0; i < tree->count; i++)
		look_at_process(&survey, tree->pids[i]);
	look_at_unix(&survey);
	if (!close_tcp) {
		look_at_tcp(&survey, "/proc/net/tcp");
		look_at_tcp(&survey, "/proc/net/tcp6");
	}
	if (!survey.found)
		return 0;
	if (survey.found > NAMED_MAX)
		buf_printf(&survey.findings, "; and %d more", survey.found - NAMED_MAX);
	return err_set(err,
		"what lies outside the session cannot be kept: %s. Close it in the program%s, and "
		"try again",
		survey.findings.data, close_tcp ? "" : " (or, for TCP, use --close-tcp)");
}
