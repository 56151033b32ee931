/*
 * A snapshot as a trace: its messages are calls already. What is not of OpenGL is said as GLX: the
 * contexts, with drawables of the surfaces' sizes; a helper context draws the surfaces' colours,
 * and swaps them at the end, so that the trace has a frame.
 *
 * Messages of our own become the calls they stand for, or are left out and counted: contents of
 * multisampled objects, results of queries, draws in display lists from arrays of the program.
 */
#include "glproxy/look/look.h"

#include "glproxy/look/trace.h"
#include "glproxy/look/walk.h"
#include "glproxy/snapshot_stream.h"
#include "glproxy/surface.h"
#include "wire/calls.h"

#include <EGL/egl.h>
#include <GL/glx.h>
#include <GL/glxext.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXTS PROXY_OBJECTS

struct look_trace {
	struct trace *out;
	unsigned process; /* each is a thread of the trace */
	json_t *left_out;

	/* of the process at hand */
	struct walk walk;
	uint32_t *groups, *draws, *apis; /* of contexts by number */
	uint32_t *widths, *heights;      /* of surfaces by number */
	bool *window;
	bool *helpers;  /* HELPER_OF, by context */
	uint32_t bound; /* the context that is current, or HELPER */
	bool helper;    /* there is one, of this process */
	bool owes;      /* a call waits for what it returned */
};

#define HELPER 0xffffu
#define HELPER_OF \
	0x10000u /* of a group whose contexts are of ES, which has not all that makes objects */

/* ---- calls that are not messages ---- */

enum own_call {
	CREATE_CONTEXT = 4096,
	CREATE_PBUFFER,
	MAKE_CURRENT,
	SWAP_BUFFERS,
	FRAME_TERMINATOR,
	VIEWPORT,
	WINDOW_POS,
	DRAW_PIXELS,
	FENCE_SYNC,
	MAP_BUFFER,
};

static const struct {
	const char *name;
	unsigned count;
	const char *const arguments[5];
} own_calls[] = {{"glXCreateContextAttribsARB", 5,
			 {"dpy", "config", "share_context", "direct", "attrib_list"}},
	{"glXCreatePbuffer", 3, {"dpy", "config", "attrib_list"}},
	{"glXMakeCurrent", 3, {"dpy", "drawable", "ctx"}},
	{"glXSwapBuffers", 2, {"dpy", "drawable"}}, {"glFrameTerminatorGREMEDY", 0, {NULL}},
	{"glViewport", 4, {"x", "y", "width", "height"}}, {"glWindowPos2i", 2, {"x", "y"}},
	{"glDrawPixels", 5, {"width", "height", "format", "type", "pixels"}},
	{"glFenceSync", 2, {"condition", "flags"}},
	{"glMapNamedBufferRange", 4, {"buffer", "offset", "length", "access"}}};

static void begin(struct look_trace *t, enum own_call call)
{
	const unsigned index = call - CREATE_CONTEXT;
	trace_begin(t->out, t->process, call, own_calls[index].name, own_calls[index].arguments,
		own_calls[index].count);
}

/* What stands for pointers and X's numbers. */
#define DISPLAY 0x1000u
#define CONFIG 0x2000u

static uint64_t handle(const struct look_trace *t, uint32_t context)
{
	return context ? (uint64_t)0x100000 + ((uint64_t)t->process << 18 | context) * 16 : 0;
}

static uint64_t drawable(const struct look_trace *t, uint32_t context)
{
	const uint32_t surface = context < CONTEXTS ? t->draws[context] : 0;
	return ((uint64_t)t->process << 20) + (surface ? 0x10000u + surface : 0x20000u + context);
}

static uint64_t surface_drawable(const struct look_trace *t, uint32_t surface)
{
	return ((uint64_t)t->process << 20) + 0x10000u + surface;
}

static void argument_opaque(struct look_trace *t, unsigned index, uint64_t value)
{
	trace_argument(t->out, index);
	trace_opaque(t->out, value);
}

