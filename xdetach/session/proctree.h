/*
 * proctree.h: the processes of a session, seen from its supervisor.
 *
 * They are the stub and all below it; the supervisor's own children (criu, workers) are not among
 * them. Numbers are those of the session's PID namespace, whose /proc must be mounted.
 */
#ifndef XDETACH_PROCTREE_H
#define XDETACH_PROCTREE_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

struct proctree {
	pid_t *pids; /* the root first */
	size_t count;
};

/* All below `root`, and `root` itself while it lives. */
int proctree_read(struct proctree *tree, pid_t root, struct err *err);
void proctree_finish(struct proctree *tree);

/*
 * Sends `signal` to each, children first: a stopped process group whose parents are gone is
 * continued by the kernel, and one that ignores SIGHUP would run on before its own SIGKILL.
 */
void proctree_signal(const struct proctree *tree, int signal);

/* Bytes that a dump will hold, about: what is resident and not a clean page of a file. */
uint64_t proctree_memory(const struct proctree *tree);

/* Processor seconds used so far. */
double proctree_cpu_seconds(const struct proctree *tree);

/* [{"pid", "command", "memory"}, ...] for `glckpt show`. */
json_t *proctree_to_json(const struct proctree *tree);

/* The name of a process's program ("blender"), or "?". */
void proctree_name(pid_t pid, char *name, size_t size);

/* Notes which processes are stopped (by a debugger or a shell), before a dump that leaves all of
 * them stopped, so that a failed one continues only the others. */
struct proctree_stopped {
	pid_t *pids;
	size_t count;
};
void proctree_note_stopped(const struct proctree *tree, struct proctree_stopped *stopped);
void proctree_continue(const struct proctree *tree, const struct proctree_stopped *stopped);
void proctree_stopped_finish(struct proctree_stopped *stopped);

#endif
