/*
 * front.h: a foreground command in front of a session.
 *
 * Carries input and output between its own standard streams and the supervisor, passes signals on
 * (INT, TERM, HUP, QUIT, USR1, USR2, TSTP, CONT, WINCH), sets its terminal to raw mode where the
 * session has one, and ends with the session. Its death does not end the session.
 */
#ifndef XDETACH_FRONT_H
#define XDETACH_FRONT_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* What a command does in front of its session besides passing things on. */
struct front_hooks {
	void *data;
	/* A signal: true when it has been dealt with and is not to be passed on. */
	bool (*signal)(void *data, int number);
	/* Something the supervisor has said (supervisor.h). */
	void (*event)(void *data, const json_t *event);
	/* Asked in every turn of the loop; the seconds until it wants to be asked again. */
	double (*turn)(void *data);
	/* A descriptor to be watched, -1 for none, and what to do when there is something in it. */
	const int *fd;
	void (*ready)(void *data);
};

struct front {
	const char *name; /* of the session */
	int channel;      /* events from, signals to the supervisor */
	int input;        /* -1: the session's input has ended */
	int output, error;
	bool terminal;
	struct buf pending_input;
	const struct front_hooks *hooks; /* NULL: none */
	double restore_s;                /* what a restore took, once started */
	bool checkpointed;               /* how it ended: by a checkpoint with --stop */
};

#define FRONT_INIT                                                    \
	{                                                             \
		.channel = -1, .input = -1, .output = -1, .error = -1 \
	}

void front_finish(struct front *front);

/* Before the session is started: what comes from now on is passed on once it runs. */
void front_block_signals(void);

/* 0 once the session runs; -1 with the reason why it does not. */
int front_wait_started(struct front *front, struct err *err);

/* Until the session ends: its exit status (85 where it was checkpointed and stopped). */
int front_run(struct front *front, struct err *err);

#endif
