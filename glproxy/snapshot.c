#include "glproxy/snapshot.h"

#include "glproxy/calls_buffer.h"
#include "glproxy/debug.h"
#include "glproxy/feedback.h"
#include "glproxy/lists.h"
#include "glproxy/queries.h"
#include "glproxy/snapshot_record.h"
#include "glproxy/snapshot_stream.h"
#include "glproxy/snapshot_surface.h"
#include "glproxy/told.h"
#include "wire/names.h"

#include <stdlib.h>
#include <string.h>

/* ---- walking ---- */

static struct context *next_context(const struct proxy *proxy, const struct context *after)
{
	for (unsigned id = after ? after->id + 1 : 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id])
			return proxy->contexts[id];
	return NULL;
}

/* The context that stands for a group: the first. */
static const struct context *first_of(const struct proxy *proxy, const struct group *group)
{
	const struct context *found = NULL;
	while ((found = next_context(proxy, found)) && found->group != group)
		;
	return found;
}

static void release(const struct proxy *proxy)
{
	eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

static void take_init(
	struct take *t, struct context *context, struct snapshot_out *out, struct err *err)
{
	*t = (struct take){.gl = context->exec.driver,
		.names = context->exec.names,
		.context = context,
		.out = {.out = out, .context = context->id},
		.err = err};
}

static void take_finish(struct take *t)
{
	stream_finish(&t->out);
	free(t->room);
}

/* ---- taking ---- */

static bool surface_listed(const struct proxy *proxy, const struct surface *surface)
{
	return !surface || proxy->surfaces[surface->id] == surface;
}

static void refuse_kinds(struct take *t)
{
	const struct context *context = t->context;
	if (context->api != EGL_OPENGL_API && context->version && context->version < 20)
		take_refuse(t, "an OpenGL ES 1 context is not kept yet");
	if (context->exec.in_begin)
		take_refuse(t, "glBegin is open");
	if (context->exec.broken || context->stopped)
		take_refuse(t, "a context is at its end");
	if (context->own != EGL_NO_SURFACE)
		take_refuse(t, "a window with several contexts is not kept yet");
	if (!surface_listed(context->exec.proxy, context->draw) ||
		!surface_listed(context->exec.proxy, context->read))
		take_refuse(t, "a destroyed window is still drawn to");
	take_used(t, context->exec.used);
	take_used(t, context->group->used);
}

static void put_record(struct buf *image, const struct context *context)
{
	const struct exec *x = &context->exec;
	size_t count = 1;
	while (context->attributes[count - 1] != EGL_NONE)
		count += 2;
	const size_t place = record_begin(image, SNAPSHOT_CONTEXT);
	record_u32(image, context->id);
	record_u32(image, first_of(x->proxy, context->group)->id);
	record_u32(image, (uint32_t)context->config);
	record_u32(image, context->api);
	record_u32(image, context->current);
	record_u32(image, context->draw ? context->draw->id : 0);
	record_u32(image, context->read ? context->read->id : 0);
	record_u32(image, (uint32_t)context->version);
	record_u32(image, x->error);
	record_u32(image, (uint32_t)x->position);
	record_u32(image, context->draws);
	record_u32(image, context->reads);
	record_bytes(image, context->attributes, count * sizeof(EGLint));
	record_end(image, place);
}

static void take_objects(struct take *t)
{
	PUT(&t->out, glPixelStorei, .pname = GL_UNPACK_ALIGNMENT, .param = 1);
	take_buffers(t);
	take_textures(t);
	take_renderbuffers(t);
	take_samplers(t);
	take_programs(t);
	take_arb_programs(t);
	take_lists(t);
	take_syncs(t);
	take_mappings(t);
}

/* One walk over a share group with a helper context of it. */
static int take_group(struct context *context, void (*walk)(struct take *),
	struct snapshot_out *out, struct err *err)
{
	struct proxy *proxy = context->exec.proxy;
	struct take t;
	EGLContext helper = helper_open(proxy, context->egl, err);
	if (helper == EGL_NO_CONTEXT)
		return -1;
	take_init(&t, context, out, err);
	t.out.context |= SNAPSHOT_OF_GROUP;
	if (!eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, helper)) {
		take_refuse(&t, "the driver needs a surface to be current");
	} else {
		t.gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
		t.gl->ClampColor(GL_CLAMP_FRAGMENT_COLOR, GL_FALSE); /* border colours */
		walk(&t);
		stream_flush(&t.out);
	}
	helper_close(proxy, helper);
	take_finish(&t);
	return t.refused ? -1 : 0;
}

static int take_context(struct context *context, struct snapshot_out *out, struct err *err)
{
	struct take t;
	take_init(&t, context, out, err);
	if (context->version && !context_bind_alone(context))
		take_refuse(&t, "context %u cannot be made current", context->id);
	if (context->version && !t.refused) {
		exec_errors_take(&context->exec);
		take_debug_off(&t);
		take_queries_pause(&t);
		take_queries(&t);
		take_feedback_pause(&t);
		take_framebuffers(&t);
		take_vertex_arrays(&t);
		take_pipelines(&t);
		take_state(&t);
		take_feedback_resume(&t);
		take_queries_resume(&t);
		take_debug(&t);
		take_open(&t);
		take_failed(&t);
	}
	stream_flush(&t.out);
	release(context->exec.proxy);
	take_finish(&t);
	return t.refused ? -1 : 0;
}

