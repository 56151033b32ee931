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

const struct kind kinds_feedback[] = {{"feedback", begin_feedback, end_feedback, 0}, {0}};