static void argument_number(struct look_trace *t, unsigned index, int64_t value)
{
	trace_argument(t->out, index);
	trace_signed(t->out, value);
}

static void argument_list(struct look_trace *t, unsigned index, const int *list, size_t count)
{
	trace_argument(t->out, index);
	trace_array(t->out, count);
	for (size_t i = 0; i < count; i++)
		trace_signed(t->out, list[i]);
}

static void end_call(struct look_trace *t)
{
	trace_made(t->out);
	trace_end(t->out);
}

static void leave_out(struct look_trace *t, const char *what)
{
	const json_int_t before = json_integer_value(json_object_get(t->left_out, what));
	json_object_set_new(t->left_out, what, json_integer(before + 1));
}

/* ---- contexts ---- */

static void create_context(
	struct look_trace *t, uint32_t context, uint32_t share, const int *attributes, size_t count)
{
	begin(t, CREATE_CONTEXT);
	argument_opaque(t, 0, DISPLAY);
	argument_opaque(t, 1, CONFIG);
	argument_opaque(t, 2, handle(t, share));
	argument_number(t, 3, 1);
	argument_list(t, 4, attributes, count);
	trace_made(t->out);
	trace_returned(t->out);
	trace_opaque(t->out, handle(t, context));
	trace_end(t->out);
}

static void make_current(struct look_trace *t, uint64_t where, uint32_t context)
{
	begin(t, MAKE_CURRENT);
	argument_opaque(t, 0, DISPLAY);
	argument_number(t, 1, (int64_t)where);
	argument_opaque(t, 2, handle(t, context));
	trace_made(t->out);
	trace_returned(t->out);
	trace_unsigned(t->out, 1);
	trace_end(t->out);
	t->bound = context;
}

static void create_helper(struct look_trace *t, uint32_t helper, uint32_t share)
{
	static const int attributes[] = {GLX_CONTEXT_MAJOR_VERSION_ARB, 4,
		GLX_CONTEXT_MINOR_VERSION_ARB, 5, GLX_CONTEXT_PROFILE_MASK_ARB,
		GLX_CONTEXT_COMPATIBILITY_PROFILE_BIT_ARB, 0};
	create_context(t, helper, share, attributes, array_len(attributes));
}

/* EGL's attributes of a context as GLX's. */
static size_t translate(const int *from, size_t count, uint32_t api, int *to, size_t room)
{
	static const int names[][2] = {{EGL_CONTEXT_MAJOR_VERSION, GLX_CONTEXT_MAJOR_VERSION_ARB},
		{EGL_CONTEXT_MINOR_VERSION, GLX_CONTEXT_MINOR_VERSION_ARB},
		{EGL_CONTEXT_OPENGL_PROFILE_MASK, GLX_CONTEXT_PROFILE_MASK_ARB}};
	size_t made = 0;
	for (size_t i = 0; i + 1 < count && made + 6 < room; i += 2)
		for (size_t k = 0; k < array_len(names); k++)
			if (from[i] == names[k][0]) {
				to[made++] = names[k][1];
				to[made++] = from[i + 1];
			}
	if (api != EGL_OPENGL_API) {
		to[made++] = GLX_CONTEXT_PROFILE_MASK_ARB;
		to[made++] = GLX_CONTEXT_ES2_PROFILE_BIT_EXT;
	}
	to[made++] = 0;
	return made;
}

/* As snapshot.c wrote it. */
static void add_context(struct look_trace *t)
{
	struct span record = t->walk.record;
	int attributes[64], list[80];
	const uint32_t id = span_u32(&record), group = span_u32(&record);
	span_u32(&record); /* config */
	const uint32_t api = span_u32(&record);
	span_u32(&record); /* current */
	const uint32_t draw = span_u32(&record);
	for (int i = 0; i < 6; i++)
		span_u32(&record);
	const struct span given = span_bytes(&record);
	if (record.failed || id >= HELPER || !id || draw >= CONTEXTS)
		return;
	const size_t count = given.left / sizeof(int) < array_len(attributes)
		? given.left / sizeof(int)
		: array_len(attributes);
	memcpy(attributes, given.at, count * sizeof(int));
	t->groups[id] = group;
	t->apis[id] = api;
	t->draws[id] = draw;
	create_context(t, id, group == id ? 0 : group, list,
		translate(attributes, count, api, list, array_len(list)));
}

