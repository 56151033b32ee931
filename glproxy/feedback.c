#include "glproxy/feedback.h"

#include "glproxy/lists.h"
#include "glproxy/queries.h"
#include "hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS 4

struct range {
	GLuint buffer;       /* the driver's */
	GLint64 start, size; /* 0: all of it, whatever its size */
};

struct feedback {
	bool known;
	GLuint name;    /* the program's; 0: the default object */
	GLuint program; /* the driver's, of the last capture; 0: several in a pipeline */
	GLenum mode;
	bool ended;
	bool active, paused; /* while a snapshot is taken */
	GLuint64 before;     /* vertices captured before the present driver's capture, which */
	bool shifted;        /* ... began behind them: these are the program's ranges */
	struct range ranges[BUFFERS];
};

struct feedbacks {
	struct feedback *entries;
	size_t count;
	bool counted; /* the program has drawn what it had captured, before the snapshot */
};

struct feedbacks *feedbacks_create(void)
{
	return calloc(1, sizeof(struct feedbacks));
}

void feedbacks_clear(struct feedbacks *feedbacks)
{
	free(feedbacks->entries);
	*feedbacks = (struct feedbacks){0};
}

void feedbacks_destroy(struct feedbacks *feedbacks)
{
	if (feedbacks)
		feedbacks_clear(feedbacks);
	free(feedbacks);
}

static struct feedback *find(const struct feedbacks *feedbacks, GLuint name)
{
	for (size_t i = 0; i < feedbacks->count; i++)
		if (feedbacks->entries[i].known && feedbacks->entries[i].name == name)
			return &feedbacks->entries[i];
	return NULL;
}

static struct feedback *find_or_make(struct feedbacks *feedbacks, GLuint name)
{
	struct feedback *found = find(feedbacks, name);
	if (found)
		return found;
	struct feedback *grown =
		realloc(feedbacks->entries, (feedbacks->count + 1) * sizeof(*feedbacks->entries));
	if (!grown)
		return NULL;
	feedbacks->entries = grown;
	found = &grown[feedbacks->count++];
	*found = (struct feedback){.known = true, .name = name};
	return found;
}

static GLint number(const struct driver *gl, GLenum pname)
{
	GLint value = 0;
	gl->GetIntegerv(pname, &value);
	return value;
}

static GLuint bound_name(const struct exec *x)
{
	const GLint driver = number(x->driver, GL_TRANSFORM_FEEDBACK_BINDING);
	return driver ? names_known(x->names[NAMES_transform_feedback], (GLuint)driver) : 0;
}

static void drop_errors(const struct driver *gl)
{
	while (gl->GetError())
		;
}

/* ---- bytes of a vertex ---- */

/* In a buffer, of the program as it is linked now; 0: it writes none there. */
static GLint stride_of(const struct driver *gl, GLuint program, GLint buffer)
{
	static const GLenum names[] = {GL_BUFFER_BINDING, GL_TRANSFORM_FEEDBACK_BUFFER_STRIDE};
	GLint count = 0;
	if (!program || !gl->IsProgram(program))
		return 0;
	gl->GetProgramInterfaceiv(
		program, GL_TRANSFORM_FEEDBACK_BUFFER, GL_ACTIVE_RESOURCES, &count);
	for (GLint i = 0; i < count; i++) {
		GLint values[array_len(names)] = {-1, 0};
		gl->GetProgramResourceiv(program, GL_TRANSFORM_FEEDBACK_BUFFER, (GLuint)i,
			array_len(names), names, array_len(values), NULL, values);
		if (values[0] == buffer)
			return values[1];
	}
	return 0;
}

/* ---- how many vertices ---- */

static GLuint link_one(const struct driver *gl, const char *source)
{
	const GLuint shader = gl->CreateShader(GL_VERTEX_SHADER), program = gl->CreateProgram();
	gl->ShaderSource(shader, 1, &source, NULL);
	gl->CompileShader(shader);
	gl->AttachShader(program, shader);
	gl->LinkProgram(program);
	gl->DeleteShader(shader);
	return program;
}

