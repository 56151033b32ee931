/*
 * recover.h: a new proxy in the place of one that died, from its journal (journal.h).
 *
 * The base is built as after a restore, and the log executed on it, in one thread; answers and
 * pictures go nowhere, mappings into memory of this proxy, because the program's own has gone on
 * since. Then the rings are taken up where their tails stand: a message that was being executed
 * when the old proxy died is executed (again), and whoever waits for its answer gets it.
 *
 * A new base is taken before the first of them, so that a proxy that is killed again and again
 * still comes forward.
 */
#ifndef GLPROXY_RECOVER_H
#define GLPROXY_RECOVER_H

#include "glproxy/journal.h"
#include "glproxy/proxy.h"

/* Over the files in `directory`; takes the journal. The proxy has no threads yet; `hold`: X may be
 * connected to, and is. 0, or -1 with a sentence: to be finished or left in either case. */
int recover(struct proxy *proxy, const char *directory, struct journal *journal, bool hold,
	struct err *err);

/* Takes a new base; every thread stands still. False where there is no snapshot to be had. */
bool recover_renew(struct proxy *proxy);

#endif
