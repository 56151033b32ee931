/*
 * criu.h: running criu, as root or as an ordinary user in the session's user namespace.
 *
 * The only file that knows criu's command line and reads its log. Must be called inside the
 * session's namespaces, from a process with one thread that reaps its own children.
 */
#ifndef XDETACH_CRIU_H
#define XDETACH_CRIU_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What happens while criu dumps, called in the caller's thread; criu waits until each returns.
 * A negative result of `freezing` or `frozen` ends the dump: the processes run on.
 */
struct criu_hooks {
	int (*freezing)(void *data, struct err *err); /* the first process is about to freeze */
	int (*frozen)(void *data, struct err *err);   /* all are; memory is about to be dumped */
	int (*dumped)(void *data, struct err *err);   /* all is sent; all are frozen still */
	void *data;
};

struct criu_dump {
	pid_t root;
	const char *dir;    /* sockets, working folder and criu.log; short (sun_path) */
	bool leave_running; /* else all are left stopped (SIGSTOP) */
	bool close_tcp;     /* established TCP connections are closed in the image */
	unsigned limit_s;   /* then criu is killed, and the dump has failed */
};

/* Dumps as a stream to the capture listening in `dir`. 0, or -1: the processes run on. */
int criu_dump(const struct criu_dump *dump, const struct criu_hooks *hooks, struct err *err);

/* A pipe that the image names and that is given anew: "pipe:[123]" and our descriptor. */
struct criu_inherit {
	const char *name;
	int fd;
};

struct criu_restore {
	const char *dir;
	const struct criu_inherit *inherit;
	size_t inherit_count;
	bool close_tcp;
	unsigned limit_s;
};

/* Restores from the stream served in `dir`. The tree's root becomes a child of the caller's
 * parent-to-be: of whoever adopts it when criu ends. */
int criu_restore(const struct criu_restore *restore, struct err *err);

/*
 * Waits until no other criu of this user is at work where two would meet, and keeps others out
 * until the descriptor is closed. -1 with an error.
 */
int criu_lock(const char *run_dir, struct err *err);

/* Seconds that a dump or a restore of so many bytes may take. */
unsigned criu_limit(uint64_t bytes);

/* Makes RUN-DIR/criu/ anew, the `dir` of a dump or restore; its path as a heap string. */
char *criu_make_dir(const char *run_dir, struct err *err);

/* The version criu prints ("4.2.1"), as a heap string. */
char *criu_version(struct err *err);

#endif
