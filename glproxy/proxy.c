#define _GNU_SOURCE
#include "glproxy/proxy.h"

#include "base/io.h"
#include "base/log.h"
#include "glproxy/context.h"
#include "glproxy/journal.h"
#include "glproxy/live.h"
#include "glproxy/surface.h"
#include "glproxy/told.h"
#include "wire/hello.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int make_file(struct proxy *proxy, const char *name, uint64_t size, struct err *err)
{
	const int flags = proxy->restored ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
	scoped_fd int fd = io_open(proxy->directory_fd, name, flags, 0600, err);
	struct stat status;
	if (fd < 0)
		return -1;
	if (proxy->restored && (fstat(fd, &status) || (uint64_t)status.st_size != size))
		return err_set(err, "%s/%s: is not as it was", proxy->directory, name);
	if (ftruncate(fd, (off_t)size))
		return err_errno(err, "%s/%s", proxy->directory, name);
	return steal_fd(&fd);
}

static void *map_file(struct proxy *proxy, const char *name, uint64_t size, struct err *err)
{
	scoped_fd int fd = make_file(proxy, name, size, err);
	if (fd < 0)
		return NULL;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED) {
		err_errno(err, "%s/%s: cannot be mapped", proxy->directory, name);
		return NULL;
	}
	return memory;
}

/* For a context that existed when the journal began and exists no more: all was executed. */
static int make_gone_ring(struct wire_mapping *map, struct err *err)
{
	void *memory = mmap(NULL, wire_ring_bytes(), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return err_errno(err, "no memory for a ring");
	wire_ring_format(map, memory);
	map->shared->head = map->shared->tail = UINT64_MAX / 2 + 1;
	map->shared->closed = 1;
	return 0;
}

int proxy_make_ring(
	struct proxy *proxy, const char *name, struct wire_mapping *map, struct err *err)
{
	if (proxy->replaying && faccessat(proxy->directory_fd, name, F_OK, 0))
		return make_gone_ring(map, err);
	if (!proxy->restored)
		unlinkat(proxy->directory_fd, name, 0); /* its maker died before it said so */
	void *memory = map_file(proxy, name, wire_ring_bytes(), err);
	if (!memory)
		return -1;
	if (!proxy->restored)
		wire_ring_format(map, memory);
	else if (!wire_ring_adopt(map, memory, wire_ring_bytes()))
		return err_set(err, "%s/%s: is no ring", proxy->directory, name);
	return 0;
}

void proxy_drop_ring(struct proxy *proxy, const char *name, struct wire_mapping *map)
{
	if (!map->shared)
		return;
	munmap(map->shared, map->mapped);
	map->shared = NULL;
	unlinkat(proxy->directory_fd, name, 0);
}

int proxy_open_driver(struct proxy *proxy, struct err *err)
{
	proxy->display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, NULL, NULL);
	if (proxy->display == EGL_NO_DISPLAY || !eglInitialize(proxy->display, NULL, NULL))
		return err_set(err, "driver: EGL's surfaceless platform cannot be opened");
	eglGetConfigs(proxy->display, NULL, 0, &proxy->config_count);
	proxy->configs = calloc((size_t)proxy->config_count + 1, sizeof(*proxy->configs));
	if (!proxy->configs)
		return err_set(err, "driver: out of memory");
	eglGetConfigs(proxy->display, proxy->configs, proxy->config_count, &proxy->config_count);
	proxy->driver = driver_load();
	return 0;
}

void proxy_close_driver(struct proxy *proxy)
{
	free(proxy->configs);
	proxy->configs = NULL;
	if (proxy->display)
		eglTerminate(proxy->display);
	proxy->display = EGL_NO_DISPLAY;
}

/* A proxy that was killed may hold the lock for a moment yet. */
static bool lock_alive(const struct proxy *proxy)
{
	for (unsigned tries = 0; flock(proxy->alive_fd, LOCK_EX | LOCK_NB); tries++) {
		if (!proxy->restored || tries == 500)
			return false;
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	}
	return true;
}

static int open_files(struct proxy *proxy, struct err *err)
{
	proxy->directory_fd = io_open(AT_FDCWD, proxy->directory, O_RDONLY | O_DIRECTORY, 0, err);
	if (proxy->directory_fd < 0)
		return -1;
	proxy->alive_fd = make_file(proxy, "alive", 0, err);
	if (proxy->alive_fd < 0)
		return -1;
	if (!lock_alive(proxy))
		return err_errno(err, "%s/alive", proxy->directory);
	proxy->heap = map_file(proxy, "heap", WIRE_HEAP_SIZE, err);
	if (!proxy->heap)
		return -1;
	return proxy_make_ring(proxy, "control", &proxy->control, err);
}

int proxy_init(
	struct proxy *proxy, const char *directory, pid_t client, bool restored, struct err *err)
{
	*proxy = (struct proxy){.directory = directory,
		.client = client,
		.restored = restored,
		.alive_fd = -1,
		.directory_fd = -1};
	pthread_mutex_init(&proxy->lock, NULL);
	proxy->contexts = calloc(PROXY_OBJECTS, sizeof(*proxy->contexts));
	proxy->surfaces = calloc(PROXY_OBJECTS, sizeof(*proxy->surfaces));
	proxy->live = live_create();
	if (!proxy->contexts || !proxy->surfaces || !proxy->live)
		return err_set(err, "out of memory");
	if (open_files(proxy, err) || proxy_open_driver(proxy, err))
		return err_context(err, "proxy");
	return 0;
}

void proxy_finish(struct proxy *proxy)
{
	for (unsigned id = 0; proxy->contexts && id < PROXY_OBJECTS; id++)
		context_destroy(proxy->contexts[id]);
	for (unsigned id = 0; proxy->surfaces && id < PROXY_OBJECTS; id++)
		surface_drop(proxy->surfaces[id]);
	proxy_drop_ring(proxy, "control", &proxy->control);
	if (proxy->heap)
		munmap(proxy->heap, WIRE_HEAP_SIZE);
	free(proxy->contexts);
	free(proxy->surfaces);
	proxy_close_driver(proxy);
	if (proxy->live)
		live_report(proxy);
	live_destroy(proxy->live);
	told_finish(proxy);
	journal_close(proxy->journal);
	if (proxy->alive_fd >= 0)
		close(proxy->alive_fd);
	if (proxy->directory_fd >= 0)
		close(proxy->directory_fd);
	io_remove_tree(AT_FDCWD, proxy->directory, NULL);
}

void proxy_serve(struct proxy *proxy)
{
	struct exec control;
	exec_init(&control, proxy, &proxy->control);
	exec_run(&control);
	live_end(&control);
	exec_finish(&control);
}
