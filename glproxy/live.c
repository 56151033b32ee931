#include "glproxy/live.h"

#include "base/io.h"
#include "base/log.h"
#include "glproxy/lists.h"
#include "glproxy/recover.h"
#include "glproxy/snapshot.h"
#include "glproxy/surface.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- standing still ---- */

struct live *live_create(void)
{
	struct live *live = calloc(1, sizeof(*live));
	const char *chaos = getenv("GLCKPT_CHAOS");
	if (!live)
		return NULL;
	pthread_mutex_init(&live->lock, NULL);
	pthread_cond_init(&live->changed, NULL);
	if (chaos && !strncmp(chaos, "verify:", 7))
		live->verify = true;
	if (chaos && !strncmp(chaos, "kill:", 5))
		live->kill = true;
	if (chaos && (live->verify || live->kill || !strncmp(chaos, "rebuild:", 8)))
		live->every = (unsigned)strtoul(strchr(chaos, ':') + 1, NULL, 10);
	if (chaos && !strcmp(chaos, "count"))
		live->every = UINT_MAX;
	return live;
}

void live_report(const struct proxy *proxy)
{
	const struct live *live = proxy->live;
	if (live->every == UINT_MAX)
		log_line("process %d: chaos: %u messages of a context at most", proxy->client,
			live->most);
	else if (live->every && !live->kill)
		log_line("process %d: chaos: rebuilt %u times, refused %u times%s%s", proxy->client,
			live->rebuilt, live->refused, live->refused ? ", last: " : "",
			live->reason);
}

void live_destroy(struct live *live)
{
	if (!live)
		return;
	pthread_mutex_destroy(&live->lock);
	pthread_cond_destroy(&live->changed);
	free(live);
}

static bool *parked_flag(struct exec *x)
{
	return x->context ? &x->context->parked : &x->proxy->live->control_parked;
}

static bool release(const struct context *context)
{
	eglBindAPI(context->api);
	return eglMakeCurrent(
		context->exec.proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

static void bind(struct exec *x, bool on)
{
	struct context *context = x->context;
	if (context && context->current && !on)
		lists_set_apart(x); /* Mesa compiles wrong when it is left in between */
	if (context && context->current && !(on ? context_bind(context) : release(context)))
		log_line("process %d: context %u: cannot be bound: 0x%x", x->proxy->client,
			context->id, eglGetError());
}

void live_park(struct exec *x)
{
	struct live *live = x->proxy->live;
	pthread_mutex_lock(&live->lock);
	while (live->wanted) {
		bind(x, false);
		*parked_flag(x) = true;
		pthread_cond_broadcast(&live->changed);
		while (live->wanted)
			pthread_cond_wait(&live->changed, &live->lock);
		*parked_flag(x) = false;
		bind(x, true);
	}
	pthread_mutex_unlock(&live->lock);
}

void live_begin(struct exec *x)
{
	bind(x, true);
}

void live_gone(struct exec *x)
{
	struct live *live = x->proxy->live;
	pthread_mutex_lock(&live->lock);
	x->context->parked = true;
	x->context->gone = true;
	if (x->turns > live->most)
		live->most = x->turns;
	pthread_cond_broadcast(&live->changed);
	pthread_mutex_unlock(&live->lock);
}

void live_close(struct exec *x, struct context *context)
{
	struct wire_ring *shared = context->ring.shared;
	atomic_store(&shared->closed, 1);
	for (bool gone = false; !gone;) {
		wire_wake(&shared->head);
		live_point(x);
		pthread_mutex_lock(&x->proxy->live->lock);
		gone = context->gone;
		pthread_mutex_unlock(&x->proxy->live->lock);
		if (!gone)
			nanosleep(&(struct timespec){0, 20000}, NULL);
	}
}

void live_end(struct exec *x)
{
	struct live *live = x->proxy->live;
	for (bool ended = false; !ended;) {
		live_point(x);
		pthread_mutex_lock(&live->lock);
		ended = live->ended = !live->wanted;
		pthread_mutex_unlock(&live->lock);
	}
}

/* Sleepers look up; the lock of the tables is taken inside the lock of the standstill. */
static bool all_parked(struct proxy *proxy, const struct exec *self)
{
	bool all = proxy->live->control_parked;
	if (!all)
		wire_wake(&proxy->control.shared->head);
	pthread_mutex_lock(&proxy->lock);
	for (unsigned id = 1; id < PROXY_OBJECTS; id++) {
		struct context *context = proxy->contexts[id];
		if (!context || context->parked || &context->exec == self)
			continue;
		wire_wake(&context->ring.shared->head);
		all = false;
	}
	pthread_mutex_unlock(&proxy->lock);
	return all;
}

static void wait_a_little(struct live *live)
{
	const struct timespec until = io_clock_in(CLOCK_REALTIME, 1000000);
	pthread_cond_timedwait(&live->changed, &live->lock, &until);
}

bool live_stop(struct proxy *proxy, struct exec *self)
{
	struct live *live = proxy->live;
	pthread_mutex_lock(&live->lock);
	const bool mine = !live->wanted && !live->ended;
	if (mine) {
		live->wanted = true;
		if (self)
			bind(self, false);
		while (!all_parked(proxy, self))
			wait_a_little(live);
	}
	pthread_mutex_unlock(&live->lock);
	return mine;
}

void live_go(struct proxy *proxy, struct exec *self)
{
	struct live *live = proxy->live;
	pthread_mutex_lock(&live->lock);
	if (self)
		bind(self, true);
	live->wanted = false;
	pthread_cond_broadcast(&live->changed);
	pthread_mutex_unlock(&live->lock);
}

/* ---- chaos ---- */

static void die(struct proxy *proxy, const struct err *err)
{
	log_line("process %d: chaos: %s", proxy->client, err->text);
	abort();
}

static void compare(struct proxy *proxy, const struct snapshot_place *before)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place after = {.memory = &image};
	if (snapshot_take(proxy, &after, &err) || snapshot_compare(before, &after, &err))
		die(proxy, &err);
}

static void rebuild(struct proxy *proxy)
{
	struct live *live = proxy->live;
	struct err err = ERR_INIT;
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place place = {.memory = &image};
	if (snapshot_take(proxy, &place, &err)) {
		live->refused++;
		if (strcmp(live->reason, err.text) != 0)
			log_line("process %d: chaos: refused: %s", proxy->client, err.text);
		snprintf(live->reason, sizeof(live->reason), "%s", err.text);
		return;
	}
	snapshot_forget(proxy);
	if (proxy_open_driver(proxy, &err) || snapshot_build(proxy, &place, &err))
		die(proxy, &err);
	live->rebuilt++;
	if (live->verify)
		compare(proxy, &place);
}

void live_chaos(struct exec *x)
{
	struct proxy *proxy = x->proxy;
	if (proxy->live->kill) {
		if (++x->turns >= proxy->live->every)
			raise(SIGKILL);
		return;
	}
	if (x->broken || ++x->turns < proxy->live->every || !live_stop(proxy, x))
		return;
	x->turns = 0;
	rebuild(proxy);
	live_go(proxy, x);
}

void live_renew(struct exec *x)
{
	struct proxy *proxy = x->proxy;
	if (!journal_is_due(proxy->journal) || x->broken || !live_stop(proxy, x))
		return;
	recover_renew(proxy);
	live_go(proxy, x);
}
