/*
 * listen.h: the listening process: a child for each process that asks for a proxy (wire/hello.h),
 * for each snapshot of a restore, and again for each child that dies before its client.
 *
 * A child that dies again and again at the same place is not replaced any more, nor is one that has
 * no journal of use: its rings are marked as lost, and the program goes on with answers of 0, as
 * when there is no proxy.
 */
#ifndef GLPROXY_LISTEN_H
#define GLPROXY_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

struct listen {
	const char *socket;
	const char *directory; /* RUNDIR */
	const char *from;      /* folder of snapshots, or NULL */
	bool recover;          /* of the proxies of an earlier listening process */
	bool journal;          /* children are replaced */

	/* What children do; they do not return into the listening process. */
	int (*serve)(const char *directory, pid_t client, int connection, int control);
	int (*serve_again)(const char *directory, const char *snapshot, bool hold, int control);
};

/* Serves until it is killed; the exit status where it cannot. */
int listen_run(const struct listen *listen);

/* Tells a client where its files are; its connection's only answer. */
void listen_answer(int connection, const char *directory, int status);

#endif