/* ---- surfaces ---- */

static void add_pbuffer(struct look_trace *t, uint32_t id)
{
	const int attributes[] = {
		GLX_PBUFFER_WIDTH, (int)t->widths[id], GLX_PBUFFER_HEIGHT, (int)t->heights[id], 0};
	begin(t, CREATE_PBUFFER);
	argument_opaque(t, 0, DISPLAY);
	argument_opaque(t, 1, CONFIG);
	argument_list(t, 2, attributes, array_len(attributes));
	trace_made(t->out);
	trace_returned(t->out);
	trace_unsigned(t->out, surface_drawable(t, id));
	trace_end(t->out);
}

static void set_size(struct look_trace *t, uint32_t id)
{
	begin(t, VIEWPORT);
	argument_number(t, 0, 0);
	argument_number(t, 1, 0);
	argument_number(t, 2, t->widths[id]);
	argument_number(t, 3, t->heights[id]);
	end_call(t);
}

static void draw_colours(struct look_trace *t, uint32_t id, const struct span *colours)
{
	begin(t, WINDOW_POS);
	argument_number(t, 0, 0);
	argument_number(t, 1, 0);
	end_call(t);
	begin(t, DRAW_PIXELS);
	argument_number(t, 0, t->widths[id]);
	argument_number(t, 1, t->heights[id]);
	trace_argument(t->out, 2);
	trace_enum(t->out, GL_RGBA);
	trace_argument(t->out, 3);
	trace_enum(t->out, GL_UNSIGNED_BYTE);
	trace_argument(t->out, 4);
	trace_blob(t->out, colours->at, colours->left);
	end_call(t);
}

struct surface_record {
	uint32_t id, kind, width, height, front;
	struct span colours, depths;
};

static bool read_surface(const struct look_trace *t, struct surface_record *surface)
{
	struct span record = t->walk.record;
	surface->id = span_u32(&record);
	surface->kind = span_u32(&record);
	span_u32(&record); /* flags */
	span_u32(&record); /* config */
	surface->width = span_u32(&record);
	surface->height = span_u32(&record);
	span_u32(&record); /* drawable */
	surface->front = span_u32(&record);
	span_bytes(&record); /* display */
	surface->colours = span_bytes(&record);
	surface->depths = span_bytes(&record);
	return !record.failed && surface->id && surface->id < CONTEXTS;
}

static void swap(struct look_trace *t, uint32_t surface)
{
	begin(t, SWAP_BUFFERS);
	argument_opaque(t, 0, DISPLAY);
	argument_number(t, 1, (int64_t)surface_drawable(t, surface));
	end_call(t);
}

/* A window gets its size by what is said first of its viewport, and shows it after a swap. */
static void add_surface(struct look_trace *t)
{
	struct surface_record surface;
	if (!read_surface(t, &surface))
		return;
	const uint32_t id = surface.id;
	t->widths[id] = surface.width;
	t->heights[id] = surface.height;
	t->window[id] = surface.kind == SURFACE_WINDOW;
	if (!t->helper)
		create_helper(t, HELPER, 0);
	t->helper = true;
	if (surface.kind == SURFACE_PBUFFER)
		add_pbuffer(t, id);
	make_current(t, surface_drawable(t, id), HELPER);
	set_size(t, id);
	if (t->window[id])
		swap(t, id);
	if (surface.depths.left)
		leave_out(t, "the depth and stencil buffer of a window");
	if (surface.front)
		leave_out(t, "the front buffer of a window");
}

