/*
 * namespace.h: the namespaces of a session, made anew for every launch and every restore.
 *
 * They are outside the image, so that CRIU finds the same world inside whatever the host is:
 *
 *	user    (only without privilege) the caller's uid and gid mapped to themselves
 *	mount   a private copy of the host's, with the session's own /tmp/.X11-unix and /dev/shm
 *	time    CLOCK_MONOTONIC and CLOCK_BOOTTIME never go back over a restore
 *	PID     the image's PIDs are free in it; its PID 1 is the supervisor
 *	        with a fresh /proc and a private devpts
 *
 * namespace_enter() runs in the keeper, a single-threaded process; the next fork is PID 1, which
 * calls namespace_settle() first of all.
 */
#ifndef XDETACH_NAMESPACE_H
#define XDETACH_NAMESPACE_H

#include "base/err.h"

#include <stdint.h>

/* Where a session keeps what is its own, as its processes see it: on the private /dev/shm. */
#define NAMESPACE_PRIVATE "/dev/shm/.glckpt"
#define NAMESPACE_SHM "/dev/shm"
#define NAMESPACE_X11 "/tmp/.X11-unix"

struct namespace_clock {
	int64_t monotonic_ns; /* what the clocks shall show now; 0: as the host's */
	int64_t boottime_ns;
};

/* `run_dir`: the session's folder on the host; x11/ in it becomes /tmp/.X11-unix, and the host's
 * /dev/shm stays reachable as shm/ in it. */
int namespace_enter(const char *run_dir, const struct namespace_clock *clock, struct err *err);

/* In PID 1: /proc and devpts. */
int namespace_settle(struct err *err);

/* In the process that is about to execute criu: without privilege its capabilities in the user
 * namespace survive the exec (as ambient ones); as root nothing is to be done. */
int namespace_keep_capabilities(struct err *err);

/* The clocks as a process of the session sees them now. */
void namespace_clock_now(struct namespace_clock *clock);

/* The path by which the session's supervisor reaches `path` of the host: the same, but for what is
 * hidden by a private mount. A heap string, or NULL. */
char *namespace_host_path(const char *run_dir, const char *path, struct err *err);

/* The next process of this PID namespace gets the number behind `last`. */
int namespace_set_last_pid(int last, struct err *err);
int namespace_last_pid(void);

#endif
