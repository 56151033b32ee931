/* Transform feedback: objects with their buffers, between two uses. */
#include "kinds.h"

static GLuint program, objects[2], buffers[2];

static void capture(float offset)
{
	glUseProgram(program);
	glVertexAttrib1f(1, offset);
	glEnable(GL_RASTERIZER_DISCARD);
	glBeginTransformFeedback(GL_POINTS);
	glBegin(GL_POINTS);
	for (int i = 0; i < 4; i++)
		glVertex2f((float)i, offset);
	glEnd();
	glEndTransformFeedback();
	glDisable(GL_RASTERIZER_DISCARD);
}

static void begin_feedback(void)
{
	static const char *const varyings[] = {"doubled"};
	program = make_program(
		"#version 450 compatibility\n"
		"out vec2 doubled; void main() { doubled = gl_Vertex.xy * 2; gl_Position = "
		"gl_Vertex; }\n",
		NULL);
	glTransformFeedbackVaryings(program, 1, varyings, GL_INTERLEAVED_ATTRIBS);
	glLinkProgram(program);
	glGenTransformFeedbacks(2, objects);
	glGenBuffers(2, buffers);
	for (int i = 0; i < 2; i++) {
		glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, objects[i]);
		glBindBuffer(GL_TRANSFORM_FEEDBACK_BUFFER, buffers[i]);
		glBufferData(GL_TRANSFORM_FEEDBACK_BUFFER, 64, NULL, GL_STREAM_READ);
		glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffers[i], 0, 32);
		capture((float)i + 0.5f);
	}
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, objects[0]);
}

static void say_buffer(GLuint buffer)
{
	float values[8] = {0};
	glBindBuffer(GL_COPY_READ_BUFFER, buffer);
	glGetBufferSubData(GL_COPY_READ_BUFFER, 0, sizeof(values), values);
	say("%g %g ... %g %g", (double)values[0], (double)values[1], (double)values[6],
		(double)values[7]);
}

static void end_feedback(void)
{
	GLint size = 0, bound = 0;
	glGetIntegerv(GL_TRANSFORM_FEEDBACK_BINDING, &bound);
	say("bound %d", bound == (GLint)objects[0]);
	say_buffer(buffers[0]);
	say_buffer(buffers[1]);
	capture(7);
	say_buffer(buffers[0]);
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, objects[1]);
	glGetIntegeri_v(GL_TRANSFORM_FEEDBACK_BUFFER_SIZE, 0, &size);
	say("size %d", size);
	capture(8);
	say_buffer(buffers[0]);
	say_buffer(buffers[1]);
}

/* ---- captured vertices that are drawn without saying how many ---- */

static GLuint drawn[2], captured[2], shape;

static void make_shape(void)
{
	static const char *const varyings[] = {"place", "colour"};
	shape = make_program(
		"#version 450 compatibility\n"
		"out vec2 place; out vec4 colour; void main() { place = gl_Vertex.xy * 0.5;\n"
		"colour = gl_Color; gl_Position = vec4(place, 0, 1); }\n",
		NULL);
	glTransformFeedbackVaryings(shape, 2, varyings, GL_INTERLEAVED_ATTRIBS);
	glLinkProgram(shape);
}

static void shape_vertices(int first, int count)
{
	glBegin(GL_TRIANGLES);
	for (int i = first; i < first + count; i++) {
		glColor3f(i % 3 == 0, i % 3 == 1, (float)i / 16);
		glVertex2f((float)(i % 4) - 1.5f, (float)(i / 4) - 1.5f + (float)(i % 3) / 2);
	}
	glEnd();
}

static void draw_captured(int which)
{
	glUseProgram(0);
	glBindBuffer(GL_ARRAY_BUFFER, captured[which]);
	glVertexPointer(2, GL_FLOAT, 24, NULL);
	glColorPointer(4, GL_FLOAT, 24, (const char *)NULL + 8);
	glEnableClientState(GL_VERTEX_ARRAY);
	glEnableClientState(GL_COLOR_ARRAY);
	glClear(GL_COLOR_BUFFER_BIT);
	glDrawTransformFeedback(GL_TRIANGLES, drawn[which]);
	glDisableClientState(GL_VERTEX_ARRAY);
	glDisableClientState(GL_COLOR_ARRAY);
	glBindBuffer(GL_ARRAY_BUFFER, 0);
}