/* At the end, when all windows have their sizes. What the trace shows: each window, once. */
static bool show_surface(struct look_trace *t)
{
	struct surface_record surface;
	if (!read_surface(t, &surface))
		return false;
	make_current(t, surface_drawable(t, surface.id), HELPER);
	set_size(t, surface.id);
	if (surface.colours.left == (size_t)surface.width * surface.height * 4)
		draw_colours(t, surface.id, &surface.colours);
	else
		leave_out(t, "colours of a window that are multisampled or floating-point");
	if (!t->window[surface.id])
		return false;
	swap(t, surface.id);
	return true;
}

static void end_frame(struct look_trace *t)
{
	begin(t, FRAME_TERMINATOR);
	end_call(t);
}

/* ---- messages ---- */

static uint64_t bits_at(const void *at, unsigned size)
{
	uint64_t value = 0;
	memcpy(&value, at, size);
	return value;
}

static int64_t signed_at(const void *at, unsigned size)
{
	const unsigned unused = 64 - 8 * size;
	return (int64_t)(bits_at(at, size) << unused) >> unused;
}

static void put_float(struct look_trace *t, const void *at, unsigned size)
{
	float narrow;
	double wide;
	memcpy(&narrow, at, sizeof(narrow));
	if (size == sizeof(narrow)) {
		trace_float(t->out, narrow);
		return;
	}
	memcpy(&wide, at, sizeof(wide));
	trace_double(t->out, wide);
}

static void put_value(struct look_trace *t, enum wire_value kind, const void *at, unsigned size)
{
	switch (kind) {
	case WIRE_VALUE_SIGNED:
		trace_signed(t->out, signed_at(at, size));
		break;
	case WIRE_VALUE_FLOAT:
		put_float(t, at, size);
		break;
	case WIRE_VALUE_ENUM:
		trace_enum(t->out, (uint32_t)bits_at(at, size));
		break;
	case WIRE_VALUE_OPAQUE:
		trace_opaque(t->out, bits_at(at, size));
		break;
	default:
		trace_unsigned(t->out, bits_at(at, size));
		break;
	}
}

static void put_values(
	struct look_trace *t, const struct wire_param *param, const void *values, size_t count)
{
	trace_array(t->out, count);
	for (size_t i = 0; i < count; i++)
		put_value(
			t, param->kind, (const char *)values + i * param->element, param->element);
}

static void put_texts(struct look_trace *t, const char *texts, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += !texts[i];
	trace_array(t->out, count);
	for (size_t at = 0; count--; at += strnlen(texts + at, size - at) + 1)
		trace_text(t->out, texts + at, size - at);
}

static void put_data(struct look_trace *t, const struct wire_param *param)
{
	struct wire_data data;
	memcpy(&data, t->walk.message + param->at, sizeof(data));
	if (data.where == WIRE_OFFSET) {
		trace_opaque(t->out, data.at);
		return;
	}
	const void *bytes = walk_data(&t->walk, &data);
	if (!bytes)
		trace_null(t->out);
	else if (param->shape == WIRE_SHAPE_ARRAY)
		put_values(t, param, bytes, data.size / param->element);
	else if (param->shape == WIRE_SHAPE_TEXT)
		trace_text(t->out, bytes, data.size);
	else if (param->shape == WIRE_SHAPE_TEXTS)
		put_texts(t, bytes, data.size);
	else
		trace_blob(t->out, bytes, data.size);
}

/* Draws of the program bring such arrays along; a trace would look for them. */
static bool is_in_program(const struct look_trace *t, const struct wire_param *param)
{
	return param->kind == WIRE_VALUE_OPAQUE && param->shape == WIRE_SHAPE_SCALAR &&
		bits_at(t->walk.message + param->at, sizeof(uint64_t)) > UINT32_MAX &&
		strstr(wire_calls[t->walk.opcode].name, "Pointer");
}

