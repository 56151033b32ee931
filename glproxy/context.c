#include "glproxy/context.h"

#include "base/log.h"
#include "glproxy/calls_buffer.h"
#include "glproxy/debug.h"
#include "glproxy/feedback.h"
#include "glproxy/front.h"
#include "glproxy/lists.h"
#include "glproxy/live.h"
#include "glproxy/memo.h"
#include "glproxy/queries.h"
#include "glproxy/surface.h"
#include "glproxy/told.h"
#include "glproxy/views.h"

#include <stdlib.h>
#include <string.h>

static void group_drop(struct group *group)
{
	if (!group || --group->references)
		return;
	for (unsigned cls = NAMES_texture; cls < NAMES_SHARED; cls++)
		names_destroy(group->names[cls]);
	pthread_mutex_destroy(&group->lock);
	memo_destroy(group->memo);
	lists_destroy(group->lists);
	views_destroy(group->views);
	buffers_finish(group);
	free(group->syncs);
	free(group);
}

static struct group *group_create(void)
{
	struct group *group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->references = 1;
	group->memo = memo_create();
	group->lists = lists_create();
	group->views = views_create();
	pthread_mutex_init(&group->lock, NULL);
	if (!group->memo || !group->lists || !group->views) {
		group_drop(group);
		return NULL;
	}
	for (unsigned cls = NAMES_texture; cls < NAMES_SHARED; cls++)
		if (!(group->names[cls] = names_create())) {
			group_drop(group);
			return NULL;
		}
	return group;
}

/* The tables of names: those of the group, and the context's own; and what it keeps of queries. */
static bool set_tables(struct context *context)
{
	struct exec *x = &context->exec;
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++) {
		x->names[cls] = cls < NAMES_SHARED ? context->group->names[cls] : names_create();
		if (!x->names[cls])
			return false;
	}
	context->queries = queries_create();
	context->debug = debug_create();
	context->feedbacks = feedbacks_create();
	return context->queries && context->debug && context->feedbacks;
}

static void *run(void *data)
{
	struct context *context = data;
	live_begin(&context->exec);
	exec_run(&context->exec);
	context_release(context);
	eglReleaseThread();
	live_gone(&context->exec);
	return NULL;
}

static struct context *failed(struct context *context, EGLint *reason, EGLint code)
{
	*reason = code;
	if (context->egl != EGL_NO_CONTEXT)
		eglDestroyContext(context->exec.proxy->display, context->egl);
	if (context->helper != EGL_NO_CONTEXT)
		eglDestroyContext(context->exec.proxy->display, context->helper);
	if (context->ring.shared)
		proxy_drop_ring(context->exec.proxy, context->file, &context->ring);
	group_drop(context->group);
	for (unsigned cls = NAMES_SHARED; cls < NAMES_CLASSES; cls++)
		names_destroy(context->exec.names[cls]);
	queries_destroy(context->queries);
	feedbacks_destroy(context->feedbacks);
	debug_destroy(context->debug);
	free(context->attributes);
	free(context);
	return NULL;
}

/* A number that is free; the control thread alone gives them out. */
static unsigned next_id(const struct proxy *proxy)
{
	static unsigned last;
	for (unsigned tries = 0; tries < PROXY_OBJECTS; tries++) {
		last = last % (PROXY_OBJECTS - 1) + 1;
		if (!proxy->contexts[last])
			return last;
	}
	return 0;
}

static struct context *allocate(struct proxy *proxy, unsigned id, struct context *share)
{
	struct context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	pthread_mutex_init(&context->debug_lock, NULL);
	context->id = id;
	context->exec.proxy = proxy;
	context->exec.context = context;
	context->egl = EGL_NO_CONTEXT;
	context->own = EGL_NO_SURFACE;
	context->helper = EGL_NO_CONTEXT;
	context->group = share ? share->group : group_create();
	if (context->group && share)
		context->group->references++;
	snprintf(context->file, sizeof(context->file), "ring-%u", id);
	return context;
}

static bool make_ring(struct context *context, struct err *err)
{
	struct exec *x = &context->exec;
	struct proxy *proxy = x->proxy;
	if (proxy_make_ring(proxy, context->file, &context->ring, err))
		return false;
	exec_init(x, proxy, &context->ring);
	x->context = context;
	return set_tables(context);
}

static bool create(struct context *context, const struct context *share, EGLConfig config)
{
	context->egl = eglCreateContext(context->exec.proxy->display, config,
		share ? share->egl : EGL_NO_CONTEXT, context->attributes);
	return context->egl != EGL_NO_CONTEXT;
}