/* What drawing of our own changes. */
struct drawing {
	GLuint program, arrays, buffer, made[3]; /* program, array, buffer */
	bool discards;
};

static void begin_drawing(const struct driver *gl, struct drawing *d, const char *source)
{
	d->program = (GLuint)number(gl, GL_CURRENT_PROGRAM);
	d->arrays = (GLuint)number(gl, GL_VERTEX_ARRAY_BINDING);
	d->buffer = (GLuint)number(gl, GL_ARRAY_BUFFER_BINDING);
	d->discards = gl->IsEnabled(GL_RASTERIZER_DISCARD);
	d->made[0] = link_one(gl, source);
	gl->GenVertexArrays(1, &d->made[1]);
	gl->GenBuffers(1, &d->made[2]);
	gl->UseProgram(d->made[0]);
	gl->BindVertexArray(d->made[1]);
	gl->BindBuffer(GL_ARRAY_BUFFER, d->made[2]);
	gl->Enable(GL_RASTERIZER_DISCARD);
}

static void end_drawing(const struct driver *gl, struct drawing *d)
{
	gl->UseProgram(d->program);
	gl->BindVertexArray(d->arrays);
	gl->BindBuffer(GL_ARRAY_BUFFER, d->buffer);
	if (!d->discards)
		gl->Disable(GL_RASTERIZER_DISCARD);
	gl->DeleteProgram(d->made[0]);
	gl->DeleteVertexArrays(1, &d->made[1]);
	gl->DeleteBuffers(1, &d->made[2]);
}

/* Draws them as points. Drivers that know bytes only divide by the stride of the first array. */
static GLuint64 count_of(const struct driver *gl, GLuint feedback, GLint stride)
{
	struct drawing drawing;
	GLuint query = 0;
	GLuint64 count = 0;
	begin_drawing(
		gl, &drawing, "#version 150\nin float v; void main() { gl_Position = vec4(v); }\n");
	gl->BufferData(GL_ARRAY_BUFFER, stride, NULL, GL_STREAM_DRAW);
	gl->VertexAttribPointer((GLuint)gl->GetAttribLocation(drawing.made[0], "v"), 1, GL_FLOAT,
		GL_FALSE, stride, NULL);
	gl->EnableVertexAttribArray((GLuint)gl->GetAttribLocation(drawing.made[0], "v"));
	gl->GenQueries(1, &query);
	gl->BeginQuery(GL_PRIMITIVES_GENERATED, query);
	gl->DrawTransformFeedback(GL_POINTS, feedback);
	gl->EndQuery(GL_PRIMITIVES_GENERATED);
	gl->GetQueryObjectui64v(query, GL_QUERY_RESULT, &count);
	gl->DeleteQueries(1, &query);
	end_drawing(gl, &drawing);
	return count;
}

/* Captures as many with the object that is bound, which no buffer is bound to afterwards. */
static void capture(const struct driver *gl, GLint stride, GLuint64 count)
{
	char source[256];
	struct drawing drawing;
	const GLuint bound = (GLuint)number(gl, GL_TRANSFORM_FEEDBACK_BUFFER_BINDING);
	snprintf(source, sizeof(source),
		"#version 440\nlayout(xfb_buffer = 0, xfb_stride = %d) out;\n"
		"layout(xfb_offset = 0) out float v; void main() { v = 0; gl_Position = vec4(0); "
		"}\n",
		stride);
	begin_drawing(gl, &drawing, source);
	gl->BufferData(
		GL_ARRAY_BUFFER, stride * (GLsizeiptr)(count ? count : 1), NULL, GL_STREAM_DRAW);
	gl->BindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, drawing.made[2]);
	gl->BeginTransformFeedback(GL_POINTS);
	if (count)
		gl->DrawArrays(GL_POINTS, 0, (GLsizei)count);
	gl->EndTransformFeedback();
	gl->BindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0);
	gl->BindBuffer(GL_TRANSFORM_FEEDBACK_BUFFER, bound);
	end_drawing(gl, &drawing);
}