static void put_argument(struct look_trace *t, const struct wire_param *param)
{
	const char *at = t->walk.message + param->at;
	if (is_in_program(t, param))
		trace_null(t->out);
	else if (param->shape == WIRE_SHAPE_SCALAR)
		put_value(t, param->kind, at, param->element);
	else if (param->shape == WIRE_SHAPE_FIXED)
		put_values(t, param, at, param->count);
	else if (param->shape == WIRE_SHAPE_NULL || param->shape == WIRE_SHAPE_OUT)
		trace_null(t->out);
	else
		put_data(t, param);
}

/* A call whose answer is said by the next message, if by any, is left open. */
static void put_call(struct look_trace *t, const struct wire_call *call)
{
	const char *names[32];
	for (unsigned i = 0; i < call->count; i++)
		names[i] = call->params[i].name;
	trace_begin(t->out, t->process, t->walk.opcode, call->name, names, call->count);
	for (unsigned i = 0; i < call->count; i++) {
		trace_argument(t->out, i);
		put_argument(t, &call->params[i]);
	}
	trace_made(t->out);
	if (call->made) {
		trace_returned(t->out);
		trace_unsigned(t->out, bits_at(t->walk.message + call->made, sizeof(GLuint)));
	}
	t->owes = call->returns != WIRE_VALUE_NOTHING && !call->made;
	if (!t->owes)
		trace_end(t->out);
}

static void settle(struct look_trace *t, const uint64_t *value)
{
	if (!t->owes)
		return;
	if (value) {
		trace_returned(t->out);
		trace_signed(t->out, (int32_t)*value);
	}
	trace_end(t->out);
	t->owes = false;
}

/* ---- messages of our own ---- */

#define MESSAGE(call) const struct wire_##call *m = (const void *)t->walk.message

static void put_fence(struct look_trace *t)
{
	MESSAGE(ckFence);
	begin(t, FENCE_SYNC);
	trace_argument(t->out, 0);
	trace_enum(t->out, m->condition);
	argument_number(t, 1, m->flags);
	trace_made(t->out);
	trace_returned(t->out);
	trace_opaque(t->out, m->handle);
	trace_end(t->out);
}

static void put_map(struct look_trace *t)
{
	MESSAGE(ckMap);
	begin(t, MAP_BUFFER);
	argument_number(t, 0, m->buffer);
	argument_number(t, 1, m->offset);
	argument_number(t, 2, m->length);
	argument_number(t, 3, m->access);
	trace_made(t->out);
	trace_returned(t->out);
	trace_opaque(t->out, ((uint64_t)(t->process + 1) << 40) + m->block);
	trace_end(t->out);
}

static void put_list(struct look_trace *t)
{
	MESSAGE(ckListOpen);
	struct wire_glNewList list = {.list = m->list, .mode = m->mode};
	if (m->mode != GL_COMPILE)
		return; /* the end of what was said with the first */
	memcpy(t->walk.message, &list, sizeof(list));
	t->walk.opcode = WIRE_glNewList;
	put_call(t, &wire_calls[WIRE_glNewList]);
}

static void put_own(struct look_trace *t)
{
	switch (t->walk.opcode) {
	case WIRE_ckLenient:
	case WIRE_ckDebug:
		break;
	case WIRE_ckFence:
		put_fence(t);
		break;
	case WIRE_ckMap:
		put_map(t);
		break;
	case WIRE_ckListOpen:
		put_list(t);
		break;
	case WIRE_ckSamples:
		leave_out(t, "contents of something multisampled");
		break;
	case WIRE_ckQuery:
		leave_out(t, "the result of a query");
		break;
	case WIRE_ckFeedback:
		leave_out(t, "how much transform feedback has captured");
		break;
	case WIRE_ckFeedbackGo:
		leave_out(t, "transform feedback that is under way");
		break;
	case WIRE_ckListDraw:
		leave_out(t, "a draw in a display list from arrays of the program");
		break;
	case WIRE_ckDebugKeep:
		leave_out(t, "a debug message that was not fetched");
		break;
	default:
		leave_out(t, wire_calls[t->walk.opcode].name);
		break;
	}
}

