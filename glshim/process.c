#define _GNU_SOURCE
#include "glshim/process.h"

#include "base/scope.h"
#include "entries.h"
#include "glshim/context.h"
#include "messages.h"
#include "wire/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t talking = PTHREAD_MUTEX_INITIALIZER;
static struct process the_process;
static struct process *connected;
static bool refused; /* said once that there is no proxy */

static void complain(const char *what)
{
	static const char head[] = "glckpt: no GL proxy: ";
	if (refused)
		return;
	refused = true;
	char line[256];
	const int length = snprintf(line, sizeof(line), "%s%s\n", head, what);
	const ssize_t written = write(STDERR_FILENO, line, (size_t)length);
	(void)written;
}

static bool all(int fd, void *data, size_t size, bool reading)
{
	char *at = data;
	while (size) {
		const ssize_t moved = reading ? read(fd, at, size) : write(fd, at, size);
		if (moved < 0 && errno == EINTR)
			continue;
		if (moved <= 0)
			return false;
		at += moved;
		size -= (size_t)moved;
	}
	return true;
}

/* Asks for a proxy; the connection is used for this alone. */
static bool ask(char *directory)
{
	const char *path = getenv("GLCKPT_PROXY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct wire_hello hello = {
		.magic = WIRE_HELLO_MAGIC, .version = WIRE_VERSION, .pid = getpid()};
	struct wire_hello_answer answer;
	if (!path || strlen(path) >= sizeof(address.sun_path)) {
		complain("GLCKPT_PROXY_SOCKET is not set");
		return false;
	}
	strcpy(address.sun_path, path);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		!all(fd, &hello, sizeof(hello), false) || !all(fd, &answer, sizeof(answer), true)) {
		complain(strerror(errno));
		return false;
	}
	if (answer.magic != WIRE_HELLO_MAGIC || answer.version != WIRE_VERSION || answer.status) {
		complain("the supervisor refused");
		return false;
	}
	memcpy(directory, answer.directory, WIRE_DIR_MAX);
	directory[WIRE_DIR_MAX - 1] = '\0';
	return true;
}

static void *map_file(const struct process *process, const char *name, size_t size)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", process->directory, name);
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

bool process_map_ring(struct process *process, const char *name, struct wire_mapping *map)
{
	void *memory = map_file(process, name, wire_ring_bytes());
	return memory && wire_ring_adopt(map, memory, wire_ring_bytes());
}

void process_unmap_ring(struct wire_mapping *map)
{
	if (map->shared)
		munmap(map->shared, map->mapped);
	map->shared = NULL;
}

void process_begin_ring(struct shim_context *self, const struct wire_mapping *map)
{
	self->ring = *map;
	self->position = atomic_load(&map->shared->head);
	self->limit = self->position;
	self->kick_at = self->position + SHIM_KICK_EVERY;
	self->quiet = UINT64_MAX;
	self->spins = 1024;
}

static bool open_process(struct process *process)
{
	struct wire_mapping control;
	if (!ask(process->directory))
		return false;
	process->heap = map_file(process, "heap", WIRE_HEAP_SIZE);
	if (!process->heap || !process_map_ring(process, "control", &control)) {
		complain("its files cannot be mapped");
		return false;
	}
	process_begin_ring(&process->control, &control);
	wire_state_init(&process->control.state);
	struct shim_context *before = shim_current;
	shim_current = &process->control;
	const GLuint values = (GLuint)(sizeof(process->configs) / (sizeof(GLint)));
	process->config_count = send_ckConfigs(values, (GLint *)(void *)process->configs);
	if (process->config_count > PROCESS_CONFIGS)
		process->config_count = PROCESS_CONFIGS;
	shim_current = before;
	return true;
}

static void before_fork(void)
{
	pthread_mutex_lock(&making);
	pthread_mutex_lock(&talking);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&talking);
	pthread_mutex_unlock(&making);
}

/* The child has no part in its parent's conversation: it forgets it, and asks for a proxy of its
 * own when it uses GL. */
static void in_child(void)
{
	pthread_mutex_init(&talking, NULL);
	pthread_mutex_init(&making, NULL);
	connected = NULL;
	shim_current = context_none();
	heap_forget();
}

struct process *process_get(void)
{
	static bool watching;
	const int number = errno;
	pthread_mutex_lock(&making);
	if (!watching) {
		pthread_atfork(before_fork, after_fork, in_child);
		watching = true;
	}
	if (!connected && !refused) {
		memset(&the_process, 0, sizeof(the_process));
		if (open_process(&the_process))
			connected = &the_process;
	}
	pthread_mutex_unlock(&making);
	errno = number;
	return connected;
}

struct process *process_have(void)
{
	return connected;
}

void process_lock(void)
{
	pthread_mutex_lock(&talking);
}

void process_unlock(void)
{
	pthread_mutex_unlock(&talking);
}

static bool is_locked(const struct process *process)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/alive", process->directory);
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static bool is_replaced(const struct process *process)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/" WIRE_AGAIN, process->directory);
	return access(path, F_OK) == 0;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#define AGAIN_S 120 /* for another proxy to stand */

/* Any thread may look; all see about the same. */
bool process_alive(struct process *process)
{
	static _Atomic double dead_since;
	const int number = errno;
	bool alive = process && is_locked(process);
	if (alive) {
		dead_since = 0;
	} else if (process && is_replaced(process)) {
		if (dead_since == 0)
			dead_since = now();
		alive = now() - dead_since < AGAIN_S;
	}
	errno = number;
	return alive;
}

__attribute__((destructor)) static void at_exit(void)
{
	if (!connected)
		return;
	atomic_store(&connected->control.ring.shared->closed, 1);
	wire_wake(&connected->control.ring.shared->head);
}