/* ---- ranges of buffers ---- */

static void ask_ranges(const struct driver *gl, struct range *ranges)
{
	for (GLuint i = 0; i < BUFFERS; i++) {
		GLint buffer = 0;
		gl->GetIntegeri_v(GL_TRANSFORM_FEEDBACK_BUFFER_BINDING, i, &buffer);
		gl->GetInteger64i_v(GL_TRANSFORM_FEEDBACK_BUFFER_START, i, &ranges[i].start);
		gl->GetInteger64i_v(GL_TRANSFORM_FEEDBACK_BUFFER_SIZE, i, &ranges[i].size);
		ranges[i].buffer = (GLuint)buffer;
	}
}

static void bind_range(const struct driver *gl, GLuint i, const struct range *range, GLint64 offset)
{
	GLint64 size = range->size;
	if (range->buffer && offset && !size)
		gl->GetNamedBufferParameteri64v(range->buffer, GL_BUFFER_SIZE, &size);
	if (!range->buffer || !size)
		gl->BindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, i, range->buffer);
	else if (size > offset)
		gl->BindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, i, range->buffer,
			range->start + offset, size - offset);
}

/* Each behind the vertices that were captured with the program. */
static void bind_ranges(
	const struct driver *gl, const struct range *ranges, GLuint program, GLuint64 vertices)
{
	const GLuint bound = (GLuint)number(gl, GL_TRANSFORM_FEEDBACK_BUFFER_BINDING);
	for (GLuint i = 0; i < BUFFERS; i++)
		bind_range(gl, i, &ranges[i],
			vertices ? stride_of(gl, program, (GLint)i) * (GLint64)vertices : 0);
	gl->BindBuffer(GL_TRANSFORM_FEEDBACK_BUFFER, bound);
}

/* ---- as it is begun and ended ---- */

static bool can_judge(const struct exec *x)
{
	return x->context && x->context->api == EGL_OPENGL_API && !x->in_begin &&
		!lists_compiling(x);
}

void proxy_glBeginTransformFeedback(struct exec *x, GLenum primitiveMode)
{
	if (!can_judge(x)) {
		x->driver->BeginTransformFeedback(primitiveMode);
		return;
	}
	exec_errors_take(x);
	x->driver->BeginTransformFeedback(primitiveMode);
	if (exec_errors_since(x))
		return;
	struct feedback *feedback = find_or_make(x->context->feedbacks, bound_name(x));
	if (feedback)
		*feedback = (struct feedback){.known = true,
			.name = feedback->name,
			.program = (GLuint)number(x->driver, GL_CURRENT_PROGRAM),
			.mode = primitiveMode,
			.ended = feedback->ended};
}

/* The capture ends that began behind an earlier one's vertices: it counts as one. Queries of the
 * program do not count what we draw. */
static void unite(struct exec *x, struct feedback *feedback)
{
	struct err err = ERR_INIT;
	struct take take = {.gl = x->driver, .names = x->names, .context = x->context, .err = &err};
	const struct driver *gl = x->driver;
	const GLint stride = stride_of(gl, feedback->program, 0);
	const GLuint driver = (GLuint)number(gl, GL_TRANSFORM_FEEDBACK_BINDING);
	take_queries_pause(&take);
	const GLuint64 count = feedback->before + (stride ? count_of(gl, driver, stride) : 0);
	feedback->shifted = false;
	feedback->before = 0;
	if (stride)
		capture(gl, stride, count);
	bind_ranges(gl, feedback->ranges, 0, 0);
	drop_errors(gl);
	take_queries_resume(&take);
	stream_finish(&take.out);
}

