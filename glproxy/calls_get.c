/*
 * Answers: values that may be names or belong to the window, strings, uniforms, errors.
 */
#include "glproxy/accum.h"
#include "glproxy/context.h"
#include "glproxy/lists.h"
#include "glproxy/surface.h"
#include "glproxy/told.h"
#include "hand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_accum_bits(GLenum pname)
{
	return pname == GL_ACCUM_RED_BITS || pname == GL_ACCUM_GREEN_BITS ||
		pname == GL_ACCUM_BLUE_BITS || pname == GL_ACCUM_ALPHA_BITS;
}

/* GL_DOUBLEBUFFER is about the program's window, not about our pbuffer; that has no accumulation
 * buffer. */
static bool of_window(struct exec *x, GLenum pname, GLint *value)
{
	GLint bound = 0;
	if (is_accum_bits(pname)) {
		*value = ACCUM_BITS;
		return accum_has(x->context);
	}
	if (pname != GL_DOUBLEBUFFER || !x->context || !x->context->draw)
		return false;
	x->driver->GetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &bound);
	*value = x->context->draw->flags & SURFACE_DOUBLE ? 1 : 0;
	return !bound;
}

static bool of_ours(struct exec *x, GLenum pname, GLint *value)
{
	if (pname == GL_NUM_EXTENSIONS && x->context && told_of(x->context)) {
		*value = told_extension_count(x->context->told);
		return true;
	}
	*value = 0;
	return pname == GL_NUM_PROGRAM_BINARY_FORMATS || lists_answer(x, pname, value) ||
		of_window(x, pname, value);
}

/* How many values were told, and are the program's to have. */
static int64_t of_told(struct exec *x, GLenum pname, double values[2])
{
	if (!x->context || x->in_begin || !told_limit(told_of(x->context), pname, values))
		return 0;
	const int64_t count = wire_get_count(&x->state, pname);
	return count < 2 ? count : 2;
}

/* As GL_DOUBLEBUFFER is in glGet. */
void proxy_glGetFramebufferParameteriv(struct exec *x, GLenum target, GLenum pname, GLint *params)
{
	GLint bound = 0;
	x->driver->GetFramebufferParameteriv(target, pname, params);
	x->driver->GetIntegerv(target == GL_READ_FRAMEBUFFER ? GL_READ_FRAMEBUFFER_BINDING
							     : GL_DRAW_FRAMEBUFFER_BINDING,
		&bound);
	if (params && pname == GL_DOUBLEBUFFER && !bound && x->context && x->context->draw)
		*params = x->context->draw->flags & SURFACE_DOUBLE ? 1 : 0;
}

void proxy_glGetNamedFramebufferParameteriv(
	struct exec *x, GLuint framebuffer, GLenum pname, GLint *param)
{
	x->driver->GetNamedFramebufferParameteriv(framebuffer, pname, param);
	if (param && pname == GL_DOUBLEBUFFER && !framebuffer && x->context && x->context->draw)
		*param = x->context->draw->flags & SURFACE_DOUBLE ? 1 : 0;
}

#define GET(suffix, type, convert)                                              \
	void proxy_glGet##suffix(struct exec *x, GLenum pname, type *data)      \
	{                                                                       \
		GLint value;                                                    \
		double told[2];                                                 \
		if (!data || pname == GL_PROGRAM_BINARY_FORMATS)                \
			return;                                                 \
		const int64_t count = of_told(x, pname, told);                  \
		for (int64_t i = 0; i < count; i++)                             \
			data[i] = (type)convert(told[i]);                       \
		if (count)                                                      \
			return;                                                 \
		if (of_ours(x, pname, &value)) {                                \
			*data = (type)value;                                    \
			return;                                                 \
		}                                                               \
		exec_errors_take(x);                                            \
		x->driver->Get##suffix(pname, data);                            \
		x->refused = exec_errors_since(x);                              \
		exec_name_back(x, wire_name_class(pname), data, sizeof(*data)); \
	}

