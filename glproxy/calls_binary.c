/*
 * Program binaries (OpenGL 4.6, 7.5): there are none. A binary is good for one build of one driver;
 * a program that keeps some would find them refused after a restore on another. GL lets a driver
 * offer no format, and programs that look for one go on with their sources.
 */
#include "glproxy/context.h"
#include "hand.h"

void proxy_glGetProgramiv(struct exec *x, GLuint program, GLenum pname, GLint *params)
{
	x->driver->GetProgramiv(program, pname, params);
	if (params && pname == GL_PROGRAM_BINARY_LENGTH)
		*params = 0;
}

/* The errors that come first are the driver's, and those of a size. */
static bool may_be_asked(struct exec *x, GLuint program, GLsizei size)
{
	GLint linked = 0;
	exec_errors_take(x);
	x->driver->GetProgramiv(program, GL_LINK_STATUS, &linked);
	if (exec_errors_since(x))
		return false;
	if (size < 0)
		exec_error(x, GL_INVALID_VALUE);
	return size >= 0;
}

void proxy_glGetProgramBinary(struct exec *x, GLuint program, GLsizei bufSize, GLsizei *length,
	GLenum *binaryFormat, void *binary)
{
	x->refused = true;
	if (may_be_asked(x, program, bufSize))
		exec_error(x, GL_INVALID_OPERATION);
}

void proxy_glProgramBinary(
	struct exec *x, GLuint program, GLenum binaryFormat, const void *binary, GLsizei length)
{
	if (may_be_asked(x, program, length))
		exec_error(x, GL_INVALID_ENUM);
}
