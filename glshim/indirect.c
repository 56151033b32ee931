/*
 * Indirect draws. The commands lie in a buffer or in the program's memory; with vertex arrays in
 * the program's memory as well each command is read here and becomes a draw of its own.
 */
#include "glshim/call.h"

#include "entries.h"

#include <string.h>

struct arrays_command {
	GLuint count, instances, first, baseinstance;
};

struct elements_command {
	GLuint count, instances, first;
	GLint basevertex;
	GLuint baseinstance;
};

static void read_command(const void *indirect, size_t at, void *command, size_t size)
{
	const char *from = (const char *)indirect + at;
	if (shim_current->state.buffer[WIRE_DRAW_INDIRECT_BUFFER])
		shim_glGetBufferSubData(GL_DRAW_INDIRECT_BUFFER, (GLintptr)(uintptr_t)from,
			(GLsizeiptr)size, command);
	else
		memcpy(command, from, size);
}

static void draw_arrays(GLenum mode, const void *indirect, size_t at)
{
	struct arrays_command command = {0};
	read_command(indirect, at, &command, sizeof(command));
	shim_glDrawArraysInstancedBaseInstance(mode, (GLint)command.first, (GLsizei)command.count,
		(GLsizei)command.instances, command.baseinstance);
}

static void draw_elements(GLenum mode, GLenum type, const void *indirect, size_t at)
{
	struct elements_command command = {0};
	const size_t bytes = type == GL_UNSIGNED_INT ? 4 : type == GL_UNSIGNED_SHORT ? 2 : 1;
	read_command(indirect, at, &command, sizeof(command));
	shim_glDrawElementsInstancedBaseVertexBaseInstance(mode, (GLsizei)command.count, type,
		(const void *)(uintptr_t)(command.first * bytes), (GLsizei)command.instances,
		command.basevertex, command.baseinstance);
}

void shim_glDrawArraysIndirect(GLenum mode, const void *indirect)
{
	if (!shim_current->state.vao->client)
		send_glDrawArraysIndirect(mode, indirect);
	else
		draw_arrays(mode, indirect, 0);
}

void shim_glDrawElementsIndirect(GLenum mode, GLenum type, const void *indirect)
{
	const struct wire_vao *vao = shim_current->state.vao;
	if (!vao->client || !vao->element)
		send_glDrawElementsIndirect(mode, type, indirect);
	else
		draw_elements(mode, type, indirect, 0);
}

void shim_glMultiDrawArraysIndirect(
	GLenum mode, const void *indirect, GLsizei drawcount, GLsizei stride)
{
	const size_t step = stride ? (size_t)stride : sizeof(struct arrays_command);
	if (!shim_current->state.vao->client || stride < 0) {
		send_glMultiDrawArraysIndirect(mode, indirect, drawcount, stride);
		return;
	}
	for (GLsizei i = 0; i < drawcount; i++)
		draw_arrays(mode, indirect, (size_t)i * step);
}

void shim_glMultiDrawElementsIndirect(
	GLenum mode, GLenum type, const void *indirect, GLsizei drawcount, GLsizei stride)
{
	const struct wire_vao *vao = shim_current->state.vao;
	const size_t step = stride ? (size_t)stride : sizeof(struct elements_command);
	if (!vao->client || !vao->element || stride < 0) {
		send_glMultiDrawElementsIndirect(mode, type, indirect, drawcount, stride);
		return;
	}
	for (GLsizei i = 0; i < drawcount; i++)
		draw_elements(mode, type, indirect, (size_t)i * step);
}