GET(Booleanv, GLboolean, 0 !=)
GET(Integerv, GLint, llround)
GET(Integer64v, GLint64, llround)
GET(Floatv, GLfloat, )
GET(Doublev, GLdouble, )

GLenum proxy_glGetError(struct exec *x)
{
	const GLenum first = x->error;
	x->error = GL_NO_ERROR;
	return first ? first : x->driver->GetError();
}

void proxy_ckError(struct exec *x, GLenum error)
{
	exec_errors_take(x);
	exec_error(x, error);
}

/* ---- strings ---- */

static const char *driver_text(struct exec *x, GLenum name, GLint index)
{
	return index < 0 ? (const char *)x->driver->GetString(name)
			 : (const char *)x->driver->GetStringi(name, (GLuint)index);
}

/* The driver is asked in any case: it knows what is an error. */
static const char *find_text(struct exec *x, GLenum name, GLint index, size_t *length)
{
	const struct told *told = x->context ? told_of(x->context) : NULL;
	const bool extension = name == GL_EXTENSIONS && index >= 0;
	const char *said = extension && told ? NULL : driver_text(x, name, index);
	if (extension && told)
		return told_extension(told, index, length);
	if (said && index < 0 && told_text(told, name))
		said = told_text(told, name);
	if (said)
		*length = strlen(said);
	return said;
}

GLuint proxy_ckText(struct exec *x, GLenum name, GLint index, GLuint size, GLchar *text)
{
	size_t length = 0;
	if (!text || size < 2)
		return 0;
	const char *found = find_text(x, name, index, &length);
	if (!found) {
		if (index >= 0 && name == GL_EXTENSIONS && x->context && x->context->told)
			exec_error(x, GL_INVALID_VALUE);
		return 0;
	}
	if (length > size - 1)
		length = size - 1;
	memcpy(text, found, length);
	text[length] = '\0';
	return (GLuint)length + 1;
}

/* ---- uniforms: only the driver knows how many values there are ---- */

static void get_uniform(
	const struct driver *gl, GLenum type, GLuint program, GLint location, void *values)
{
	switch (type) {
	case GL_FLOAT:
		gl->GetUniformfv(program, location, values);
		break;
	case GL_INT:
		gl->GetUniformiv(program, location, values);
		break;
	case GL_UNSIGNED_INT:
		gl->GetUniformuiv(program, location, values);
		break;
	case GL_DOUBLE:
		gl->GetUniformdv(program, location, values);
		break;
	case GL_INT64_ARB:
		gl->GetUniformi64vARB(program, location, values);
		break;
	case GL_UNSIGNED_INT64_ARB:
		gl->GetUniformui64vARB(program, location, values);
		break;
	default:
		break;
	}
}

/* Bytes written are those that come out the same over two different fillings. */
GLuint proxy_ckUniform(struct exec *x, GLenum type, GLuint program, GLint location, GLubyte *values)
{
	_Alignas(8) GLubyte first[128], second[128];
	if (!values)
		return 0;
	memset(first, 0x5a, sizeof(first));
	memset(second, 0xa5, sizeof(second));
	get_uniform(x->driver, type, program, location, first);
	get_uniform(x->driver, type, program, location, second);
	GLuint count = 0;
	while (count < sizeof(first) && first[count] == second[count])
		count++;
	memcpy(values, first, count);
	return count;
}

/* ---- names of many kinds ---- */

static enum names_class class_of(GLenum identifier)
{
	switch (identifier) {
	case GL_TEXTURE:
		return NAMES_texture;
	case GL_BUFFER:
	case GL_BUFFER_OBJECT_EXT:
		return NAMES_buffer;
	case GL_RENDERBUFFER:
		return NAMES_renderbuffer;
	case GL_SAMPLER:
		return NAMES_sampler;
	case GL_SHADER:
	case GL_PROGRAM:
	case GL_SHADER_OBJECT_EXT:
	case GL_PROGRAM_OBJECT_EXT:
		return NAMES_program;
	case GL_FRAMEBUFFER:
		return NAMES_framebuffer;
	case GL_VERTEX_ARRAY:
	case GL_VERTEX_ARRAY_OBJECT_EXT:
		return NAMES_vertex_array;
	case GL_QUERY:
	case GL_QUERY_OBJECT_EXT:
		return NAMES_query;
	case GL_TRANSFORM_FEEDBACK:
		return NAMES_transform_feedback;
	case GL_PROGRAM_PIPELINE:
	case GL_PROGRAM_PIPELINE_OBJECT_EXT:
		return NAMES_program_pipeline;
	default:
		return NAMES_none;
	}
}

