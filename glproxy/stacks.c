#include "glproxy/stacks.h"

#include "glproxy/lists.h"
#include "glproxy/replay.h"
#include "hand.h"

#include <string.h>

#define DEPTH_MAX array_len(((struct context *)0)->attribs)

void proxy_glPushAttrib(struct exec *x, GLbitfield mask)
{
	struct context *context = x->context;
	x->driver->PushAttrib(mask);
	if (context && !lists_compiling(x) && context->attrib_count < DEPTH_MAX)
		context->attribs[context->attrib_count++] = mask;
}

void proxy_glPopAttrib(struct exec *x)
{
	struct context *context = x->context;
	x->driver->PopAttrib();
	if (context && !lists_compiling(x) && context->attrib_count)
		context->attrib_count--;
}

void stacks_settle(const struct context *context)
{
	GLfloat colour[4];
	if (context->attrib_count)
		context->exec.driver->GetFloatv(GL_CURRENT_COLOR, colour);
}

/* ---- the driver's stack, built up again ---- */

/* What makes executing a level of state another thing here than in an empty context. */
struct plain {
	GLfloat modelview[16], projection[16];
	GLuint buffer;
	struct wire_pixels store;
};

static void begin_plain(struct take *t, struct plain *plain)
{
	struct exec *x = &t->context->exec;
	plain->store = x->state.unpack;
	plain->buffer = x->state.buffer[WIRE_PIXEL_UNPACK_BUFFER];
	x->state.buffer[WIRE_PIXEL_UNPACK_BUFFER] = 0;
	t->gl->BindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
	t->gl->GetFloatv(GL_MODELVIEW_MATRIX, plain->modelview);
	t->gl->GetFloatv(GL_PROJECTION_MATRIX, plain->projection);
	t->gl->MatrixMode(GL_MODELVIEW);
	t->gl->LoadIdentity();
	t->gl->MatrixMode(GL_PROJECTION);
	t->gl->LoadIdentity();
}

static void end_plain(struct take *t, const struct plain *plain)
{
	struct exec *x = &t->context->exec;
	struct stream store = {0};
	const GLint mode = take_integer(t, GL_MATRIX_MODE);
	t->gl->MatrixMode(GL_MODELVIEW);
	t->gl->LoadMatrixf(plain->modelview);
	t->gl->MatrixMode(GL_PROJECTION);
	t->gl->LoadMatrixf(plain->projection);
	t->gl->MatrixMode((GLenum)mode);
	take_store(&store, &plain->store, GL_UNPACK_SWAP_BYTES);
	replay_quietly(x, &store);
	stream_finish(&store);
	x->state.buffer[WIRE_PIXEL_UNPACK_BUFFER] = plain->buffer;
	t->gl->BindBuffer(GL_PIXEL_UNPACK_BUFFER, exec_name(x, NAMES_buffer, plain->buffer));
}

static void build_up(struct take *t, const struct stream *levels, unsigned depth)
{
	struct exec *x = &t->context->exec;
	struct plain plain;
	begin_plain(t, &plain);
	x->rebuilding = true;
	for (unsigned i = 0; i < depth; i++) {
		t->gl->PushAttrib(t->context->attribs[i]);
		replay_quietly(x, &levels[i]);
	}
	x->rebuilding = false;
	end_plain(t, &plain);
	stacks_settle(t->context);
	take_failed(t);
}

/* ---- levels ---- */

static void take_level(struct take *t)
{
	take_attributes(t);
	take_draw_buffers(t);
}

/* From the top down; the state below all is written to the stream itself. */
static void take_down(struct take *t, struct stream *levels, unsigned depth)
{
	const struct stream out = t->out;
	for (unsigned i = depth; i-- > 0;) {
		t->out = (struct stream){.context = out.context};
		take_level(t);
		levels[i] = t->out;
		t->gl->PopAttrib();
	}
	t->out = out;
	take_level(t);
}

static void take_levels(struct take *t, unsigned depth)
{
	struct stream levels[DEPTH_MAX] = {0};
	for (unsigned i = 0; i < depth; i++)
		t->parameters = t->parameters || t->context->attribs[i] & GL_TEXTURE_BIT;
	take_down(t, levels, depth);
	build_up(t, levels, depth);
	for (unsigned i = 0; i < depth; i++) {
		PUT(&t->out, glPushAttrib, .mask = t->context->attribs[i]);
		stream_append(&t->out, &levels[i].messages, &levels[i].data);
		stream_finish(&levels[i]);
	}
	t->parameters = false;
}

void take_attribute_stack(struct take *t)
{
	const unsigned depth =
		take_is_compatible(t) ? (unsigned)take_integer(t, GL_ATTRIB_STACK_DEPTH) : 0;
	if (depth != t->context->attrib_count)
		take_refuse(t, "a display list has changed the attribute stack");
	if (!depth || depth > DEPTH_MAX || t->refused)
		take_attributes(t);
	else
		take_levels(t, depth);
}
