#include "glshim/context.h"

#include "entries.h"
#include "glshim/shadow.h"

#include <EGL/egl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char nowhere[2 * 65536]; /* what nobody reads */
static struct wire_ring nobody;
static struct shim_context none;

__thread struct shim_context *shim_current __attribute__((tls_model("initial-exec"))) = &none;

/* A ring that is always empty: the writer never waits and every answer is 0. */
static void to_nowhere(struct shim_context *self)
{
	self->ring = (struct wire_mapping){.shared = &nobody,
		.reply = nowhere,
		.data = nowhere,
		.arena = nowhere,
		.ring_size = 65536,
		.arena_size = 65536};
	self->lost = true;
	self->limit = 0;
	self->kick_at = UINT64_MAX;
}

__attribute__((constructor)) static void start(void)
{
	to_nowhere(&none);
	wire_state_init(&none.state);
	none.state.ask = shim_ask;
}

struct shim_context *context_none(void)
{
	return &none;
}

struct context *context_current(void)
{
	return shim_current == &none ? NULL : (struct context *)shim_current;
}

/* ---- groups ---- */

/* Takes NULL, and one that is half made. */
static void group_finish(struct shim_group *group)
{
	if (!group)
		return;
	names_finish(group->names, NAMES_SHARED);
	names_finish(&group->shaders, 1);
	names_finish(&group->written, 1);
	free(group);
}

static struct shim_group *group_create(void)
{
	struct shim_group *group = calloc(1, sizeof(*group));
	if (!group || !names_init(group->names, NAMES_SHARED) || !names_init(&group->shaders, 1) ||
		!names_init(&group->written, 1)) {
		group_finish(group);
		return NULL;
	}
	group->references = 1;
	group->names[NAMES_program].once = true;
	pthread_mutex_init(&group->lock, NULL);
	return group;
}

static void group_drop(struct shim_group *group)
{
	if (!group || --group->references)
		return;
	pthread_mutex_destroy(&group->lock);
	group_finish(group);
}

/* From the second context of a group on, each notes how far it has waited for the others. */
static void join(struct shim_group *group, struct shim_context *self)
{
	behind_release(shim_current);
	pthread_mutex_lock(&group->lock);
	self->group = group;
	self->next_in_group = group->contexts;
	group->contexts = self;
	for (struct shim_context *each = self; self->next_in_group && each;
		each = each->next_in_group)
		if (!each->seen)
			each->seen = calloc(65536, sizeof(*each->seen));
	pthread_mutex_unlock(&group->lock);
}

static void leave(struct shim_context *self)
{
	struct shim_group *group = self->group;
	pthread_mutex_lock(&group->lock);
	struct shim_context **at = &group->contexts;
	while (*at && *at != self)
		at = &(*at)->next_in_group;
	if (*at)
		*at = self->next_in_group;
	pthread_mutex_unlock(&group->lock);
	group_drop(group);
}

static void await(struct shim_context *self, struct shim_context *other)
{
	const uint64_t position = atomic_load(&other->ring.shared->head);
	if (other->lost || !other->id || (self->seen && self->seen[other->id] >= position))
		return;
	if (self->seen)
		self->seen[other->id] = position;
	struct shim_context *before = shim_current;
	shim_current = self;
	send_ckAwait(other->id, position);
	shim_current = before;
}

void context_order(struct shim_context *self)
{
	struct shim_group *group = self->group;
	pthread_mutex_lock(&group->lock);
	for (struct shim_context *each = group->contexts; each; each = each->next_in_group)
		if (each != self)
			await(self, each);
	pthread_mutex_unlock(&group->lock);
}

/* ---- contexts ---- */

static GLuint create_in_proxy(struct process *process, GLuint share, int config, unsigned api,
	const int *attributes, unsigned count)
{
	process_lock();
	struct shim_context *before = shim_current;
	shim_current = &process->control;
	const GLuint id = send_ckContextCreate(share, config, api, count, attributes);
	shim_current = before;
	process_unlock();
	return id;
}

