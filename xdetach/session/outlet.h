/*
 * outlet.h: the standard streams of a session, between its pipes and whoever reads or writes.
 *
 * The processes of a session have pipes as standard input, output and error; the supervisor holds
 * the other ends. After a dump it drains them, so that what was written before the checkpoint has
 * arrived exactly once; after a restore the processes are given new ones.
 *
 * An outlet carries one output pipe to two places: the session's log, and where the command that
 * started the session writes (a regular file directly, so that its length is known at a
 * checkpoint; anything else through a pipe to that command, which may come and go). An inlet
 * carries the other direction. All of it lives in the supervisor's loop and never blocks.
 */
#ifndef XDETACH_OUTLET_H
#define XDETACH_OUTLET_H

#include "base/buf.h"
#include "xdetach/session/loop.h"

#include <jansson.h>
#include <stdbool.h>

struct outlet_log {
	int fd; /* -1: none */
	char *path;
	off_t size;
};

/* Opens (appending) or starts a log of at most two files of OUTLET_LOG_MAX bytes: PATH, PATH.1. */
#define OUTLET_LOG_MAX (64 << 20)
int outlet_log_init(struct outlet_log *log, const char *path, struct err *err);
void outlet_log_remove(const char *path); /* what an earlier session left there */
void outlet_log_finish(struct outlet_log *log);
void outlet_log_write(struct outlet_log *log, const void *data, size_t size);

struct outlet {
	struct loop *loop;
	struct outlet_log *log;
	struct watch source_watch, target_watch;
	int source;    /* our end of the session's pipe; -1 once it has ended */
	int child_end; /* theirs, until handed over */
	int target;    /* where it goes besides the log; -1: nowhere. Owned. */
	bool regular;  /* target is a regular file */
	struct buf pending;
};

/* Makes the pipe. `target` is taken over (-1: only the log). */
int outlet_init(struct outlet *outlet, struct loop *loop, struct outlet_log *log, int target,
	struct err *err);
void outlet_finish(struct outlet *outlet);

/* The processes hold their end now. */
void outlet_handed_over(struct outlet *outlet);

/* Another target, of a command that attaches; -1: nowhere. */
void outlet_retarget(struct outlet *outlet, int target);

/* Takes all that is in the pipe now (the processes stand still or are gone). */
void outlet_drain(struct outlet *outlet);

/* Waits, at most `timeout_ms`, until what is pending has reached the target. */
void outlet_flush(struct outlet *outlet, int timeout_ms);

/* {"path", "size"} of a target that is a regular file, or JSON null: for rewinding it. */
json_t *outlet_position(const struct outlet *outlet);

struct inlet {
	struct loop *loop;
	struct watch source_watch, target_watch;
	int source;    /* where input comes from; -1: at its end */
	int target;    /* our end of the session's pipe; -1 once closed */
	int child_end; /* theirs: kept, so that a checkpoint can look at what is unread */
	bool ended;    /* the source has ended */
	struct buf pending;
};

/* Makes the pipe; `source` is taken over (-1: at its end). `unread` (may be NULL) was in the pipe
 * at the checkpoint. */
int inlet_init(struct inlet *inlet, struct loop *loop, int source, const struct buf *unread,
	struct err *err);
void inlet_finish(struct inlet *inlet);

/* What the processes have not read yet; it stays in the pipe. They stand still. */
void inlet_unread(struct inlet *inlet, struct buf *unread);

#endif
