/*
 * From a snapshot back to a driver's objects (snapshot.h).
 */
#include "glproxy/snapshot.h"

#include "glproxy/debug.h"
#include "glproxy/feedback.h"
#include "glproxy/lists.h"
#include "glproxy/queries.h"
#include "glproxy/replay.h"
#include "glproxy/snapshot_record.h"
#include "glproxy/snapshot_stream.h"
#include "glproxy/snapshot_surface.h"
#include "glproxy/stacks.h"
#include "glproxy/told.h"

#include <stdlib.h>
#include <string.h>

/* ---- forgetting ---- */

static void forget_group(struct group *group)
{
	for (unsigned cls = NAMES_texture; cls < NAMES_SHARED; cls++)
		names_clear(group->names[cls]);
	memset(group->used, 0, sizeof(group->used));
	for (size_t i = 0; i < group->mapping_count; i++)
		free(group->mappings[i].shadow);
	group->mapped = 0;
	if (group->mappings)
		memset(group->mappings, 0, group->mapping_count * sizeof(*group->mappings));
	if (group->syncs)
		memset(group->syncs, 0, group->sync_count * sizeof(*group->syncs));
	group->persistent = 0;
	lists_clear(group->lists);
}

static void forget_context(struct context *context)
{
	struct exec *x = &context->exec;
	const struct wire_state before = x->state;
	eglDestroyContext(x->proxy->display, context->egl);
	context->egl = EGL_NO_CONTEXT;
	if (context->helper != EGL_NO_CONTEXT)
		eglDestroyContext(x->proxy->display, context->helper);
	context->helper = EGL_NO_CONTEXT;
	forget_group(context->group);
	for (unsigned cls = NAMES_SHARED; cls < NAMES_CLASSES; cls++)
		names_clear(x->names[cls]);
	memset(x->used, 0, sizeof(x->used));
	queries_clear(context->queries);
	feedbacks_clear(context->feedbacks);
	debug_clear(context->debug);
	debug_drop_messages(context);
	context->attrib_count = 0;
	lists_close(x);
	x->in_begin = false;
	wire_state_finish(&x->state);
	wire_state_init(&x->state);
	x->state.ask = before.ask;
}

void snapshot_forget(struct proxy *proxy)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id])
			forget_context(proxy->contexts[id]);
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->surfaces[id]) {
			surface_unite(proxy->surfaces[id]);
			eglDestroySurface(proxy->display, proxy->surfaces[id]->egl);
			proxy->surfaces[id]->egl = EGL_NO_SURFACE;
		}
	proxy_close_driver(proxy);
}

/* ---- contexts as numbers ---- */

struct context_record {
	uint32_t id, group, config, api, current, draw, read, version, error, position;
	uint32_t draws, reads;
	struct span attributes;
};

static int read_context(struct span record, struct context_record *found, struct err *err)
{
	found->id = span_u32(&record);
	found->group = span_u32(&record);
	found->config = span_u32(&record);
	found->api = span_u32(&record);
	found->current = span_u32(&record);
	found->draw = span_u32(&record);
	found->read = span_u32(&record);
	found->version = span_u32(&record);
	found->error = span_u32(&record);
	found->position = span_u32(&record);
	found->draws = span_u32(&record);
	found->reads = span_u32(&record);
	found->attributes = span_bytes(&record);
	const size_t count = found->attributes.left / sizeof(EGLint);
	EGLint last = 0;
	if (!record.failed && count)
		memcpy(&last, found->attributes.at + (count - 1) * sizeof(EGLint), sizeof(last));
	if (record.failed || !found->id || found->id >= PROXY_OBJECTS || !found->group ||
		found->group > found->id || found->draw >= PROXY_OBJECTS ||
		found->read >= PROXY_OBJECTS || last != EGL_NONE || count % 2 == 0)
		return err_set(err, "the snapshot has a context that cannot be");
	return 0;
}

