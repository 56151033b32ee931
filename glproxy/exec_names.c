/*
 * Names and errors on their way between the program and the driver.
 */
#include "glproxy/exec.h"

#include "glproxy/context.h"

#include <string.h>

GLuint exec_name(struct exec *x, enum names_class cls, GLuint name)
{
	return names_to_driver(x->names[cls], name);
}

/* In place: what came inline is our copy, what lies in the arena nobody reads again. */
void exec_names(struct exec *x, enum names_class cls, int64_t count, const GLuint *names)
{
	GLuint *change = (GLuint *)(uintptr_t)names;
	exec_changes(x, names);
	for (int64_t i = 0; names && i < count; i++)
		change[i] = exec_name(x, cls, names[i]);
}

void exec_names_copy(
	struct exec *x, enum names_class cls, GLsizei count, const GLuint *from, GLuint *to)
{
	for (GLsizei i = 0; from && i < count; i++)
		to[i] = exec_name(x, cls, from[i]);
}

void exec_names_made(struct exec *x, enum names_class cls, GLsizei count, const GLuint *program,
	const GLuint *driver)
{
	for (GLsizei i = 0; program && i < count; i++)
		names_bind(x->names[cls], program[i], driver[i]);
}

void exec_name_made(struct exec *x, enum names_class cls, GLuint program, GLuint driver)
{
	names_bind(x->names[cls], program, driver);
}

void exec_names_dropped(struct exec *x, enum names_class cls, GLsizei count, const GLuint *program)
{
	for (GLsizei i = 0; program && i < count; i++)
		names_drop(x->names[cls], program[i]);
}

void exec_names_back(struct exec *x, enum names_class cls, GLsizei count, GLuint *names)
{
	for (GLsizei i = 0; names && i < count; i++)
		if (names[i])
			names[i] = names_to_program(x->names[cls], names[i]);
}

void exec_name_back_integer(struct exec *x, enum names_class cls, void *value, size_t element)
{
	if (!value || cls == NAMES_none || element < sizeof(GLuint))
		return;
	GLuint *name = value; /* little-endian: the low half of 64 bits */
	if (*name)
		*name = names_to_program(x->names[cls], *name);
}

void exec_name_back_float(struct exec *x, enum names_class cls, void *value, size_t element)
{
	GLfloat *name = value;
	if (name && cls != NAMES_none && *name >= 1)
		*name = (GLfloat)names_to_program(x->names[cls], (GLuint)*name);
}

void exec_name_back_double(struct exec *x, enum names_class cls, void *value, size_t element)
{
	GLdouble *name = value;
	if (name && cls != NAMES_none && *name >= 1)
		*name = names_to_program(x->names[cls], (GLuint)*name);
}

static enum names_class class_of_type(GLint type)
{
	return type == GL_TEXTURE         ? NAMES_texture
		: type == GL_RENDERBUFFER ? NAMES_renderbuffer
					  : NAMES_none;
}

enum names_class exec_attachment_class(
	struct exec *x, GLenum target, GLenum attachment, GLenum pname)
{
	GLint type = 0;
	if (pname == GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME)
		x->driver->GetFramebufferAttachmentParameteriv(
			target, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE, &type);
	return class_of_type(type);
}

enum names_class exec_named_attachment_class(
	struct exec *x, GLuint framebuffer, GLenum attachment, GLenum pname)
{
	GLint type = 0;
	if (pname == GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME)
		x->driver->GetNamedFramebufferAttachmentParameteriv(
			framebuffer, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE, &type);
	return class_of_type(type);
}

/* ---- errors ---- */

void exec_error(struct exec *x, GLenum error)
{
	if (!x->error)
		x->error = error;
}

GLenum exec_errors_since(struct exec *x)
{
	const GLenum first = x->driver->GetError();
	for (GLenum error = first; error && error != GL_CONTEXT_LOST; error = x->driver->GetError())
		exec_error(x, error);
	return first;
}

void exec_errors_take(struct exec *x)
{
	exec_errors_since(x);
}
