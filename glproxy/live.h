/*
 * live.h: standing still, so that everything a proxy holds can be written down or built anew.
 *
 * live_stop() waits until every thread of the process stands at a call boundary with no context
 * current, live_go() lets them go on. Threads come by at live_boundary() (a message is executed),
 * live_point() (nothing to do) and live_wait_point() (inside a message that waits for another
 * thread: it has touched nothing yet and may be executed again from its beginning).
 *
 * GLCKPT_CHAOS=rebuild:N in the proxy's environment: after every N-th message of a context, the
 * process's state is written to memory, the driver is closed, and everything is built again from
 * what was written. GLCKPT_CHAOS=verify:N writes it a second time after that and compares. Where
 * the snapshot is refused the program runs on; the log says at the end how often and why last. An
 * end of the process follows only a snapshot that was taken and cannot be built.
 *
 * GLCKPT_CHAOS=count: nothing is disturbed; the log says at the end how many messages the busiest
 * context had, so that an N can be chosen.
 *
 * GLCKPT_CHAOS=kill:N: the process kills itself after every N-th message of a context, without a
 * snapshot; another takes its place (recover.h).
 *
 * Any thread may call, one at a time stops the others.
 */
#ifndef GLPROXY_LIVE_H
#define GLPROXY_LIVE_H

#include "glproxy/context.h"

struct live {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic bool wanted; /* everybody shall stand still */
	bool control_parked;
	bool ended;
	unsigned every; /* rebuild after so many messages; 0: never */
	unsigned most;  /* messages that a context has come to, of those that are gone */
	bool verify;
	bool kill;
	unsigned rebuilt;
	unsigned refused;
	char reason[256]; /* of the last refusal */
};

struct live *live_create(void);
void live_destroy(struct live *live);

/* Says in the log what chaos there was. */
void live_report(const struct proxy *proxy);

/* `self` is the thread that calls, standing at a boundary; NULL for a thread that executes nothing.
 * False, nothing stopped: somebody else stops everybody at this moment. */
bool live_stop(struct proxy *proxy, struct exec *self);
void live_go(struct proxy *proxy, struct exec *self);

/* A context's thread begins: a restored context that was current is so again. */
void live_begin(struct exec *x);

/* A context's thread has executed its last message: nobody waits for it any more. */
void live_gone(struct exec *x);

/* In the control thread: closes a context's ring and waits until its thread is gone. */
void live_close(struct exec *x, struct context *context);

/* The control ring has ended: from here on nobody stops anybody. */
void live_end(struct exec *x);

void live_park(struct exec *x);
void live_chaos(struct exec *x);
void live_renew(struct exec *x); /* a new base for the journal, if one is due */

static inline bool live_wanted(const struct exec *x)
{
	const struct live *live = x->proxy->live; /* none where a decoder is tested alone */
	return live && atomic_load_explicit(&live->wanted, memory_order_acquire);
}

static inline void live_point(struct exec *x)
{
	if (__builtin_expect(live_wanted(x), 0))
		live_park(x);
}

#define live_wait_point live_point

static inline void live_boundary(struct exec *x)
{
	if (__builtin_expect(x->context && x->proxy->live && x->proxy->live->every, 0))
		live_chaos(x);
	if (x->context && x->proxy->journal)
		live_renew(x);
	live_point(x);
}

#endif