static int adopt_context(struct proxy *proxy, struct span record, struct err *err)
{
	struct context_record r;
	if (read_context(record, &r, err))
		return -1;
	struct context *share = r.group == r.id ? NULL : proxy->contexts[r.group];
	if (proxy->contexts[r.id] || (r.group != r.id && !share))
		return err_set(err, "the snapshot has a context that cannot be");
	struct context *context = context_adopt(proxy, r.id, share, err);
	if (!context)
		return -1;
	proxy->contexts[r.id] = context;
	if (!proxy->replaying && (uint32_t)context->exec.position != r.position)
		return err_set(err, "context %u: its ring has gone on since the snapshot", r.id);
	debug_drop_messages(context);
	context->config = (EGLint)r.config;
	context->api = r.api;
	context->current = r.current;
	context->version = (GLint)r.version;
	context->draw = surface_hold(proxy->surfaces[r.draw]);
	context->read = surface_hold(proxy->surfaces[r.read]);
	context->attributes = malloc(r.attributes.left);
	if (!context->attributes)
		return err_set(err, "out of memory");
	memcpy(context->attributes, r.attributes.at, r.attributes.left);
	context->exec.error = r.error;
	context->draws = r.draws;
	context->reads = r.reads;
	return 0;
}

int snapshot_check(const struct snapshot_place *place, struct err *err)
{
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record;
	uint32_t tag;
	if (snapshot_in_open(&in, place, err))
		return -1;
	while (snapshot_in_next(&in, &tag, &record))
		;
	return in.failed ? -1 : in.pid;
}

int snapshot_adopt(struct proxy *proxy, const struct snapshot_place *place, struct err *err)
{
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record;
	uint32_t tag;
	if (snapshot_in_open(&in, place, err))
		return -1;
	while (snapshot_in_next(&in, &tag, &record)) {
		if (told_adopt(proxy, tag, record, err))
			return -1;
		if (tag == SNAPSHOT_SURFACE && surface_adopt(proxy, record, err))
			return -1;
		if (tag == SNAPSHOT_CONTEXT && adopt_context(proxy, record, err))
			return -1;
	}
	return in.failed ? -1 : 0;
}

/* ---- streams ---- */

static void drop_spares(struct exec *x)
{
	for (GLuint spare = TAKE_SPARE; spare < TAKE_SPARE + 16; spare++) {
		names_drop(x->names[NAMES_program], spare);
		names_drop(x->names[NAMES_texture], spare);
	}
}

/* A part's data as the messages see it: small pieces, with the large ones between them. */
struct arena {
	char *memory; /* owned */
	size_t size;
};

static void arena_finish(struct arena *arena)
{
	free(arena->memory);
}

static int next_piece(struct span *pieces, struct stream_piece *piece)
{
	const size_t size = sizeof(*piece);
	if (pieces->left < size)
		return -1;
	memcpy(piece, pieces->at, size);
	pieces->at += size;
	pieces->left -= size;
	return 0;
}

/* The size of both kinds of pieces together; 0 where the large ones do not lie between them. */
static size_t arena_size(struct span data, struct span pieces)
{
	uint64_t size = data.left, end = 0;
	struct stream_piece piece;
	while (!next_piece(&pieces, &piece)) {
		if (piece.at < end || piece.size > SIZE_MAX / 4 - size || piece.at > size)
			return 0;
		end = piece.at + wire_align(piece.size);
		size += wire_align(piece.size);
	}
	return pieces.left ? 0 : size + 1;
}

static int fill_arena(struct snapshot_in *in, struct arena *arena, struct span data,
	struct span pieces, struct err *err)
{
	size_t at = 0;
	struct stream_piece piece;
	while (!next_piece(&pieces, &piece)) {
		const size_t before = piece.at - at;
		if (before > data.left || !in->has_contents)
			return err_set(err, "the snapshot has data that cannot be");
		memcpy(arena->memory + at, data.at, before);
		data.at += before;
		data.left -= before;
		if (contents_get(
			    &in->contents, &piece.hash, arena->memory + piece.at, piece.size, err))
			return -1;
		at = piece.at + wire_align(piece.size);
	}
	memcpy(arena->memory + at, data.at, data.left);
	return 0;
}

static int read_arena(struct snapshot_in *in, struct span data, struct span pieces,
	struct arena *arena, struct err *err)
{
	arena->size = arena_size(data, pieces);
	if (!arena->size)
		return err_set(err, "the snapshot has data that cannot be");
	arena->memory = malloc(arena->size);
	if (!arena->memory)
		return err_set(err, "out of memory");
	return fill_arena(in, arena, data, pieces, err);
}

static int replay(struct exec *x, struct span messages, const struct arena *arena, struct err *err)
{
	x->rebuilding = true;
	x->foreign = told_by_another(told_known(x->context), x->driver);
	const int status = replay_stream(x, messages, arena->memory, arena->size, err);
	x->rebuilding = false;
	return status;
}