static void make_objects(void)
{
	make_shape();
	glGenTransformFeedbacks(2, drawn);
	glGenBuffers(2, captured);
	for (int i = 0; i < 2; i++) {
		glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, drawn[i]);
		glBindBuffer(GL_TRANSFORM_FEEDBACK_BUFFER, captured[i]);
		glBufferData(GL_TRANSFORM_FEEDBACK_BUFFER, 2400, NULL, GL_STREAM_DRAW);
		glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, captured[i]);
	}
	glEnable(GL_RASTERIZER_DISCARD);
	glUseProgram(shape);
}

static void capture_shape(int which, int count)
{
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, drawn[which]);
	glBeginTransformFeedback(GL_TRIANGLES);
	shape_vertices(0, count);
	glEndTransformFeedback();
}

static void begin_captured(void)
{
	make_objects();
	capture_shape(0, 12);
	capture_shape(1, 6);
	glDisable(GL_RASTERIZER_DISCARD);
	draw_captured(0);
}

static void end_captured(void)
{
	say_picture("before");
	draw_captured(1);
	say_picture("one");
	draw_captured(0);
	say_picture("other");
}

/* ---- under way, and paused beside another program ---- */

static void begin_under_way(void)
{
	make_objects();
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, drawn[0]);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, captured[0]);
	glBeginTransformFeedback(GL_TRIANGLES);
	shape_vertices(0, 6);
}

static void end_under_way(void)
{
	GLint active = 0, size = -1;
	glGetIntegerv(GL_TRANSFORM_FEEDBACK_ACTIVE, &active);
	shape_vertices(6, 6);
	glEndTransformFeedback();
	glGetIntegeri_v(GL_TRANSFORM_FEEDBACK_BUFFER_SIZE, 0, &size);
	say("active %d, size %d", active, size);
	glDisable(GL_RASTERIZER_DISCARD);
	draw_captured(0);
	say_picture("both parts");
	glEnable(GL_RASTERIZER_DISCARD);
	glUseProgram(shape);
	capture_shape(0, 3);
	glDisable(GL_RASTERIZER_DISCARD);
	draw_captured(0);
	say_picture("again");
}

static GLuint paused_query;

static void begin_paused(void)
{
	make_objects();
	glGenQueries(1, &paused_query);
	glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, paused_query);
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, drawn[0]);
	glBeginTransformFeedback(GL_TRIANGLES);
	shape_vertices(0, 9);
	glPauseTransformFeedback();
	glUseProgram(0);
	glDisable(GL_RASTERIZER_DISCARD);
	fill(0, 0, 20, 20, 1, 0, 0);
}

static void end_paused(void)
{
	GLint active = 0, paused = 0;
	GLuint written = 0;
	glGetIntegerv(GL_TRANSFORM_FEEDBACK_ACTIVE, &active);
	glGetIntegerv(GL_TRANSFORM_FEEDBACK_PAUSED, &paused);
	fill(20, 20, 40, 40, 0, 1, 0);
	say_picture("beside");
	glUseProgram(shape);
	glResumeTransformFeedback();
	glEnable(GL_RASTERIZER_DISCARD);
	shape_vertices(9, 3);
	glEndTransformFeedback();
	glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
	glGetQueryObjectuiv(paused_query, GL_QUERY_RESULT, &written);
	say("active %d, paused %d, %u written", active, paused, written);
	glDisable(GL_RASTERIZER_DISCARD);
	draw_captured(0);
	say_picture("both parts");
}

const struct kind kinds_feedback[] = {{"feedback", begin_feedback, end_feedback, 0},
	{"captured", begin_captured, end_captured, 0},
	{"under-way", begin_under_way, end_under_way, 0}, {"paused", begin_paused, end_paused, 0},
	{0}};