/* What its last messages refer to is free when it is destroyed there, having executed them all. */
static void destroy_in_proxy(struct process *process, GLuint id, const struct shim_context *self)
{
	process_lock();
	struct shim_context *before = shim_current;
	shim_current = &process->control;
	send_ckContextDestroy(id);
	for (unsigned i = 0; self && i < self->held_count; i++)
		shim_give_later(&process->control, self->held[i].block, self->held[i].size);
	shim_kick(&process->control);
	shim_current = before;
	process_unlock();
}

static bool set_names(struct context *context, struct shim_group *group)
{
	struct shim_names *own = (struct shim_names *)(void *)context->own_names;
	if (!names_init(own, NAMES_CLASSES - NAMES_SHARED))
		return false;
	for (unsigned cls = NAMES_texture; cls < NAMES_CLASSES; cls++)
		context->shim.names[cls] =
			cls < NAMES_SHARED ? &group->names[cls] : &own[cls - NAMES_SHARED];
	return true;
}

static void release(struct context *context)
{
	names_finish((struct shim_names *)(void *)context->own_names, NAMES_CLASSES - NAMES_SHARED);
	wire_state_finish(&context->shim.state);
	process_unmap_ring(&context->shim.ring);
	free(context->shim.seen);
	free(context->tag);
	free(context);
}

static bool start_context(
	struct process *process, struct context *context, struct context *share, GLuint id)
{
	struct wire_mapping map;
	char name[24];
	snprintf(name, sizeof(name), "ring-%u", id);
	struct shim_group *group = share ? share->shim.group : group_create();
	if (!group || !process_map_ring(process, name, &map))
		return false;
	if (share)
		group->references++;
	process_begin_ring(&context->shim, &map);
	wire_state_init(&context->shim.state);
	context->shim.state.ask = shim_ask;
	context->shim.id = id;
	context->shim.render_mode = GL_RENDER;
	join(group, &context->shim);
	return set_names(context, group);
}

struct context *context_create(struct context *share, int config, unsigned api,
	const int *attributes, unsigned count, unsigned *reason)
{
	struct process *process = process_get();
	struct context *context = process ? calloc(1, sizeof(*context)) : NULL;
	*reason = EGL_BAD_ALLOC;
	if (!context)
		return NULL;
	const GLuint id = create_in_proxy(
		process, share ? share->shim.id : 0, config, api, attributes, count);
	if (!id || id & WIRE_CONTEXT_FAILED) {
		*reason = id ? id & ~WIRE_CONTEXT_FAILED : EGL_BAD_ALLOC;
		free(context);
		return NULL;
	}
	context->config = config;
	context->shim.may_be_calm = api == EGL_OPENGL_API;
	if (!start_context(process, context, share, id)) {
		destroy_in_proxy(process, id, NULL);
		free(context);
		return NULL;
	}
	return context;
}

static void destroy_now(struct context *context)
{
	struct process *process = process_have();
	if (process && context->shim.group->references == 1) {
		shadow_finish(&context->shim);
		buffers_finish(&context->shim);
	}
	/* Whoever was told to wait for this ring finds it executed to its end. */
	leave(&context->shim);
	if (process && !context->shim.lost)
		destroy_in_proxy(process, context->shim.id, &context->shim);
	release(context);
}

void context_destroy(struct context *context)
{
	if (!context || context->doomed)
		return;
	context->doomed = true;
	if (!context->current)
		destroy_now(context);
}

static void drop_surface(struct surface *surface)
{
	if (surface && !--surface->references)
		free(surface);
}

/* The surfaces are the program's as long as it has not destroyed them, and the context's as long as
 * it is current with them. */
static void take_hold(struct context *context, struct surface *draw, struct surface *read)
{
	if (draw)
		draw->references++;
	if (read)
		read->references++;
	if (context->draw && context->draw->owner == &context->shim)
		context->draw->owner = NULL;
	drop_surface(context->draw);
	drop_surface(context->read);
	context->draw = draw;
	context->read = read;
	if (draw)
		draw->owner = &context->shim;
}

