#define _GNU_SOURCE
#include "glproxy/listen.h"

#include "base/io.h"
#include "base/log.h"
#include "glproxy/live_control.h"
#include "wire/hello.h"
#include "wire/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct live_children children;
static unsigned numbers; /* the last N of RUNDIR/pN */

void listen_answer(int connection, const char *directory, int status)
{
	struct wire_hello_answer hello = {
		.magic = WIRE_HELLO_MAGIC, .version = WIRE_VERSION, .status = status};
	snprintf(hello.directory, sizeof(hello.directory), "%s", directory);
	io_write_full(connection, &hello, sizeof(hello));
}

static void path_of(const struct listen *listen, unsigned number, char path[WIRE_DIR_MAX])
{
	snprintf(path, WIRE_DIR_MAX, "%s/p%u", listen->directory, number);
}

/* ---- children that died ---- */

/* How far the rings have come, all together. */
struct progress {
	uint64_t tails;
	bool busy; /* something is left to be done */
};

static void look_at(struct wire_ring *ring, bool lose, struct progress *progress)
{
	progress->tails += atomic_load(&ring->tail);
	progress->busy |= atomic_load(&ring->head) != atomic_load(&ring->tail);
	if (!lose)
		return;
	atomic_store(&ring->lost, 1);
	wire_wake(&ring->tail);
}

