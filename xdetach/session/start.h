/*
 * start.h: the command that starts a session, and the keeper behind it.
 *
 *	glckpt launch ──fork── keeper ──fork── (enters the namespaces) ──fork── supervisor, PID 1
 *
 * The keeper stays in the host's namespaces, adopts the supervisor and, when that has ended for
 * whatever reason, removes the session's folder and a half-written image. It survives the command.
 *
 * In the foreground the command passes on: its input, what the session writes (but a regular file,
 * which the supervisor writes itself), signals, the size of its terminal; and ends with the
 * session's status. With `detach` it returns when the session runs.
 */
#ifndef XDETACH_START_H
#define XDETACH_START_H

#include "base/err.h"
#include "xdetach/session/front.h"
#include "xdetach/session/supervisor.h"

#include <stdbool.h>

struct start {
	struct plan *plan; /* without descriptors: those are made here */
	struct namespace_clock clock;
	bool detach;
	const struct front_hooks *hooks; /* of a command in the foreground; NULL: none */

	/* results */
	bool ran;          /* the session did run, however it ended */
	bool checkpointed; /* and ended by a checkpoint */
	double restore_s;  /* what a restore took, from the namespaces to running */
};

/* The exit status for the command; -1 with an error when the session never ran. The claim on the
 * session's name (session.h) is used up in every case. */
int start_session(struct start *start, struct err *err);

#endif