static bool copy_to_texture(const struct surface *surface)
{
	return send_ckSurfaceImage(
		surface->number, surface->texture, surface->level, surface->format);
}

static void unbind(struct context *context)
{
	send_ckMakeCurrent(WIRE_RELEASE, 0);
	take_hold(context, NULL, NULL);
	shim_current = &none;
	context->current = false;
}

unsigned context_make_current(struct context *context, struct surface *draw, struct surface *read)
{
	struct context *before = context_current();
	uint32_t nobody_has = 0;
	if (context && context != before &&
		!atomic_compare_exchange_strong(&context->current, &nobody_has, 1))
		return EGL_BAD_ACCESS;
	if (before && before->draw && before->draw->bound && before->draw != draw)
		copy_to_texture(before->draw);
	if (before && before != context)
		unbind(before);
	if (context) {
		shim_current = &context->shim;
		if (before && before != context)
			await(&context->shim, &before->shim);
		if (!send_ckMakeCurrent(draw ? draw->number : 0, read ? read->number : 0)) {
			if (before != context) {
				shim_current = &none;
				context->current = false;
			}
			return EGL_BAD_MATCH;
		}
		take_hold(context, draw, read);
	}
	if (before && before != context && before->doomed)
		destroy_now(before);
	return 0;
}

/* ---- surfaces ---- */

struct surface *surface_create(int kind, int config, unsigned flags, unsigned width,
	unsigned height, const char *display, uint32_t drawable)
{
	struct process *process = process_get();
	struct surface *surface = process ? calloc(1, sizeof(*surface)) : NULL;
	if (!surface)
		return NULL;
	process_lock();
	struct shim_context *before = shim_current;
	shim_current = &process->control;
	surface->number = send_ckSurfaceCreate(
		(GLenum)kind, config, width, height, flags, drawable, display ? display : "");
	shim_current = before;
	process_unlock();
	if (!surface->number) {
		free(surface);
		return NULL;
	}
	surface->references = 1;
	surface->kind = kind;
	surface->flags = flags;
	surface->drawable = drawable;
	surface->width = width;
	surface->height = height;
	return surface;
}

void surface_destroy(struct surface *surface)
{
	struct process *process = process_have();
	if (!surface)
		return;
	if (process) {
		process_lock();
		struct shim_context *before = shim_current;
		shim_current = &process->control;
		send_ckSurfaceDestroy(surface->number);
		shim_kick(&process->control);
		shim_current = before;
		process_unlock();
	}
	drop_surface(surface);
}

bool surface_bind(struct surface *surface, int level, unsigned format)
{
	GLint texture = 0;
	if (shim_current == &none)
		return false;
	shim_glGetIntegerv(GL_TEXTURE_BINDING_2D, &texture);
	surface->texture = (GLuint)texture;
	surface->level = level;
	surface->format = format;
	surface->bound = copy_to_texture(surface);
	return surface->bound;
}

bool surface_to_pixmap(const struct surface *surface, const char *display, uint32_t pixmap)
{
	return shim_current != &none && send_ckSurfaceCopy(surface->number, pixmap, display);
}

void surface_swap(struct surface *surface, int x, int y, int width, int height)
{
	struct shim_context *self = shim_current;
	if (self == &none || surface->owner != self)
		return;
	const uint32_t frame = ++self->swaps;
	const uint64_t earlier = self->swap_ends[frame % SHIM_IN_FLIGHT];
	send_ckSwap(surface->number, x, y, width, height, frame);
	self->swap_ends[frame % SHIM_IN_FLIGHT] = self->position;
	shim_kick(self);
	if (frame > SHIM_IN_FLIGHT)
		shim_wait_for(self, earlier, WIRE_WAIT_FRAME);
}