static void bind_part(struct look_trace *t)
{
	const uint32_t context = t->walk.context;
	if (context >= HELPER || !t->groups[context])
		return;
	const bool helps = t->walk.of_group && t->apis[context] != EGL_OPENGL_API;
	const uint32_t wanted = helps ? HELPER_OF + context : context;
	if (t->bound == wanted)
		return;
	if (helps && !t->helpers[context])
		create_helper(t, wanted, context);
	t->helpers[context] = t->helpers[context] || helps;
	make_current(t, drawable(t, context), wanted);
}

static void add_call(struct look_trace *t)
{
	const struct wire_call *call = &wire_calls[t->walk.opcode];
	MESSAGE(ckExpect);
	settle(t, t->walk.opcode == WIRE_ckExpect ? &m->value : NULL);
	if (t->walk.opcode == WIRE_ckExpect)
		return;
	bind_part(t);
	if (strncmp(call->name, "gl", 2) != 0)
		put_own(t);
	else
		put_call(t, call);
}

/* ---- a process, and all ---- */

static bool make_tables(struct look_trace *t)
{
	uint32_t **tables[] = {&t->groups, &t->draws, &t->apis, &t->widths, &t->heights};
	bool all = true;
	for (size_t i = 0; i < array_len(tables); i++) {
		*tables[i] = calloc(CONTEXTS, sizeof(**tables[i]));
		all = all && *tables[i];
	}
	t->window = calloc(CONTEXTS, sizeof(*t->window));
	t->helpers = calloc(CONTEXTS, sizeof(*t->helpers));
	return all && t->window && t->helpers;
}

static void free_tables(struct look_trace *t)
{
	free(t->groups);
	free(t->draws);
	free(t->apis);
	free(t->widths);
	free(t->heights);
	free(t->window);
	free(t->helpers);
}

static void add_all(struct look_trace *t)
{
	enum walk_what what;
	while ((what = walk_next(&t->walk)) != WALK_END) {
		if (what == WALK_SURFACE)
			add_surface(t);
		else if (what == WALK_CONTEXT)
			add_context(t);
		else
			add_call(t);
	}
	settle(t, NULL);
}

/* Surfaces come before all else in a snapshot. */
static void show_all(struct look_trace *t)
{
	bool shown = false;
	while (walk_next(&t->walk) == WALK_SURFACE)
		shown = show_surface(t) || shown;
	if (!shown && t->bound)
		end_frame(t);
}

struct look_trace *look_trace_create(const char *file, struct err *err)
{
	struct look_trace *t = calloc(1, sizeof(*t));
	if (!t) {
		err_set(err, "out of memory");
		return NULL;
	}
	t->left_out = json_object();
	t->out = trace_open(file, err);
	if (t->out)
		return t;
	json_decref(t->left_out);
	free(t);
	return NULL;
}

static int walk_with(struct look_trace *t, const struct snapshot_place *place,
	void (*add)(struct look_trace *t), struct err *err)
{
	int status = walk_open(&t->walk, place, err);
	if (!status)
		add(t);
	status = status || t->walk.in.failed ? -1 : 0;
	walk_finish(&t->walk);
	return status;
}

int look_trace_add(struct look_trace *t, const struct snapshot_place *place, struct err *err)
{
	t->bound = 0;
	t->helper = t->owes = false;
	const int status = !make_tables(t)
		? err_set(err, "out of memory")
		: walk_with(t, place, add_all, err) || walk_with(t, place, show_all, err);
	free_tables(t);
	t->process++;
	return status ? -1 : 0;
}

int look_trace_end(struct look_trace *t, json_t **left_out, struct err *err)
{
	const int status = trace_close(t->out, err);
	*left_out = t->left_out;
	free(t);
	return status;
}
