/*
 * State that only the program's side has: addresses, selection and feedback, flush and finish.
 */
#include "glshim/call.h"

#include "entries.h"

#include <string.h>

void shim_glFlush(void)
{
	send_glFlush();
	shim_kick(shim_current);
}

/* Pixels outside of the framebuffer are undefined, and drivers leave them as they were: where the
 * rectangle may go beyond it, what the program has there comes along. */
void shim_glReadPixels(
	GLint x, GLint y, GLsizei width, GLsizei height, GLenum format, GLenum type, void *pixels)
{
	struct shim_context *self = shim_current;
	const GLint *v = self->state.viewport;
	const bool inside = x >= v[0] && y >= v[1] && x >= 0 && y >= 0 &&
		(int64_t)x + width <= (int64_t)v[0] + v[2] &&
		(int64_t)y + height <= (int64_t)v[1] + v[3];
	self->brings = !inside;
	send_glReadPixels(x, y, width, height, format, type, pixels);
	self->brings = false;
}

void shim_glFinish(void)
{
	send_glFinish();
}

/* ---- addresses of arrays ---- */

static void *address(const struct wire_state *st, int slot)
{
	if (slot < 0)
		return NULL;
	return (void *)(uintptr_t)st->vao->binding[slot].at;
}

static GLenum array_of(GLenum pname)
{
	switch (pname) {
	case GL_VERTEX_ARRAY_POINTER:
		return GL_VERTEX_ARRAY;
	case GL_NORMAL_ARRAY_POINTER:
		return GL_NORMAL_ARRAY;
	case GL_COLOR_ARRAY_POINTER:
		return GL_COLOR_ARRAY;
	case GL_INDEX_ARRAY_POINTER:
		return GL_INDEX_ARRAY;
	case GL_TEXTURE_COORD_ARRAY_POINTER:
		return GL_TEXTURE_COORD_ARRAY;
	case GL_EDGE_FLAG_ARRAY_POINTER:
		return GL_EDGE_FLAG_ARRAY;
	case GL_FOG_COORD_ARRAY_POINTER:
		return GL_FOG_COORD_ARRAY;
	case GL_SECONDARY_COLOR_ARRAY_POINTER:
		return GL_SECONDARY_COLOR_ARRAY;
	case 0x898C: /* GL_POINT_SIZE_ARRAY_POINTER_OES */
		return 0x8B9C;
	default:
		return 0;
	}
}

void shim_glGetPointerv(GLenum pname, void **params)
{
	struct shim_context *self = shim_current;
	const GLenum array = array_of(pname);
	if (self->state.inside_begin)
		shim_error(self, GL_INVALID_OPERATION);
	else if (array)
		*params = address(&self->state, wire_slot_of(array, self->state.client_unit));
	else if (pname == GL_SELECTION_BUFFER_POINTER)
		*params = self->select_buffer;
	else if (pname == GL_FEEDBACK_BUFFER_POINTER)
		*params = self->feedback_buffer;
	else if (pname == GL_DEBUG_CALLBACK_FUNCTION)
		*params = self->debug_callback;
	else if (pname == GL_DEBUG_CALLBACK_USER_PARAM)
		*params = (void *)(uintptr_t)self->debug_user;
	else
		shim_error(self, GL_INVALID_ENUM);
}

void shim_glGetPointeri_vEXT(GLenum pname, GLuint index, void **params)
{
	if (pname != GL_TEXTURE_COORD_ARRAY_POINTER)
		shim_error(shim_current, GL_INVALID_ENUM);
	else
		*params =
			address(&shim_current->state, wire_slot_of(GL_TEXTURE_COORD_ARRAY, index));
}

void shim_glGetPointerIndexedvEXT(GLenum target, GLuint index, void **data)
{
	shim_glGetPointeri_vEXT(target, index, data);
}

/* GL's error for an index that no vertex array can have; true where it was made. */
static bool beyond_attributes(GLuint index)
{
	struct wire_state *st = &shim_current->state;
	const int64_t max = st->ask(st, WIRE_ASK_INTEGER, 0, 0, 0, GL_MAX_VERTEX_ATTRIBS);
	if (max < 0 || index < (uint64_t)max)
		return false;
	shim_error(shim_current, GL_INVALID_VALUE);
	return true;
}

static int generic(GLuint index)
{
	return index < WIRE_SLOTS - WIRE_SLOT_GENERIC ? (int)(WIRE_SLOT_GENERIC + index) : -1;
}

void shim_glGetVertexAttribPointerv(GLuint index, GLenum pname, void **pointer)
{
	if (pname != GL_VERTEX_ATTRIB_ARRAY_POINTER)
		shim_error(shim_current, GL_INVALID_ENUM);
	else if (!beyond_attributes(index))
		*pointer = address(&shim_current->state, generic(index));
}

