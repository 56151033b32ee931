/*
 * journal.h: what a new proxy is built from when this one dies (recover.h): a snapshot, the base,
 * and every message since that left something behind.
 *
 *	DIRECTORY/log	a head and entries: a message as it was executed, the data it brought along,
 *			what it answered
 *	DIRECTORY/N/	the base of that number: gl.glsnap and contents/; none where N is 0
 *
 * An entry is written after its message was executed and before the ring's tail says so: so those
 * at or behind a ring's tail are not done, and will be executed from the ring. Where the log has
 * grown, a new base takes its place (live.h) and the log begins again; head.state changes from one
 * to the other in one store.
 *
 * What is exact: everything a program said: objects, contents it uploaded, state. What the GPU
 * wrote (draws, clears, blits, computations, and results of queries) is exact only with
 * JOURNAL_ALL, which has those messages too; with JOURNAL_UPLOADS it is what it was at the base,
 * until the program draws it anew, as most do with every frame. Messages that only ask are in no
 * journal.
 *
 * Not exact: a front buffer that is named for the first time between a base and the end, without a
 * swap in between, begins black; the times that a query measures, unless it was read.
 *
 * It takes memory of the session's /dev/shm for the contents of all objects, once, and for the log:
 * up to 64 MiB between two bases, more where bases cannot be taken.
 *
 * Any thread of the proxy may append; everything else is for one thread while all others stand.
 */
#ifndef GLPROXY_JOURNAL_H
#define GLPROXY_JOURNAL_H

#include "base/err.h"
#include "glproxy/snapshot_file.h"
#include "wire/message.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum journal_mode { JOURNAL_OFF, JOURNAL_UPLOADS, JOURNAL_ALL };

#define JOURNAL_SNAPSHOT "gl.glsnap"

struct exec;
struct journal;

/* Bytes that a message brought along, or that the program wrote into a mapping. In the log they
 * follow, padded to 8. */
struct journal_piece {
	uint64_t at; /* in the ring's arena, not wrapped, or in the heap */
	uint64_t size;
	uint64_t heap;    /* 0 or 1 */
	const char *data; /* means nothing in the log */
};

struct journal_entry {
	uint64_t size; /* of all, a multiple of 8 */
	uint64_t position;
	uint64_t answer;
	uint32_t ring;    /* 0: the control ring */
	uint32_t message; /* bytes, which follow */
	uint32_t pieces;  /* behind the message */
	uint32_t pad;
};

#define JOURNAL_VOID UINT32_MAX /* a ring: the entry says nothing */
#define JOURNAL_SIZE \
	(UINT32_MAX - 1) /* surface `position` has the size `answer` (width << 32 | height) */

/* Starts an empty journal in a new folder. NULL with a sentence. */
struct journal *journal_create(
	const char *directory, enum journal_mode mode, pid_t client, struct err *err);

/* That of a proxy that has died. */
struct journal *journal_open(const char *directory, struct err *err);
void journal_close(struct journal *journal); /* takes NULL */

enum journal_mode journal_mode(const struct journal *journal);
pid_t journal_client(const struct journal *journal);

/* Whether a message of the opcode is kept. */
bool journal_keeps(const struct journal *journal, unsigned opcode);

/* Appends the message that x has just executed. Where the log is full and cannot grow, the journal
 * ends: it is of no use from there on. */
void journal_append(struct journal *journal, const struct exec *x);

/* Appends another message, for the sake of the one that x executes. */
void journal_append_message(
	struct journal *journal, const struct exec *x, const void *message, size_t size);

/* Appends the size that a window has from now on, for the sake of the message being executed. */
void journal_append_size(
	struct journal *journal, unsigned surface, unsigned width, unsigned height);

/* Whether a new base is due: the log is long, or old, and bases do not take too much of the time.
 */
bool journal_is_due(struct journal *journal);

/* One is due as soon as may be. */
void journal_want_base(struct journal *journal);

/* The place for the next base, and, when it is written, the change to it; the old one is removed.
 * `taken` is false where there is no snapshot to be had: it is asked for again much later. */
int journal_base_begin(struct journal *journal, struct snapshot_place *place, struct err *err);
void journal_base_end(struct journal *journal, bool taken);

/* Makes a copy of a snapshot the base of an empty journal. */
int journal_base_copy(struct journal *journal, const struct snapshot_place *place, struct err *err);

/* The present base; false where there is none: nothing existed when the log began. */
bool journal_base(const struct journal *journal, struct snapshot_place *place);

/* False where the journal has ended: nothing can be built from it. */
bool journal_is_whole(const struct journal *journal);

/* Entries in order: NULL after the last. `at` begins with 0. */
struct journal_entry *journal_next(const struct journal *journal, uint64_t *at);

#endif