/* GLX lets a context draw to windows of other configs, EGL one that was made without. */
bool context_open(struct context *context, const struct context *share)
{
	struct proxy *proxy = context->exec.proxy;
	eglBindAPI(context->api);
	if (context->api == EGL_OPENGL_API && create(context, share, EGL_NO_CONFIG_KHR))
		return true;
	return create(context, share, told_driver_config(proxy, context->config));
}

bool context_start(struct context *context)
{
	return !pthread_create(&context->thread, NULL, run, context);
}

static EGLint *copy_attributes(const EGLint *attributes)
{
	size_t count = 0;
	while (attributes[count] != EGL_NONE)
		count += 2;
	EGLint *copy = malloc((count + 1) * sizeof(*copy));
	if (copy)
		memcpy(copy, attributes, (count + 1) * sizeof(*copy));
	return copy;
}

struct context *context_create(struct proxy *proxy, struct context *share, EGLint config,
	EGLenum api, const EGLint *attributes, EGLint *reason)
{
	const unsigned id = proxy->next_number ? proxy->next_number : next_id(proxy);
	struct context *context = id ? allocate(proxy, id, share) : NULL;
	struct err err = ERR_INIT;
	*reason = EGL_BAD_ALLOC;
	if (!context)
		return NULL;
	context->api = api;
	context->config = config;
	context->attributes = copy_attributes(attributes);
	if (!context->group || !context->attributes)
		return failed(context, reason, EGL_BAD_ALLOC);
	if (profile_forbids(api, attributes))
		return failed(context, reason, EGL_BAD_MATCH);
	if (!context_open(context, share))
		return failed(context, reason, eglGetError());
	if (!make_ring(context, &err) || !(proxy->replaying || context_start(context))) {
		log_line("%s", err.text);
		exec_finish(&context->exec);
		return failed(context, reason, EGL_BAD_ALLOC);
	}
	return context;
}

struct context *context_adopt(
	struct proxy *proxy, unsigned id, struct context *share, struct err *err)
{
	EGLint reason;
	struct context *context = allocate(proxy, id, share);
	if (!context || !context->group || !make_ring(context, err)) {
		err_set(err, "out of memory");
		if (context)
			failed(context, &reason, EGL_BAD_ALLOC);
		return NULL;
	}
	return context;
}

void context_stop(struct context *context)
{
	if (context->stopped || !context->thread)
		return;
	atomic_store(&context->ring.shared->closed, 1);
	wire_wake(&context->ring.shared->head);
	pthread_join(context->thread, NULL);
	context->stopped = true;
}

void context_destroy(struct context *context)
{
	if (!context)
		return;
	EGLint reason;
	context_stop(context);
	for (unsigned word = 0; word < EXEC_USED; word++)
		context->group->used[word] |= context->exec.used[word];
	exec_finish(&context->exec);
	free(context->feedback);
	failed(context, &reason, EGL_SUCCESS);
}

static GLint version_of(const struct context *context)
{
	const char *text = (const char *)context->exec.driver->GetString(GL_VERSION);
	while (text && *text && (*text < '0' || *text > '9'))
		text++;
	return text && strlen(text) >= 3 ? (text[0] - '0') * 10 + (text[2] - '0') : 0;
}

static bool bind(struct context *context, EGLSurface draw, EGLSurface read)
{
	return eglMakeCurrent(context->exec.proxy->display, draw, read, context->egl);
}

static void drop_own(struct context *context)
{
	if (context->own != EGL_NO_SURFACE)
		eglDestroySurface(context->exec.proxy->display, context->own);
	context->own = EGL_NO_SURFACE;
}

static bool bind_own(struct context *context, const struct surface *draw)
{
	const EGLSurface own =
		surface_pbuffer(draw, told_driver_config(context->exec.proxy, context->config));
	const bool bound = own != EGL_NO_SURFACE && bind(context, own, own);
	drop_own(context);
	context->own = own;
	if (!bound)
		drop_own(context);
	return bound;
}

static bool bind_surfaces(struct context *context, struct surface *draw, struct surface *read)
{
	if (bind(context, draw ? draw->egl : EGL_NO_SURFACE, read ? read->egl : EGL_NO_SURFACE)) {
		drop_own(context);
		return true;
	}
	const EGLint error = eglGetError();
	return draw && (error == EGL_BAD_ACCESS || error == EGL_BAD_MATCH) &&
		bind_own(context, draw);
}