void shim_glGetVertexArrayPointervEXT(GLuint vaobj, GLenum pname, void **param)
{
	struct wire_state *st = &shim_current->state;
	const struct wire_vao *vao = wire_vao_find(&st->vaos, vaobj);
	const int slot = wire_slot_of(array_of(pname), st->client_unit);
	if (slot < 0)
		shim_error(shim_current, GL_INVALID_ENUM);
	else
		*param = (void *)(uintptr_t)vao->binding[slot].at;
}

void shim_glGetVertexArrayPointeri_vEXT(GLuint vaobj, GLuint index, GLenum pname, void **param)
{
	struct wire_state *st = &shim_current->state;
	const struct wire_vao *vao = wire_vao_find(&st->vaos, vaobj);
	const int slot = pname == GL_TEXTURE_COORD_ARRAY_POINTER
		? wire_slot_of(GL_TEXTURE_COORD_ARRAY, index)
		: generic(index);
	if (slot >= 0)
		*param = (void *)(uintptr_t)vao->binding[slot].at;
}

/* ---- selection and feedback: buffers of the program that are filled at glRenderMode ---- */

void shim_glSelectBuffer(GLsizei size, GLuint *buffer)
{
	struct shim_context *self = shim_current;
	if (size < 0) {
		shim_error(self, GL_INVALID_VALUE);
	} else if (self->render_mode == GL_SELECT) {
		shim_error(self, GL_INVALID_OPERATION);
	} else {
		self->select_buffer = buffer;
		self->select_size = size;
	}
}

void shim_glFeedbackBuffer(GLsizei size, GLenum type, GLfloat *buffer)
{
	struct shim_context *self = shim_current;
	if (size < 0) {
		shim_error(self, GL_INVALID_VALUE);
	} else if (type < GL_2D || type > GL_4D_COLOR_TEXTURE) {
		shim_error(self, GL_INVALID_ENUM);
	} else if (self->render_mode == GL_FEEDBACK || (!buffer && size > 0)) {
		shim_error(self, GL_INVALID_OPERATION);
	} else {
		self->feedback_buffer = buffer;
		self->feedback_size = size;
		self->feedback_type = type;
	}
}

GLint shim_glRenderMode(GLenum mode)
{
	struct shim_context *self = shim_current;
	const bool select = mode == GL_SELECT, feedback = mode == GL_FEEDBACK;
	if (mode != GL_RENDER && !select && !feedback) {
		shim_error(self, GL_INVALID_ENUM);
		return 0;
	}
	if ((select && !self->select_buffer) || (feedback && !self->feedback_buffer)) {
		shim_error(self, GL_INVALID_OPERATION);
		return 0;
	}
	void *buffer = self->render_mode == GL_SELECT ? self->select_buffer
		: self->render_mode == GL_FEEDBACK    ? self->feedback_buffer
						      : NULL;
	const GLsizei room = !buffer             ? 0
		: self->render_mode == GL_SELECT ? self->select_size
						 : self->feedback_size;
	const GLint result = send_ckRenderMode(mode, GL_NONE,
		select             ? self->select_size
			: feedback ? self->feedback_size
				   : 0,
		self->feedback_type, room, buffer);
	self->render_mode = mode;
	return result;
}

/* ---- debug messages: the driver's come to the proxy, and from there here when the program waits
 * ---- */

void shim_glDebugMessageCallback(GLDEBUGPROC callback, const void *userParam)
{
	struct shim_context *self = shim_current;
	self->debug_callback = (void *)(uintptr_t)callback;
	self->debug_user = userParam;
	send_ckDebug(callback != NULL);
}

void shim_deliver(struct shim_context *self)
{
	GLuint values[4];
	char text[4096];
	if (self->delivering)
		return;
	self->delivering = true;
	while (self->debug_callback && !self->lost) {
		const GLuint length = send_ckDebugNext(values, sizeof(text), text);
		if (!length)
			break;
		((GLDEBUGPROC)(uintptr_t)self->debug_callback)(values[0], values[1], values[2],
			values[3], (GLsizei)length - 1, text, self->debug_user);
	}
	self->delivering = false;
}

static void set_synchronous(struct shim_context *self, GLenum cap, bool on)
{
	if (cap != GL_DEBUG_OUTPUT_SYNCHRONOUS)
		return;
	self->synchronous = on;
	self->kick_at = on ? 0 : self->position;
}

void shim_glEnable(GLenum cap)
{
	send_glEnable(cap);
	set_synchronous(shim_current, cap, true);
}

void shim_glDisable(GLenum cap)
{
	send_glDisable(cap);
	set_synchronous(shim_current, cap, false);
}
