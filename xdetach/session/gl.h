/*
 * gl.h: the proxies of a session, seen from its side (wire/hello.h).
 *
 * glproxy runs beside the tree, in the session's namespaces: a listening process, started here, and
 * a proxy for each process that draws. Their files lie in the session's private folder and go into
 * an image with it; what the proxies hold is written into the image by themselves, as IMAGE/gl.
 * Around a dump they let go of the private X server, which is in the image. A proxy that dies is
 * replaced by the listening process, and that by the supervisor.
 *
 * To be called in the session's namespaces.
 */
#ifndef XDETACH_GL_H
#define XDETACH_GL_H

#include "base/err.h"
#include "xdetach/session/namespace.h"

#define GL_DIR NAMESPACE_PRIVATE "/gl" /* a folder a proxy, p1 and so on */

#include <stdbool.h>
#include <sys/types.h>

struct gl_start {
	int display; /* number of the private X server; -1: none */
	int log;     /* descriptor for what they say; -1: none */
	const char
		*snapshots;  /* IMAGE/gl of a restore, over the files that were put back; or NULL */
	const char *journal; /* gl_journal_is_mode(); what the next proxy has when one dies */
	const char *profile; /* gl-driver.h: what programs are shown */
	bool recover;        /* the listening process has died: in its place, with its proxies */
};

/* In the private /dev/shm: what proxies are replaced from when they die, in no image. */
#define GL_JOURNALS ".glckpt/gl/journal"

/* off: nothing, it is not replaced; uploads: what the program said; all: what the GPU wrote, too.
 */
bool gl_journal_is_mode(const char *name);

/* Starts the listening process as a child of PID 1. A descriptor for gl_await(), or -1. */
int gl_start(const struct gl_start *start, struct err *err);

/* Whether the process was the listening one. */
bool gl_was_listening(pid_t pid);

/* Waits until it can be asked, which after a restore is when every proxy stands. */
int gl_await(int started, struct err *err);

/* Every proxy closes its connection to the X server, and drops pictures from then on. */
int gl_let_go(struct err *err);

/* Every proxy writes what it holds into the new folder `dir`; the programs stand still. What has
 * not changed since `parent`, the folder of an earlier image, is linked from there; NULL: none. */
int gl_snapshot(const char *dir, const char *parent, struct err *err);

/* Every proxy connects to the X server again. */
int gl_take_hold(struct err *err);

#endif