bool context_make_current(struct context *context, struct surface *draw, struct surface *read)
{
	eglBindAPI(context->api);
	surface_follow(draw, true);
	if (read != draw)
		surface_follow(read, true);
	if (!bind_surfaces(context, draw, read)) {
		log_line("process %d: context %u: cannot be made current: 0x%x",
			context->exec.proxy->client, context->id, eglGetError());
		return false;
	}
	surface_hold(draw);
	surface_hold(read);
	surface_drop(context->draw);
	surface_drop(context->read);
	context->draw = draw;
	context->read = read;
	const bool first = !context->version;
	if (first)
		context->version = profile_version(context->api, version_of(context));
	context->current = true;
	told_of(context);
	front_begin(context, first);
	return true;
}

void context_follow(struct context *context, bool ask)
{
	const bool draw = surface_follow(context->draw, ask);
	const bool read =
		context->read == context->draw ? draw : surface_follow(context->read, ask);
	if (!draw && !read)
		return;
	if (context->own != EGL_NO_SURFACE)
		bind_own(context, context->draw);
	else
		bind_surfaces(context, context->draw, context->read);
	front_arrange(context);
}

static bool is_bound(const struct context *context, EGLSurface draw, EGLSurface read)
{
	return eglGetCurrentContext() == context->egl && eglGetCurrentSurface(EGL_DRAW) == draw &&
		eglGetCurrentSurface(EGL_READ) == read;
}

static bool bind_window(struct context *context, EGLSurface read)
{
	EGLSurface draw = context->draw ? context->draw->egl : EGL_NO_SURFACE;
	if (is_bound(context, draw, read))
		return true;
	if (!bind(context, draw, read))
		return false;
	front_say_reads(context);
	return true;
}

bool context_bind(struct context *context)
{
	eglBindAPI(context->api);
	if (context->own != EGL_NO_SURFACE)
		return bind(context, context->own, context->own);
	return bind_window(context, front_read_surface(context));
}

static EGLSurface stand_in(const struct context *context)
{
	static const EGLint size[] = {EGL_WIDTH, 1, EGL_HEIGHT, 1, EGL_NONE};
	const struct proxy *proxy = context->exec.proxy;
	const EGLConfig config = told_driver_config(proxy, context->config);
	return config == EGL_NO_CONFIG_KHR ? EGL_NO_SURFACE
					   : eglCreatePbufferSurface(proxy->display, config, size);
}

/* A surface that is current lives until it is so no more. */
bool context_bind_alone(const struct context *context)
{
	EGLDisplay display = context->exec.proxy->display;
	eglBindAPI(context->api);
	if (context->draw || !context->draws)
		return eglMakeCurrent(display, context->draw ? context->draw->egl : EGL_NO_SURFACE,
			context->read ? context->read->egl : EGL_NO_SURFACE, context->egl);
	EGLSurface surface = stand_in(context);
	const bool bound = eglMakeCurrent(display, surface, surface, context->egl);
	if (surface != EGL_NO_SURFACE)
		eglDestroySurface(display, surface);
	return bound;
}

void context_read_from(struct context *context, EGLSurface surface)
{
	if (context->own == EGL_NO_SURFACE)
		bind_window(context, surface);
}

void context_release(struct context *context)
{
	if (!context->current)
		return;
	EGLDisplay display = context->exec.proxy->display;
	context->exec.driver->Flush();
	eglBindAPI(context->api);
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	drop_own(context);
	surface_drop(context->draw);
	surface_drop(context->read);
	context->draw = NULL;
	context->read = NULL;
	context->current = false;
}

/* The rings of two contexts meet rarely: polling with growing sleeps is plain and enough. */
void context_await(struct exec *x, unsigned ring, uint64_t position)
{
	struct proxy *proxy = x->proxy;
	for (unsigned turn = 0;; turn++) {
		bool there = true;
		pthread_mutex_lock(&proxy->lock);
		const struct context *other = ring < PROXY_OBJECTS ? proxy->contexts[ring] : NULL;
		if (other) {
			struct wire_ring *shared = other->ring.shared;
			there = atomic_load(&shared->tail) >= position ||
				atomic_load(&shared->lost) || atomic_load(&shared->head) < position;
			if (!there && atomic_load(&shared->reader_sleeps))
				wire_wake(&shared->head);
		}
		pthread_mutex_unlock(&proxy->lock);
		if (there)
			return;
		live_wait_point(x);
		if (turn < 100)
			wire_pause();
		else
			nanosleep(&(struct timespec){0, 20000}, NULL);
	}
}