void proxy_glEndTransformFeedback(struct exec *x)
{
	if (!can_judge(x)) {
		x->driver->EndTransformFeedback();
		return;
	}
	exec_errors_take(x);
	x->driver->EndTransformFeedback();
	struct feedback *feedback =
		exec_errors_since(x) ? NULL : find(x->context->feedbacks, bound_name(x));
	if (feedback)
		feedback->ended = true;
	if (feedback && feedback->shifted)
		unite(x, feedback);
}

/* ---- snapshots ---- */

static bool has_used(const struct exec *x, unsigned opcode)
{
	return x->used[opcode / 64] >> (opcode % 64) & 1;
}

static bool draws_captured(const struct exec *x)
{
	return x->context->feedbacks->counted || has_used(x, WIRE_glDrawTransformFeedback) ||
		has_used(x, WIRE_glDrawTransformFeedbackInstanced) ||
		has_used(x, WIRE_glDrawTransformFeedbackStream) ||
		has_used(x, WIRE_glDrawTransformFeedbackStreamInstanced);
}

/* What drawing of our own would disturb or be disturbed by. */
static bool can_draw(struct take *t)
{
	GLint subroutines = 0;
	const GLuint program = (GLuint)take_integer(t, GL_CURRENT_PROGRAM);
	if (program)
		t->gl->GetProgramStageiv(program, GL_VERTEX_SHADER,
			GL_ACTIVE_SUBROUTINE_UNIFORM_LOCATIONS, &subroutines);
	if (program && !subroutines)
		t->gl->GetProgramStageiv(program, GL_FRAGMENT_SHADER,
			GL_ACTIVE_SUBROUTINE_UNIFORM_LOCATIONS, &subroutines);
	take_failed(t);
	if (!subroutines && !has_used(&t->context->exec, WIRE_glBeginConditionalRender))
		return true;
	take_refuse(t,
		"captured vertices beside subroutines or conditional rendering are not kept "
		"yet");
	return false;
}

static void put_captured(struct take *t, struct feedback *feedback, GLuint64 count)
{
	PUT(&t->out, ckFeedback, .program = names_known(t->names[NAMES_program], feedback->program),
		.mode = feedback->mode, .count = count);
}

static void put_count(struct take *t, GLuint name, GLuint driver)
{
	struct feedback *feedback = find(t->context->feedbacks, name);
	if (!feedback || !feedback->ended || feedback->active || t->refused)
		return;
	const GLint stride = stride_of(t->gl, feedback->program, 0);
	if (!stride)
		take_refuse(t, "what captured vertices is not known any more");
	else if (can_draw(t))
		put_captured(t, feedback, count_of(t->gl, driver, stride));
	take_failed(t);
}

/* One that is paused while another is bound. */
static void refuse_active(struct take *t, GLuint driver)
{
	GLint active = 0;
	t->gl->GetTransformFeedbackiv(driver, GL_TRANSFORM_FEEDBACK_ACTIVE, &active);
	if (!take_failed(t) && active)
		take_refuse(t, "transform feedback that is paused and not bound is not kept yet");
}

/* Makes all objects; their buffers come later. */
static void put_objects(struct take *t)
{
	struct names *names = t->names[NAMES_transform_feedback];
	const bool counts = draws_captured(&t->context->exec);
	const GLuint bound = (GLuint)take_integer(t, GL_TRANSFORM_FEEDBACK_BINDING);
	if (counts)
		put_count(t, 0, 0);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsTransformFeedback(driver);
		if (!made && names_foreign(driver))
			continue;
		PUT_NAME(&t->out, glGenTransformFeedbacks, ids, name);
		if (made)
			refuse_active(t, driver);
		if (!made || !counts || !find(t->context->feedbacks, name))
			continue;
		PUT(&t->out, glBindTransformFeedback, .target = GL_TRANSFORM_FEEDBACK, .id = name);
		put_count(t, name, driver);
		PUT(&t->out, glBindTransformFeedback, .target = GL_TRANSFORM_FEEDBACK);
	}
	t->gl->BindTransformFeedback(GL_TRANSFORM_FEEDBACK, bound);
	take_failed(t);
}

