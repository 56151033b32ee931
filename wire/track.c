/*
 * What both ends note of the calls as they pass: buffers, pixel store, pixel maps.
 */
#include "wire/size.h"
#include "wire/state.h"

#include <string.h>

static void set_capability(struct wire_state *st, GLenum cap, bool on)
{
	if (cap == GL_PRIMITIVE_RESTART || cap == GL_PRIMITIVE_RESTART_NV)
		st->restart = on;
	else if (cap == GL_PRIMITIVE_RESTART_FIXED_INDEX)
		st->restart_fixed = on;
	else if (wire_slot_of(cap, st->client_unit) >= 0)
		wire_vao_enable(
			st->vao, (unsigned)wire_slot_of(cap, st->client_unit), on); /* Mesa's */
}

void wire_track_glEnable(struct wire_state *st, GLenum cap)
{
	set_capability(st, cap, true);
}

void wire_track_glDisable(struct wire_state *st, GLenum cap)
{
	set_capability(st, cap, false);
}

void wire_track_glPrimitiveRestartIndex(struct wire_state *st, GLuint index)
{
	st->restart_index = index;
}

void wire_track_glPrimitiveRestartIndexNV(struct wire_state *st, GLuint index)
{
	st->restart_index = index;
}

void wire_track_glViewport(struct wire_state *st, GLint x, GLint y, GLsizei width, GLsizei height)
{
	const GLint viewport[] = {x, y, width, height};
	memcpy(st->viewport, viewport, sizeof(viewport));
}

void wire_track_glBegin(struct wire_state *st, GLenum mode)
{
	st->inside_begin = true;
}

void wire_track_glEnd(struct wire_state *st)
{
	st->inside_begin = false;
}

void wire_track_glBindBuffer(struct wire_state *st, GLenum target, GLuint buffer)
{
	GLuint *binding = wire_state_binding(st, target);
	if (binding)
		*binding = buffer;
}

void wire_track_glBindBufferBase(struct wire_state *st, GLenum target, GLuint index, GLuint buffer)
{
	wire_track_glBindBuffer(st, target, buffer);
}

void wire_track_glBindBufferRange(struct wire_state *st, GLenum target, GLuint index, GLuint buffer,
	GLintptr offset, GLsizeiptr size)
{
	wire_track_glBindBuffer(st, target, buffer);
}

/* These leave the general binding alone (OpenGL 4.4, 6.1.1). */
void wire_track_glBindBuffersBase(
	struct wire_state *st, GLenum target, GLuint first, GLsizei count, const GLuint *buffers)
{
}

void wire_track_glBindBuffersRange(struct wire_state *st, GLenum target, GLuint first,
	GLsizei count, const GLuint *buffers, const GLintptr *offsets, const GLsizeiptr *sizes)
{
}

static void forget_buffer(struct wire_state *st, GLuint buffer)
{
	for (unsigned target = 0; target < WIRE_TARGETS; target++)
		if (st->buffer[target] == buffer)
			st->buffer[target] = 0;
	if (st->vao->element == buffer)
		st->vao->element = 0;
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
		if (st->vao->binding[slot].buffer == buffer)
			wire_vao_bind(st->vao, slot, 0, 0, st->vao->binding[slot].stride);
}

void wire_track_glDeleteBuffers(struct wire_state *st, GLsizei n, const GLuint *buffers)
{
	for (GLsizei i = 0; buffers && i < n; i++)
		if (buffers[i])
			forget_buffer(st, buffers[i]);
}

static void store(struct wire_pixels *pixels, GLenum pname, GLint value)
{
	switch (pname) {
	case GL_UNPACK_ALIGNMENT:
		if (value == 1 || value == 2 || value == 4 || value == 8)
			pixels->alignment = value;
		break;
	case GL_UNPACK_ROW_LENGTH:
		pixels->row_length = value;
		break;
	case GL_UNPACK_IMAGE_HEIGHT:
		pixels->image_height = value;
		break;
	case GL_UNPACK_SKIP_ROWS:
		pixels->skip_rows = value;
		break;
	case GL_UNPACK_SKIP_PIXELS:
		pixels->skip_pixels = value;
		break;
	case GL_UNPACK_SKIP_IMAGES:
		pixels->skip_images = value;
		break;
	case GL_UNPACK_SWAP_BYTES:
		pixels->swap_bytes = value;
		break;
	case GL_UNPACK_LSB_FIRST:
		pixels->lsb_first = value;
		break;
	default:
		break;
	}
}

/* The unpack name that means the same as a pack name. */
static GLenum as_unpack(GLenum pname)
{
	switch (pname) {
	case GL_PACK_ALIGNMENT:
		return GL_UNPACK_ALIGNMENT;
	case GL_PACK_ROW_LENGTH:
		return GL_UNPACK_ROW_LENGTH;
	case GL_PACK_IMAGE_HEIGHT:
		return GL_UNPACK_IMAGE_HEIGHT;
	case GL_PACK_SKIP_ROWS:
		return GL_UNPACK_SKIP_ROWS;
	case GL_PACK_SKIP_PIXELS:
		return GL_UNPACK_SKIP_PIXELS;
	case GL_PACK_SKIP_IMAGES:
		return GL_UNPACK_SKIP_IMAGES;
	case GL_PACK_SWAP_BYTES:
		return GL_UNPACK_SWAP_BYTES;
	case GL_PACK_LSB_FIRST:
		return GL_UNPACK_LSB_FIRST;
	default:
		return 0;
	}
}

void wire_track_glPixelStorei(struct wire_state *st, GLenum pname, GLint param)
{
	if (param < 0)
		return;
	if (pname == GL_PACK_INVERT_MESA || pname == 0x93A4) /* GL_PACK_REVERSE_ROW_ORDER_ANGLE */
		st->pack.invert = param != 0;
	const GLenum pack = as_unpack(pname);
	store(pack ? &st->pack : &st->unpack, pack ? pack : pname, param);
}

void wire_track_glPixelStoref(struct wire_state *st, GLenum pname, GLfloat param)
{
	if (!(param >= 0 && param <= 1e9f)) /* what is no number is neither */
		return;
	wire_track_glPixelStorei(st, pname, (GLint)(param + 0.5f));
}

void wire_track_glPixelStorex(struct wire_state *st, GLenum pname, GLfixed param)
{
	wire_track_glPixelStorei(st, pname, param >> 16);
}

static void pixel_map(struct wire_state *st, GLenum map, GLsizei size)
{
	if (map >= GL_PIXEL_MAP_I_TO_I && map <= GL_PIXEL_MAP_A_TO_A && size > 0)
		st->pixel_map[map - GL_PIXEL_MAP_I_TO_I] = size;
}

void wire_track_glPixelMapfv(
	struct wire_state *st, GLenum map, GLsizei mapsize, const GLfloat *values)
{
	pixel_map(st, map, mapsize);
}

void wire_track_glPixelMapuiv(
	struct wire_state *st, GLenum map, GLsizei mapsize, const GLuint *values)
{
	pixel_map(st, map, mapsize);
}

void wire_track_glPixelMapusv(
	struct wire_state *st, GLenum map, GLsizei mapsize, const GLushort *values)
{
	pixel_map(st, map, mapsize);
}