static GLuint named(struct exec *x, GLenum identifier, GLuint name)
{
	const enum names_class cls = class_of(identifier);
	return cls == NAMES_none ? name : exec_name(x, cls, name);
}

void proxy_glObjectLabel(
	struct exec *x, GLenum identifier, GLuint name, GLsizei length, const GLchar *label)
{
	x->driver->ObjectLabel(identifier, named(x, identifier, name), length, label);
}

void proxy_glGetObjectLabel(struct exec *x, GLenum identifier, GLuint name, GLsizei bufSize,
	GLsizei *length, GLchar *label)
{
	x->driver->GetObjectLabel(identifier, named(x, identifier, name), bufSize, length, label);
}

void proxy_glLabelObjectEXT(
	struct exec *x, GLenum type, GLuint object, GLsizei length, const GLchar *label)
{
	x->driver->LabelObjectEXT(type, named(x, type, object), length, label);
}

void proxy_glGetObjectLabelEXT(
	struct exec *x, GLenum type, GLuint object, GLsizei bufSize, GLsizei *length, GLchar *label)
{
	x->driver->GetObjectLabelEXT(type, named(x, type, object), bufSize, length, label);
}

void proxy_glObjectPtrLabel(struct exec *x, const void *ptr, GLsizei length, const GLchar *label)
{
	x->driver->ObjectPtrLabel(exec_handle(x, (uintptr_t)ptr), length, label);
}

void proxy_glGetObjectPtrLabel(
	struct exec *x, const void *ptr, GLsizei bufSize, GLsizei *length, GLchar *label)
{
	x->driver->GetObjectPtrLabel(exec_handle(x, (uintptr_t)ptr), bufSize, length, label);
}

GLhandleARB proxy_glGetHandleARB(struct exec *x, GLenum pname)
{
	const GLhandleARB handle = x->driver->GetHandleARB(pname);
	return handle ? names_to_program(x->names[NAMES_program], handle) : 0;
}

static GLuint image_name(struct exec *x, GLenum target, GLuint name)
{
	return exec_name(x, target == GL_RENDERBUFFER ? NAMES_renderbuffer : NAMES_texture, name);
}

void proxy_glCopyImageSubData(struct exec *x, GLuint srcName, GLenum srcTarget, GLint srcLevel,
	GLint srcX, GLint srcY, GLint srcZ, GLuint dstName, GLenum dstTarget, GLint dstLevel,
	GLint dstX, GLint dstY, GLint dstZ, GLsizei srcWidth, GLsizei srcHeight, GLsizei srcDepth)
{
	x->driver->CopyImageSubData(image_name(x, srcTarget, srcName), srcTarget, srcLevel, srcX,
		srcY, srcZ, image_name(x, dstTarget, dstName), dstTarget, dstLevel, dstX, dstY,
		dstZ, srcWidth, srcHeight, srcDepth);
}

void proxy_glCopyImageSubDataNV(struct exec *x, GLuint srcName, GLenum srcTarget, GLint srcLevel,
	GLint srcX, GLint srcY, GLint srcZ, GLuint dstName, GLenum dstTarget, GLint dstLevel,
	GLint dstX, GLint dstY, GLint dstZ, GLsizei width, GLsizei height, GLsizei depth)
{
	x->driver->CopyImageSubDataNV(image_name(x, srcTarget, srcName), srcTarget, srcLevel, srcX,
		srcY, srcZ, image_name(x, dstTarget, dstName), dstTarget, dstLevel, dstX, dstY,
		dstZ, width, height, depth);
}
