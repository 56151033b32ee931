/*
 * glproxy: renders for application processes.
 *
 *	glproxy --listen SOCKET --dir RUNDIR	a proxy process for each process that asks
 *	        --restore DIRECTORY		... and first those of a snapshot (wire/hello.h)
 *	glproxy --serve DIR --client PID	one proxy, for one process
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "base/log.h"
#include "glproxy/confine.h"
#include "glproxy/live.h"
#include "glproxy/live_control.h"
#include "glproxy/proxy.h"
#include "glproxy/snapshot.h"
#include "wire/hello.h"

#include <dirent.h>

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

/* A restored client's process comes into being after its proxy. */
static int open_client(const struct proxy *proxy)
{
	for (unsigned tries = 0;; tries++) {
		const int fd = (int)syscall(SYS_pidfd_open, proxy->client, 0);
		if (fd >= 0 || errno != ESRCH || !proxy->client_to_come || tries == 6000)
			return fd;
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	}
}

/* Ends the control ring when the client's process has ended. */
static void *watch_client(void *data)
{
	struct proxy *proxy = data;
	scoped_fd int fd = open_client(proxy);
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

static int serve_on(struct proxy *proxy, int control)
{
	pthread_t watcher;
	if (control >= 0)
		live_control_start(proxy, control);
	if (pthread_create(&watcher, NULL, watch_client, proxy) == 0)
		pthread_detach(watcher);
	proxy_serve(proxy);
	proxy_finish(proxy);
	_exit(0); /* the watcher may still be looking at its client */
}

static int serve(const char *directory, pid_t client, int connection, int control)
{
	struct proxy proxy;
	struct err err = ERR_INIT;
	if (proxy_init(&proxy, directory, client, false, &err)) {
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
	return serve_on(&proxy, control);
}

static int build(struct proxy *proxy, const char *directory, const char *file, struct err *err)
{
	scoped_free char *folder = strdup(file);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	if (!slash)
		return err_set(err, "%s: no path of a snapshot", file);
	*slash = '\0';
	const struct snapshot_place place = {.directory = folder, .name = slash + 1};
	const int client = snapshot_check(&place, err);
	if (client < 0 || proxy_init(proxy, directory, client, true, err))
		return -1;
	proxy->let_go = true;
	if (snapshot_adopt(proxy, &place, err) || snapshot_build(proxy, &place, err))
		return -1;
	proxy->restored = false;
	proxy->client_to_come = true;
	return 0;
}

static int start_threads(struct proxy *proxy, struct err *err)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id] && !context_start(proxy->contexts[id]))
			return err_set(err, "no thread can be made");
	return 0;
}

static int serve_restored(const char *directory, const char *file, int control)
{
	static struct proxy proxy;
	struct err err = ERR_INIT;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (build(&proxy, directory, file, &err) || start_threads(&proxy, &err)) {
		live_control_say(control, &err);
		_exit(1); /* the files stay as they are */
	}
	live_control_say(control, &err);
	return serve_on(&proxy, control);
}

/* ---- the listening process ---- */

static struct live_children children;

/* Something is asked of all proxies. */
static void serve_session(int connection, const struct wire_hello *hello)
{
	char names[2 * WIRE_LIVE_PATH_MAX + 4] = "";
	struct wire_live_answer live = {.magic = WIRE_LIVE_MAGIC, .version = WIRE_VERSION};
	if (hello->reserved > 2 * WIRE_LIVE_PATH_MAX ||
		io_read_full(connection, names, hello->reserved))
		return;
	live_control_ask(&children, (enum wire_live_operation)hello->pid, names,
		names + strlen(names) + 1, &live);
	io_write_full(connection, &live, sizeof(live));
}

static unsigned numbers; /* the last N of RUNDIR/pN */

static void accept_one(int listener, const char *directory)
{
	scoped_fd int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct wire_hello hello;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char path[WIRE_DIR_MAX];
	if (connection < 0 || io_read_full(connection, &hello, sizeof(hello)) ||
		getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return;
	if (hello.magic == WIRE_LIVE_MAGIC && hello.version == WIRE_VERSION &&
		peer.uid == getuid()) {
		serve_session(connection, &hello);
		return;
	}
	if (hello.magic != WIRE_HELLO_MAGIC || hello.version != WIRE_VERSION ||
		peer.uid != getuid()) {
		answer(connection, "", EPROTO);
		return;
	}
	snprintf(path, sizeof(path), "%s/p%u", directory, ++numbers);
	if (mkdir(path, 0700)) {
		answer(connection, "", errno);
		return;
	}
	scoped_fd int control = live_control_add(&children, numbers);
	if (fork() == 0) {
		close(listener);
		live_control_forget(&children);
		_exit(serve(path, peer.pid, connection, control));
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

static int restore_one(const char *directory, const char *file, unsigned number, struct err *err)
{
	char path[WIRE_DIR_MAX];
	snprintf(path, sizeof(path), "%s/p%u", directory, number);
	scoped_fd int control = live_control_add(&children, number);
	if (control < 0)
		return err_errno(err, "no socket pair");
	if (fork() == 0) {
		live_control_forget(&children);
		_exit(serve_restored(path, file, control));
	}
	if (number > numbers)
		numbers = number;
	return 0;
}

/* One proxy a snapshot, all at once. */
static int restore_all(const char *directory, const char *from, struct err *err)
{
	scoped_dir DIR *snapshots = opendir(from);
	if (!snapshots)
		return err_errno(err, "%s", from);
	for (const struct dirent *entry; (entry = readdir(snapshots));) {
		char path[4096];
		unsigned number;
		int end = 0;
		if (sscanf(entry->d_name, "p%u.glsnap%n", &number, &end) != 1 || !end ||
			entry->d_name[end])
			continue;
		snprintf(path, sizeof(path), "%s/%s", from, entry->d_name);
		if (restore_one(directory, path, number, err))
			return -1;
	}
	for (unsigned i = 0; i < children.count; i++)
		if (live_control_ready(&children, i, err))
			return -1;
	return 0;
}

static int listen_and_fork(const char *socket_path, const char *directory, const char *from)
{
	struct err err = ERR_INIT;
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (from && restore_all(directory, from, &err)) {
		log_line("restore: %s", err.text);
		return 1;
	}
	scoped_fd int listener = listen_at(socket_path, &err);
	if (listener < 0) {
		log_line("%s", err.text);
		return 1;
	}
	for (;;)
		accept_one(listener, directory);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
		{"dir", required_argument, NULL, 'd'}, {"serve", required_argument, NULL, 's'},
		{"client", required_argument, NULL, 'c'}, {"restore", required_argument, NULL, 'r'},
		{0}};
	const char *listen_path = NULL, *directory = NULL, *served = NULL, *from = NULL;
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
		else if (option == 'r')
			from = optarg;
		else
			return 2;
	}
	log_name("glproxy");
	/* The driver is found as on any desktop, not through our own vendor library. */
	unsetenv("__EGL_VENDOR_LIBRARY_FILENAMES");
	unsetenv("__GLX_VENDOR_LIBRARY_NAME");
	struct err err = ERR_INIT;
	if (confine(&err)) {
		log_line("not confined: %s", err.text);
		return 1;
	}
	if (served)
		return serve(served, client, -1, -1);
	if (listen_path && directory)
		return listen_and_fork(listen_path, directory, from);
	fprintf(stderr,
		"usage: glproxy --listen SOCKET --dir RUNDIR [--restore DIRECTORY] | --serve DIR "
		"--client PID\n");
	return 2;
}
