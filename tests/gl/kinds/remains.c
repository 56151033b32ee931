/* Objects that are deleted and still used by others: of framebuffers, of vertex arrays. */
#include "kinds.h"

static GLuint framebuffers[2];

static void make_image(GLuint name, GLenum format, GLfloat red)
{
	const GLfloat colour[] = {red, 0.5f, 0.25f, 1};
	glBindTexture(GL_TEXTURE_2D, name);
	glTexStorage2D(GL_TEXTURE_2D, 2, format, 64, 64);
	glClearTexImage(name, 1, GL_RGBA, GL_FLOAT, colour);
}

static void begin_attached(void)
{
	GLuint texture, depths, other;
	glGenFramebuffers(2, framebuffers);
	glGenTextures(1, &texture);
	make_image(texture, GL_RGBA16F, 1);
	glGenRenderbuffers(1, &depths);
	glBindRenderbuffer(GL_RENDERBUFFER, depths);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT, 32, 32);
	for (int i = 0; i < 2; i++) {
		glBindFramebuffer(GL_FRAMEBUFFER, framebuffers[i]);
		glFramebufferTexture2D(
			GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 1);
		glFramebufferRenderbuffer(
			GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, depths);
	}
	glViewport(0, 0, 32, 32);
	glEnable(GL_DEPTH_TEST);
	glClear(GL_DEPTH_BUFFER_BIT);
	fill(8, 8, 40, 40, 0, 1, 1);
	glActiveTexture(GL_TEXTURE3);
	glBindTexture(GL_TEXTURE_2D, texture);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteTextures(1, &texture);
	glDeleteRenderbuffers(1, &depths);
	glActiveTexture(GL_TEXTURE0);
	glGenTextures(1, &other); /* by the same name */
	make_image(other, GL_RGBA8, 0);
}

static void end_attached(void)
{
	GLint bound = -1, kind = -1, status[2];
	for (int i = 0; i < 2; i++) {
		glBindFramebuffer(GL_FRAMEBUFFER, framebuffers[i]);
		status[i] = (GLint)glCheckFramebufferStatus(GL_FRAMEBUFFER);
	}
	glGetFramebufferAttachmentParameteriv(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE, &kind);
	glActiveTexture(GL_TEXTURE3);
	glGetIntegerv(GL_TEXTURE_BINDING_2D, &bound);
	say("0x%x 0x%x 0x%x, bound %d", (unsigned)status[0], (unsigned)status[1], (unsigned)kind,
		bound);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffers[0]);
	say_picture("deleted");
	glDepthFunc(GL_LESS);
	fill(20, 20, 60, 60, 1, 0, 0);
	say_picture("drawn over");
	glDeleteFramebuffers(1, &framebuffers[0]);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffers[1]);
	say_picture("by another");
}

/* ---- */

static GLuint arrays[2], program;

static void make_array(GLuint array, GLfloat size)
{
	const GLfloat places[] = {-size, -size, size, -size, -size, size, size, size};
	static const GLushort indices[] = {0, 1, 2, 2, 1, 3};
	GLuint buffers[2];
	glGenBuffers(2, buffers);
	glBindVertexArray(array);
	glBindBuffer(GL_ARRAY_BUFFER, buffers[0]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(places), places, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, buffers[1]);
	glBufferData(GL_ELEMENT_ARRAY_BUFFER, sizeof(indices), indices, GL_STATIC_DRAW);
	glBindVertexArray(0);
	glBindBufferBase(GL_UNIFORM_BUFFER, 2, buffers[0]);
	glDeleteBuffers(2, buffers);
}

/* Each takes the names that the one before left. */
static void begin_arrays(void)
{
	program = make_program("#version 330\nlayout(location = 0) in vec2 place;\n"
			       "void main() { gl_Position = vec4(place, 0, 1); }\n",
		"#version 330\nout vec4 colour; void main() { colour = vec4(1, 0.5, 0, 1); }\n");
	glGenVertexArrays(2, arrays);
	make_array(arrays[0], 0.75f);
	make_array(arrays[1], 0.25f);
}

static void end_arrays(void)
{
	GLint array = -1, whole = -1;
	glGetIntegerv(GL_ARRAY_BUFFER_BINDING, &array);
	glGetIntegeri_v(GL_UNIFORM_BUFFER_BINDING, 2, &whole);
	say("bound %d %d", array, whole);
	glUseProgram(program);
	for (int i = 2; i-- > 0;) {
		glBindVertexArray(arrays[i]);
		glDrawElements(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, NULL);
		say_picture("array");
	}
	glBindVertexArray(0);
	glDeleteVertexArrays(2, arrays);
}

const struct kind kinds_remains[] = {{"attached", begin_attached, end_attached, 0},
	{"array-buffers", begin_arrays, end_arrays, KIND_CORE}, {0}};