static int replay_here(
	struct context *context, struct span messages, const struct arena *arena, struct err *err)
{
	const int status = replay(&context->exec, messages, arena, err);
	stacks_settle(context);
	context->exec.driver->Finish();
	eglMakeCurrent(
		context->exec.proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	return status;
}

static int replay_on(
	struct context *context, struct span messages, const struct arena *arena, struct err *err)
{
	if (!context_bind_alone(context))
		return err_set(err, "context %u cannot be made current: EGL error 0x%x",
			context->id, eglGetError());
	return replay_here(context, messages, arena, err);
}

/* What is being built. */
struct build {
	struct proxy *proxy;
	struct snapshot_in in;
	EGLContext surfaces; /* a helper: draws their pictures */
	EGLContext objects;  /* a helper in the share group of `of`, while its parts last */
	struct context *of;
};

static int open_objects(struct build *build, struct context *of, struct err *err)
{
	if (build->of == of)
		return 0;
	helper_close(build->proxy, build->objects);
	build->objects = of ? helper_open(build->proxy, of->egl, err) : EGL_NO_CONTEXT;
	build->of = of;
	return of && build->objects == EGL_NO_CONTEXT ? -1 : 0;
}

/* ES has not all that objects are made with. */
static int replay_on_helper(struct build *build, struct context *context, struct span messages,
	const struct arena *arena, struct err *err)
{
	if (open_objects(build, context, err))
		return -1;
	eglBindAPI(EGL_OPENGL_API);
	if (!eglMakeCurrent(build->proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, build->objects))
		return err_set(err, "the driver needs a surface to be current");
	return replay_here(context, messages, arena, err);
}

static int build_stream(struct build *build, struct span record, struct err *err)
{
	struct proxy *proxy = build->proxy;
	scoped(arena_finish) struct arena arena = {NULL, 0};
	const uint32_t whose = span_u32(&record), id = whose & ~SNAPSHOT_OF_GROUP;
	const struct span messages = span_bytes(&record), data = span_bytes(&record),
			  pieces = span_bytes(&record);
	struct context *context = id < PROXY_OBJECTS ? proxy->contexts[id] : NULL;
	if (record.failed || !context)
		return err_set(err, "the snapshot has a stream of no context");
	if (!messages.left)
		return 0;
	if (read_arena(&build->in, data, pieces, &arena, err))
		return -1;
	return whose & SNAPSHOT_OF_GROUP && context->api != EGL_OPENGL_API
		? replay_on_helper(build, context, messages, &arena, err)
		: replay_on(context, messages, &arena, err);
}

static int build_context(struct proxy *proxy, struct span record, struct err *err)
{
	struct context_record r;
	if (read_context(record, &r, err))
		return -1;
	struct context *context = proxy->contexts[r.id];
	const struct context *share = r.group == r.id ? NULL : proxy->contexts[r.group];
	if (context)
		context->renewed = !r.draw;
	if (!context || !context_open(context, share))
		return err_set(
			err, "context %u cannot be made: EGL error 0x%x", r.id, eglGetError());
	return 0;
}

static int build_record(struct build *build, uint32_t tag, struct span record, struct err *err)
{
	switch (tag) {
	case SNAPSHOT_SURFACE:
		return surface_build(build->proxy, build->surfaces, record, err);
	case SNAPSHOT_CONTEXT:
		return build_context(build->proxy, record, err);
	case SNAPSHOT_STREAM:
		return build_stream(build, record, err);
	default:
		return 0;
	}
}

static int build_all(struct build *build, struct err *err)
{
	struct span record;
	uint32_t tag;
	build->surfaces = helper_open(build->proxy, EGL_NO_CONTEXT, err);
	int status = build->surfaces == EGL_NO_CONTEXT ? -1 : 0;
	while (!status && snapshot_in_next(&build->in, &tag, &record))
		status = build_record(build, tag, record, err);
	open_objects(build, NULL, NULL);
	helper_close(build->proxy, build->surfaces);
	return status || build->in.failed ? -1 : 0;
}

int snapshot_build(struct proxy *proxy, const struct snapshot_place *place, struct err *err)
{
	struct build build = {
		.proxy = proxy, .surfaces = EGL_NO_CONTEXT, .objects = EGL_NO_CONTEXT};
	int status = snapshot_in_open(&build.in, place, err);
	if (!status)
		status = build_all(&build, err);
	snapshot_in_finish(&build.in);
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id])
			drop_spares(&proxy->contexts[id]->exec);
	return status ? err_context(err, "rebuild") : 0;
}
