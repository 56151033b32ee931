/*
 * frames.so: preloaded, makes what a program shows depend on the number of its frame alone, and
 *stops it at one. For comparing pictures of programs that are animated by the time.
 *
 *	FRAMES_STOP=N FRAMES_DONE=FILE LD_PRELOAD=frames.so PROGRAM
 *
 * Each swap of buffers moves the clock by a 60th of a second; nothing else does, but that a program
 * which waits for the time (a thousand looks at the clock within a frame) sees a millisecond go by.
 * After swap N the file is made, and the program stands still until it is ended.
 *
 * Swaps are seen where a program is linked with glXSwapBuffers and eglSwapBuffers, and where it
 *looks them up by dlsym(), glXGetProcAddress() or eglGetProcAddress().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define BEGIN 1700000000L /* seconds; any moment does */
#define LOOKS 1000

typedef void (*function)(void);

static atomic_ullong frames, looks, waited;
static function real_glx_swap, real_egl_swap, real_glx_find, real_egl_find;

static void *find(void *handle, const char *name)
{
	static void *(*real)(void *, const char *);
	if (!real)
		real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	if (!real)
		real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	return real(handle, name);
}

/* ---- the clock ---- */

static uint64_t microseconds(void)
{
	if (atomic_fetch_add(&looks, 1) % LOOKS == LOOKS - 1)
		atomic_fetch_add(&waited, 1);
	return frames * 16667 + waited * 1000;
}

/* What GL in proxies measures of itself is none of the program's looks at the clock. */
static bool is_of_shim(const void *caller)
{
	Dl_info place;
	return dladdr(caller, &place) && place.dli_fname && strstr(place.dli_fname, "_glckpt.so");
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (is_of_shim(__builtin_return_address(0)))
		return (int)syscall(SYS_clock_gettime, clock, now);
	const uint64_t at = microseconds();
	now->tv_sec = (time_t)(BEGIN + (long)(at / 1000000));
	now->tv_nsec = (long)(at % 1000000) * 1000;
	return 0;
}

EXPORT int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	const uint64_t at = microseconds();
	(void)zone;
	now->tv_sec = (time_t)(BEGIN + (long)(at / 1000000));
	now->tv_usec = (suseconds_t)(at % 1000000);
	return 0;
}

EXPORT time_t time(time_t *now)
{
	const time_t at = (time_t)(BEGIN + (long)(microseconds() / 1000000));
	if (now)
		*now = at;
	return at;
}

/* ---- frames ---- */

static void stand_still(const char *done)
{
	const int fd = open(done, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0)
		close(fd);
	for (;;)
		pause();
}

static void after_swap(void)
{
	const char *stop = getenv("FRAMES_STOP"), *done = getenv("FRAMES_DONE");
	atomic_store(&looks, 0);
	if (atomic_fetch_add(&frames, 1) + 1 == (stop ? strtoull(stop, NULL, 10) : 0) && done)
		stand_still(done);
}

EXPORT void glXSwapBuffers(void *display, unsigned long drawable);
void glXSwapBuffers(void *display, unsigned long drawable)
{
	if (!real_glx_swap)
		real_glx_swap = (function)find(RTLD_NEXT, "glXSwapBuffers");
	((void (*)(void *, unsigned long))real_glx_swap)(display, drawable);
	after_swap();
}

EXPORT unsigned eglSwapBuffers(void *display, void *surface);
unsigned eglSwapBuffers(void *display, void *surface)
{
	if (!real_egl_swap)
		real_egl_swap = (function)find(RTLD_NEXT, "eglSwapBuffers");
	const unsigned done = ((unsigned (*)(void *, void *))real_egl_swap)(display, surface);
	after_swap();
	return done;
}

/* ---- looking functions up ---- */

static function ours(const char *name, function real);

EXPORT function glXGetProcAddressARB(const unsigned char *name);
function glXGetProcAddressARB(const unsigned char *name)
{
	if (!real_glx_find)
		real_glx_find = (function)find(RTLD_NEXT, "glXGetProcAddressARB");
	return ours((const char *)name, ((function(*)(const unsigned char *))real_glx_find)(name));
}

EXPORT function glXGetProcAddress(const unsigned char *name);
function glXGetProcAddress(const unsigned char *name)
{
	return glXGetProcAddressARB(name);
}

EXPORT function eglGetProcAddress(const char *name);
function eglGetProcAddress(const char *name)
{
	if (!real_egl_find)
		real_egl_find = (function)find(RTLD_NEXT, "eglGetProcAddress");
	return ours(name, ((function(*)(const char *))real_egl_find)(name));
}

static const struct {
	const char *name;
	function ours;
	function *real;
} replaced[] = {
	{"glXSwapBuffers", (function)glXSwapBuffers, &real_glx_swap},
	{"eglSwapBuffers", (function)eglSwapBuffers, &real_egl_swap},
	{"glXGetProcAddressARB", (function)glXGetProcAddressARB, &real_glx_find},
	{"glXGetProcAddress", (function)glXGetProcAddress, &real_glx_find},
	{"eglGetProcAddress", (function)eglGetProcAddress, &real_egl_find},
};

/* Ours in place of the real one, if it is one of those; a real one that is ours is none. */
static function ours(const char *name, function real)
{
	for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++)
		if (real && !strcmp(replaced[i].name, name)) {
			if (!*replaced[i].real && real != replaced[i].ours)
				*replaced[i].real = real;
			return replaced[i].ours;
		}
	return real;
}

EXPORT void *dlsym(void *restrict handle, const char *restrict name)
{
	void *found = find(handle, name);
	return (void *)(uintptr_t)ours(name, (function)(uintptr_t)found);
}