/* The vertices of the driver's capture join those before it, and the program's ranges come back. */
static void end_capture(struct take *t, struct feedback *feedback)
{
	const struct driver *gl = t->gl;
	const GLuint driver = (GLuint)take_integer(t, GL_TRANSFORM_FEEDBACK_BINDING);
	const GLint stride = stride_of(gl, feedback->program, 0);
	feedback->paused = take_integer(t, GL_TRANSFORM_FEEDBACK_PAUSED);
	if (!stride)
		take_refuse(
			t, "transform feedback of a pipeline that is under way is not kept yet");
	if (!stride || !can_draw(t))
		return;
	gl->EndTransformFeedback();
	if (!feedback->shifted)
		ask_ranges(gl, feedback->ranges);
	feedback->before += count_of(gl, driver, stride);
	feedback->active = true;
	feedback->shifted = true;
	bind_ranges(gl, feedback->ranges, 0, 0);
	take_failed(t);
}

void take_feedback_pause(struct take *t)
{
	const bool active = take_integer(t, GL_TRANSFORM_FEEDBACK_ACTIVE);
	struct feedback *feedback = find(t->context->feedbacks, bound_name(&t->context->exec));
	if (active && (t->context->api != EGL_OPENGL_API || !feedback))
		take_refuse(t, "transform feedback that is under way is not kept yet");
	else if (active)
		end_capture(t, feedback);
	if (!t->refused)
		put_objects(t);
}

/* Begins behind what was captured. */
static void go_on(const struct exec *x, const struct feedback *feedback)
{
	const struct driver *gl = x->driver;
	const GLuint current = (GLuint)number(gl, GL_CURRENT_PROGRAM);
	bind_ranges(gl, feedback->ranges, feedback->program, feedback->before);
	if (current != feedback->program)
		gl->UseProgram(feedback->program);
	gl->BeginTransformFeedback(feedback->mode);
	if (feedback->paused)
		gl->PauseTransformFeedback();
	if (current != feedback->program)
		gl->UseProgram(current);
}

void take_feedback_resume(struct take *t)
{
	struct feedback *feedback = find(t->context->feedbacks, bound_name(&t->context->exec));
	if (!feedback || !feedback->active)
		return;
	feedback->active = false;
	go_on(&t->context->exec, feedback);
	take_failed(t);
	PUT(&t->out, ckFeedbackGo,
		.program = take_name(
			t, NAMES_program, feedback->program, "program", "transform feedback"),
		.mode = feedback->mode, .paused = feedback->paused, .ended = feedback->ended,
		.count = feedback->before);
}

/* Of the object that is bound: it has captured that many. */
void proxy_ckFeedback(struct exec *x, GLuint program, GLenum mode, GLuint64 count)
{
	const GLint stride = stride_of(x->driver, program, 0);
	if (!x->rebuilding || !x->context || stride <= 0 || stride > 4096 || count > INT32_MAX) {
		exec_refuse(x, "a message of snapshots");
		return;
	}
	struct feedback *feedback = find_or_make(x->context->feedbacks, bound_name(x));
	x->context->feedbacks->counted = true;
	capture(x->driver, stride, count);
	if (feedback)
		*feedback = (struct feedback){.known = true,
			.name = feedback->name,
			.program = program,
			.mode = mode,
			.ended = true};
}

void proxy_ckFeedbackGo(struct exec *x, GLuint program, GLenum mode, GLboolean paused,
	GLboolean ended, GLuint64 count)
{
	if (!x->rebuilding || !x->context || !program || count > INT32_MAX) {
		exec_refuse(x, "a message of snapshots");
		return;
	}
	struct feedback *feedback = find_or_make(x->context->feedbacks, bound_name(x));
	if (!feedback)
		return;
	*feedback = (struct feedback){.known = true,
		.name = feedback->name,
		.program = program,
		.mode = mode,
		.paused = paused,
		.ended = ended,
		.shifted = true,
		.before = count};
	ask_ranges(x->driver, feedback->ranges);
	go_on(x, feedback);
}