static void look_at_file(int directory, const char *name, bool lose, struct progress *progress)
{
	struct wire_mapping map;
	scoped_fd int fd = openat(directory, name, O_RDWR | O_CLOEXEC);
	void *memory = fd < 0
		? MAP_FAILED
		: mmap(NULL, wire_ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	if (wire_ring_adopt(&map, memory, wire_ring_bytes()))
		look_at(map.shared, lose, progress);
	munmap(memory, wire_ring_bytes());
}

/* `lose`: marks them as lost. */
static struct progress look_at_rings(const char *path, bool lose)
{
	struct progress progress = {0};
	scoped_dir DIR *dir = opendir(path);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (!strcmp(entry->d_name, "control") || !strncmp(entry->d_name, "ring-", 5))
			look_at_file(dirfd(dir), entry->d_name, lose, &progress);
	return progress;
}

static void give_up(const char *path, const char *why)
{
	char again[WIRE_DIR_MAX + sizeof(WIRE_AGAIN) + 1];
	log_line("%s: its proxy has died and is not replaced: %s", path, why);
	snprintf(again, sizeof(again), "%s/" WIRE_AGAIN, path);
	unlink(again);
	look_at_rings(path, true);
}

/* Without a step in between. Who kills it may come at any moment, and while it is being built too;
 * but so does the kernel where memory is short. */
#define DEATHS_MAX 3
#define KILLS_MAX 30

/* One that stood and had nothing to do did not die of its messages. */
static bool is_hopeless(struct live_child *child, const char *path, bool stood, bool killed)
{
	const struct progress now = look_at_rings(path, false);
	if (now.tails != child->tails || (stood && !now.busy))
		child->deaths = child->kills = 0;
	child->tails = now.tails;
	if (killed)
		return ++child->kills > KILLS_MAX;
	return ++child->deaths > DEATHS_MAX;
}

/* It has closed its end: it is dead, or about to be. Takes its status. */
static bool was_killed(const struct live_child *child)
{
	int status = 0;
	for (unsigned tries = 0; waitpid(child->pid, &status, WNOHANG) == 0 && tries < 500; tries++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int fork_again(
	const struct listen *listen, const char *path, const char *snapshot, unsigned number)
{
	scoped_fd int control = live_control_add(&children, number);
	const pid_t pid = control < 0 ? -1 : fork();
	if (pid == 0) {
		live_control_forget(&children);
		_exit(listen->serve_again(path, snapshot, children.holds, control));
	}
	live_control_is(&children, number, pid);
	if (number > numbers)
		numbers = number;
	return pid < 0 ? -1 : 0;
}

/* The new child says when it stands; until then it is not asked anything. */
static void replace(const struct listen *listen, unsigned index, bool stood)
{
	struct live_child *child = &children.child[index];
	char path[WIRE_DIR_MAX], again[WIRE_DIR_MAX + sizeof(WIRE_AGAIN) + 1];
	path_of(listen, child->number, path);
	snprintf(again, sizeof(again), "%s/" WIRE_AGAIN, path);
	close(child->fd);
	child->fd = -1;
	const bool killed = was_killed(child);
	if (access(path, F_OK) < 0)
		return; /* it has ended in order, after its client */
	if (access(again, F_OK) < 0)
		give_up(path, "it kept no journal (--gl-journal)");
	else if (is_hopeless(child, path, stood, killed))
		give_up(path, "it died at the same place again and again");
	else if (fork_again(listen, path, NULL, child->number) < 0)
		give_up(path, strerror(errno));
	else
		child->starting = true;
}

static void hear_ready(const struct listen *listen, unsigned index)
{
	struct live_child *child = &children.child[index];
	struct err err = ERR_INIT;
	char path[WIRE_DIR_MAX];
	path_of(listen, child->number, path);
	child->starting = false;
	if (live_control_ready(&children, index, &err)) {
		const unsigned number = child->number;
		if (live_control_died(&children, index))
			replace(listen, index, false);
		else
			give_up(path, err.text);
		log_debug("p%u: %s", number, err.text);
		return;
	}
	log_line("%s: its proxy has died and was replaced", path);
}

static void look_after(const struct listen *listen, unsigned index)
{
	if (children.child[index].starting)
		hear_ready(listen, index);
	else if (live_control_died(&children, index))
		replace(listen, index, true);
}

/* Every child stands, or is given up. */
static void settle(const struct listen *listen)
{
	for (unsigned i = 0; i < children.count; i++)
		while (children.child[i].fd >= 0 &&
			(children.child[i].starting || live_control_died(&children, i)))
			look_after(listen, i);
}

/* ---- requests ---- */

/* Something is asked of all proxies. */
static void serve_session(
	const struct listen *listen, int connection, const struct wire_hello *hello)
{
	char names[2 * WIRE_LIVE_PATH_MAX + 4] = "";
	struct wire_live_answer live = {.magic = WIRE_LIVE_MAGIC, .version = WIRE_VERSION};
	if (hello->reserved > 2 * WIRE_LIVE_PATH_MAX ||
		io_read_full(connection, names, hello->reserved))
		return;
	settle(listen);
	live_control_ask(&children, (enum wire_live_operation)hello->pid, names,
		names + strlen(names) + 1, &live);
	io_write_full(connection, &live, sizeof(live));
}

static void serve_client(const struct listen *listen, int listener, int connection, pid_t client)
{
	char path[WIRE_DIR_MAX];
	path_of(listen, ++numbers, path);
	if (mkdir(path, 0700)) {
		listen_answer(connection, "", errno);
		return;
	}
	scoped_fd int control = live_control_add(&children, numbers);
	const pid_t pid = fork();
	if (pid == 0) {
		close(listener);
		live_control_forget(&children);
		_exit(listen->serve(path, client, connection, control));
	}
	live_control_is(&children, numbers, pid);
}

static void accept_one(const struct listen *listen, int listener)
{
	scoped_fd int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct wire_hello hello;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	if (connection < 0 || io_read_full(connection, &hello, sizeof(hello)) ||
		getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return;
	if (hello.version != WIRE_VERSION || peer.uid != getuid())
		listen_answer(connection, "", EPROTO);
	else if (hello.magic == WIRE_LIVE_MAGIC)
		serve_session(listen, connection, &hello);
	else if (hello.magic == WIRE_HELLO_MAGIC)
		serve_client(listen, listener, connection, peer.pid);
	else
		listen_answer(connection, "", EPROTO);
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

/* ---- beginning ---- */

static bool is_numbered(const char *name, const char *suffix, unsigned *number)
{
	int end = 0;
	return sscanf(name, "p%u%n", number, &end) == 1 && end && !strcmp(name + end, suffix);
}

/* One proxy a snapshot, all at once. */
static int restore_all(const struct listen *listen, struct err *err)
{
	scoped_dir DIR *snapshots = opendir(listen->from);
	if (!snapshots)
		return err_errno(err, "%s", listen->from);
	for (const struct dirent *entry; (entry = readdir(snapshots));) {
		char file[4400], path[WIRE_DIR_MAX];
		unsigned number;
		if (!is_numbered(entry->d_name, ".glsnap", &number))
			continue;
		path_of(listen, number, path);
		snprintf(file, sizeof(file), "%s/%s", listen->from, entry->d_name);
		if (fork_again(listen, path, file, number))
			return err_errno(err, "no proxy can be started");
	}
	for (unsigned i = 0; i < children.count; i++)
		if (live_control_ready(&children, i, err))
			return -1;
	return 0;
}

static int recover_all(const struct listen *listen, struct err *err)
{
	scoped_dir DIR *proxies = opendir(listen->directory);
	if (!proxies)
		return err_errno(err, "%s", listen->directory);
	for (const struct dirent *entry; (entry = readdir(proxies));) {
		char path[WIRE_DIR_MAX];
		unsigned number;
		if (!is_numbered(entry->d_name, "", &number))
			continue;
		path_of(listen, number, path);
		if (fork_again(listen, path, NULL, number))
			return err_errno(err, "no proxy can be started");
	}
	for (unsigned i = 0; i < children.count; i++)
		children.child[i].starting = true;
	return 0;
}

/* ---- waiting ---- */

static void wait_for_something(const struct listen *listen, int listener)
{
	struct pollfd fds[1 + LIVE_CHILDREN] = {{.fd = listener, .events = POLLIN}};
	const unsigned count = children.count;
	for (unsigned i = 0; i < count; i++)
		fds[1 + i] = (struct pollfd){.fd = children.child[i].fd, .events = POLLIN};
	if (poll(fds, 1 + count, -1) <= 0)
		return;
	for (unsigned i = 0; i < count; i++)
		if (fds[1 + i].revents && children.child[i].fd == fds[1 + i].fd)
			look_after(listen, i);
	if (fds[0].revents)
		accept_one(listen, listener);
}

/* For who looks after this process: the session's supervisor. */
static void write_pid(const struct listen *listen)
{
	char path[WIRE_DIR_MAX], text[16];
	snprintf(path, sizeof(path), "%s/pid", listen->directory);
	const int size = snprintf(text, sizeof(text), "%d", (int)getpid());
	io_write_file(AT_FDCWD, path, text, (size_t)size, 0600, NULL);
}

int listen_run(const struct listen *listen)
{
	struct err err = ERR_INIT;
	children.directory = listen->directory;
	children.holds = !listen->from; /* a restored display is there later than its proxies */
	signal(SIGCHLD, SIG_DFL);       /* replace() waits for each */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	write_pid(listen);
	if ((listen->from && restore_all(listen, &err)) ||
		(listen->recover && recover_all(listen, &err))) {
		log_line("restore: %s", err.text);
		return 1;
	}
	scoped_fd int listener = listen_at(listen->socket, &err);
	if (listener < 0) {
		log_line("%s", err.text);
		return 1;
	}
	for (;;)
		wait_for_something(listen, listener);
}
