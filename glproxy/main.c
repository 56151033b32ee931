/*
 * glproxy: renders for application processes.
 *
 *	glproxy --listen SOCKET --dir RUNDIR	a proxy process for each process that asks
 *	glproxy --serve DIR --client PID	one proxy, for one process
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "base/log.h"
#include "glproxy/proxy.h"
#include "wire/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Ends the control ring when the client's process has ended. */
static void *watch_client(void *data)
{
	struct proxy *proxy = data;
	scoped_fd int fd = (int)syscall(SYS_pidfd_open, proxy->client, 0);
	if (fd >= 0)
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
	if (fd >= 0 || errno == ESRCH) {
		atomic_store(&proxy->control.shared->closed, 1);
		wire_wake(&proxy->control.shared->head);
	}
	return NULL;
}

/* Tells the client where its files are; the connection's only answer. */
static void answer(int connection, const char *directory, int status)
{
	struct wire_hello_answer hello = {
		.magic = WIRE_HELLO_MAGIC, .version = WIRE_VERSION, .status = status};
	snprintf(hello.directory, sizeof(hello.directory), "%s", directory);
	io_write_full(connection, &hello, sizeof(hello));
}

static int serve(const char *directory, pid_t client, int connection)
{
	struct proxy proxy;
	struct err err = ERR_INIT;
	pthread_t watcher;
	if (proxy_init(&proxy, directory, client, &err)) {
		log_line("%s", err.text);
		if (connection >= 0)
			answer(connection, "", ENODEV);
		proxy_finish(&proxy);
		return 1;
	}
	if (connection >= 0) {
		answer(connection, directory, 0);
		close(connection);
	}
	if (pthread_create(&watcher, NULL, watch_client, &proxy) == 0)
		pthread_detach(watcher);
	proxy_serve(&proxy);
	proxy_finish(&proxy);
	_exit(0); /* the watcher may still be looking at its client */
}

static void accept_one(int listener, const char *directory)
{
	static unsigned count;
	scoped_fd int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct wire_hello hello;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char path[WIRE_DIR_MAX];
	if (connection < 0 || io_read_full(connection, &hello, sizeof(hello)) ||
		getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return;
	if (hello.magic != WIRE_HELLO_MAGIC || hello.version != WIRE_VERSION ||
		peer.uid != getuid()) {
		answer(connection, "", EPROTO);
		return;
	}
	snprintf(path, sizeof(path), "%s/p%u", directory, ++count);
	if (mkdir(path, 0700)) {
		answer(connection, "", errno);
		return;
	}
	if (fork() == 0) {
		close(listener);
		_exit(serve(path, peer.pid, connection));
	}
}

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, "%s: too long for a socket", path);
	strcpy(address.sun_path, path);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		return err_errno(err, "%s", path);
	return steal_fd(&fd);
}

static int listen_and_fork(const char *socket_path, const char *directory)
{
	struct err err = ERR_INIT;
	scoped_fd int listener = listen_at(socket_path, &err);
	if (listener < 0) {
		log_line("%s", err.text);
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (;;)
		accept_one(listener, directory);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
		{"dir", required_argument, NULL, 'd'}, {"serve", required_argument, NULL, 's'},
		{"client", required_argument, NULL, 'c'}, {0}};
	const char *listen_path = NULL, *directory = NULL, *served = NULL;
	int client = 0;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'l')
			listen_path = optarg;
		else if (option == 'd')
			directory = optarg;
		else if (option == 's')
			served = optarg;
		else if (option == 'c')
			client = atoi(optarg);
		else
			return 2;
	}
	log_name("glproxy");
	/* The driver is found as on any desktop, not through our own vendor library. */
	unsetenv("__EGL_VENDOR_LIBRARY_FILENAMES");
	unsetenv("__GLX_VENDOR_LIBRARY_NAME");
	if (served)
		return serve(served, client, -1);
	if (listen_path && directory)
		return listen_and_fork(listen_path, directory);
	fprintf(stderr, "usage: glproxy --listen SOCKET --dir RUNDIR | --serve DIR --client PID\n");
	return 2;
}