/* Of a context that was never current (to ask the driver would make it so) or is old. EGL's default
 * from 3.2 on is a core profile; drivers give 3.1 without the fixed function. */
static bool asked_for_core(const struct context *context)
{
	EGLint major = 1, minor = 0, profile = EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT;
	for (const EGLint *a = context->attributes; a[0] != EGL_NONE; a += 2)
		if (a[0] == EGL_CONTEXT_MAJOR_VERSION)
			major = a[1];
		else if (a[0] == EGL_CONTEXT_MINOR_VERSION)
			minor = a[1];
		else if (a[0] == EGL_CONTEXT_OPENGL_PROFILE_MASK)
			profile = a[1];
	const EGLint version = 10 * major + minor;
	return version == 31 || (version > 31 && profile & EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT);
}

/* What can be said without asking the driver much; and everything is executed before it is read. */
/* Both sides of persistent mappings are the same in a snapshot: what differs after a rebuild is
 * what the program has written since. The heap is kept after the snapshot. */
static void settle_mappings(struct exec *x)
{
	const unsigned notes = x->note_count;
	buffers_waited(x);
	x->note_count = notes; /* the journal begins anew with the snapshot, if there is one */
}

static int prepare(struct context *context, struct err *err)
{
	struct take t;
	take_init(&t, context, NULL, err);
	refuse_kinds(&t);
	context->core = context->api == EGL_OPENGL_API && asked_for_core(context);
	if (!t.refused && context->version && context_bind_alone(context)) {
		exec_errors_take(&context->exec);
		lists_set_apart(&context->exec);
		t.gl->Finish();
		settle_mappings(&context->exec);
		/* not by the profile: OpenGL 3.1 has none yet; nor by values: Mesa tells some */
		t.gl->IsEnabled(GL_LIGHTING);
		context->core = take_failed(&t) && context->api == EGL_OPENGL_API;
	}
	release(context->exec.proxy);
	take_finish(&t);
	return t.refused ? -1 : 0;
}

static int take_all(struct proxy *proxy, struct snapshot_out *out, struct err *err)
{
	struct context *each = NULL;
	while ((each = next_context(proxy, each)))
		if (prepare(each, err))
			return -1;
	if (take_surfaces(proxy, out, err))
		return -1;
	while ((each = next_context(proxy, each)))
		put_record(&out->record, each);
	while ((each = next_context(proxy, each)))
		if (first_of(proxy, each->group) == each &&
			take_group(each, take_objects, out, err))
			return -1;
	while ((each = next_context(proxy, each)))
		if (take_context(each, out, err))
			return -1;
	while ((each = next_context(proxy, each)))
		if (first_of(proxy, each->group) == each &&
			take_group(each, take_deleted, out, err))
			return -1;
	return 0;
}

int snapshot_take(struct proxy *proxy, const struct snapshot_place *place, struct err *err)
{
	scoped(snapshot_out_finish) struct snapshot_out out;
	if (snapshot_out_open(&out, place, proxy->client, err))
		return -1;
	told_put(proxy, &out.record);
	if (take_all(proxy, &out, err))
		return -1;
	return snapshot_out_end(&out);
}

/* ---- comparing ---- */

/* The message of a stream that the byte belongs to. */
static const char *message_at(struct span record, size_t at)
{
	span_u32(&record);
	const char *start = record.at;
	struct span messages = span_bytes(&record);
	struct wire_head head = {0};
	at -= (size_t)(messages.at - start) + sizeof(uint32_t);
	while (messages.left >= sizeof(head)) {
		memcpy(&head, messages.at, sizeof(head));
		const size_t size = (size_t)head.units * 8;
		if (!size || size > messages.left || at < size)
			return wire_opcode_name(head.opcode);
		at -= size;
		messages.at += size;
		messages.left -= size;
	}
	return "data";
}

static int differ(uint32_t tag, struct span one, struct span other, struct err *err)
{
	size_t at = 0;
	while (at < one.left && at < other.left && one.at[at] == other.at[at])
		at++;
	uint32_t words[2] = {0};
	const size_t word = at & ~(size_t)3;
	if (word + 4 <= one.left && word + 4 <= other.left) {
		memcpy(&words[0], one.at + word, sizeof(words[0]));
		memcpy(&words[1], other.at + word, sizeof(words[1]));
	}
	return err_set(err, "a record of %.4s (%zu and %zu bytes) differs at %zu: %s 0x%x 0x%x",
		(const char *)&tag, one.left, other.left, at,
		tag == SNAPSHOT_STREAM ? message_at(one, at) : "", words[0], words[1]);
}

int snapshot_compare(
	const struct snapshot_place *before, const struct snapshot_place *after, struct err *err)
{
	scoped(snapshot_in_finish) struct snapshot_in a = {.fd = -1}, b = {.fd = -1};
	struct span one, other;
	uint32_t tag, second;
	if (snapshot_in_open(&a, before, err) || snapshot_in_open(&b, after, err))
		return -1;
	while (snapshot_in_next(&a, &tag, &one)) {
		if (!snapshot_in_next(&b, &second, &other))
			return b.failed ? -1 : err_set(err, "the second one ends before the first");
		if (tag != second || one.left != other.left ||
			memcmp(one.at, other.at, one.left) != 0)
			return differ(tag, one, other, err);
	}
	if (!a.failed && snapshot_in_next(&b, &second, &other))
		return err_set(err, "the second one goes on where the first ends");
	return a.failed || b.failed ? -1 : 0;
}
