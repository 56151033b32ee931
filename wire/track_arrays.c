/*
 * What both ends note of the calls as they pass: vertex arrays and the client attribute stack.
 */
#include "wire/size.h"
#include "wire/state.h"

#include <string.h>

/* A conventional or generic pointer of the bound vertex array object. */
static void pointer_to(struct wire_state *st, int slot, struct wire_format format, GLsizei stride,
	const void *pointer)
{
	if (slot >= 0)
		wire_vao_pointer(st->vao, (unsigned)slot, format, stride, (uintptr_t)pointer,
			st->buffer[WIRE_ARRAY_BUFFER]);
}

static struct wire_format plain(GLint size, GLenum type)
{
	return (struct wire_format){.size = size, .type = type};
}

void wire_track_glVertexPointer(
	struct wire_state *st, GLint size, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_VERTEX, plain(size, type), stride, pointer);
}

void wire_track_glNormalPointer(
	struct wire_state *st, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_NORMAL, plain(3, type), stride, pointer);
}

void wire_track_glColorPointer(
	struct wire_state *st, GLint size, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_COLOR, plain(size, type), stride, pointer);
}

void wire_track_glSecondaryColorPointer(
	struct wire_state *st, GLint size, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_SECONDARY, plain(size, type), stride, pointer);
}

void wire_track_glFogCoordPointer(
	struct wire_state *st, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_FOG, plain(1, type), stride, pointer);
}

void wire_track_glIndexPointer(
	struct wire_state *st, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_INDEX, plain(1, type), stride, pointer);
}

void wire_track_glEdgeFlagPointer(struct wire_state *st, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_EDGE, plain(1, GL_UNSIGNED_BYTE), stride, pointer);
}

void wire_track_glPointSizePointerOES(
	struct wire_state *st, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, WIRE_SLOT_POINT_SIZE, plain(1, type), stride, pointer);
}

void wire_track_glTexCoordPointer(
	struct wire_state *st, GLint size, GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, wire_slot_of(GL_TEXTURE_COORD_ARRAY, st->client_unit), plain(size, type),
		stride, pointer);
}

void wire_track_glMultiTexCoordPointerEXT(struct wire_state *st, GLenum texunit, GLint size,
	GLenum type, GLsizei stride, const void *pointer)
{
	pointer_to(st, wire_slot_of(GL_TEXTURE_COORD_ARRAY, texunit - GL_TEXTURE0),
		plain(size, type), stride, pointer);
}

void wire_track_glVertexPointerEXT(struct wire_state *st, GLint size, GLenum type, GLsizei stride,
	GLsizei count, const void *pointer)
{
	wire_track_glVertexPointer(st, size, type, stride, pointer);
}

void wire_track_glColorPointerEXT(struct wire_state *st, GLint size, GLenum type, GLsizei stride,
	GLsizei count, const void *pointer)
{
	wire_track_glColorPointer(st, size, type, stride, pointer);
}

void wire_track_glTexCoordPointerEXT(struct wire_state *st, GLint size, GLenum type, GLsizei stride,
	GLsizei count, const void *pointer)
{
	wire_track_glTexCoordPointer(st, size, type, stride, pointer);
}

void wire_track_glNormalPointerEXT(
	struct wire_state *st, GLenum type, GLsizei stride, GLsizei count, const void *pointer)
{
	wire_track_glNormalPointer(st, type, stride, pointer);
}

void wire_track_glIndexPointerEXT(
	struct wire_state *st, GLenum type, GLsizei stride, GLsizei count, const void *pointer)
{
	wire_track_glIndexPointer(st, type, stride, pointer);
}

void wire_track_glEdgeFlagPointerEXT(
	struct wire_state *st, GLsizei stride, GLsizei count, const GLboolean *pointer)
{
	wire_track_glEdgeFlagPointer(st, stride, pointer);
}

static int generic(GLuint index)
{
	return index < WIRE_SLOTS - WIRE_SLOT_GENERIC ? (int)(WIRE_SLOT_GENERIC + index) : -1;
}

static void attribute(struct wire_state *st, GLuint index, struct wire_format format,
	GLsizei stride, const void *pointer)
{
	pointer_to(st, generic(index), format, stride, pointer);
}

void wire_track_glVertexAttribPointer(struct wire_state *st, GLuint index, GLint size, GLenum type,
	GLboolean normalized, GLsizei stride, const void *pointer)
{
	struct wire_format format = plain(size, type);
	format.kind = normalized ? WIRE_KIND_NORMALIZED : WIRE_KIND_FLOAT;
	attribute(st, index, format, stride, pointer);
}

void wire_track_glVertexAttribIPointer(struct wire_state *st, GLuint index, GLint size, GLenum type,
	GLsizei stride, const void *pointer)
{
	struct wire_format format = plain(size, type);
	format.kind = WIRE_KIND_INTEGER;
	attribute(st, index, format, stride, pointer);
}

void wire_track_glVertexAttribLPointer(struct wire_state *st, GLuint index, GLint size, GLenum type,
	GLsizei stride, const void *pointer)
{
	struct wire_format format = plain(size, type);
	format.kind = WIRE_KIND_LONG;
	attribute(st, index, format, stride, pointer);
}

/* ---- the same of a named vertex array object (GL_EXT_direct_state_access) ---- */

static void offset_of(struct wire_state *st, GLuint vaobj, GLuint buffer, int slot,
	struct wire_format format, GLsizei stride, GLintptr offset)
{
	if (slot >= 0)
		wire_vao_pointer(wire_vao_find(&st->vaos, vaobj), (unsigned)slot, format, stride,
			(uint64_t)offset, buffer);
}

void wire_track_glVertexArrayVertexOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_VERTEX, plain(size, type), stride, offset);
}

void wire_track_glVertexArrayColorOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_COLOR, plain(size, type), stride, offset);
}

void wire_track_glVertexArrayEdgeFlagOffsetEXT(
	struct wire_state *st, GLuint vaobj, GLuint buffer, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_EDGE, plain(1, GL_UNSIGNED_BYTE), stride, offset);
}

void wire_track_glVertexArrayIndexOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_INDEX, plain(1, type), stride, offset);
}

void wire_track_glVertexArrayNormalOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_NORMAL, plain(3, type), stride, offset);
}

void wire_track_glVertexArrayTexCoordOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, wire_slot_of(GL_TEXTURE_COORD_ARRAY, st->client_unit),
		plain(size, type), stride, offset);
}

void wire_track_glVertexArrayMultiTexCoordOffsetEXT(struct wire_state *st, GLuint vaobj,
	GLuint buffer, GLenum texunit, GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, wire_slot_of(GL_TEXTURE_COORD_ARRAY, texunit - GL_TEXTURE0),
		plain(size, type), stride, offset);
}

void wire_track_glVertexArrayFogCoordOffsetEXT(struct wire_state *st, GLuint vaobj, GLuint buffer,
	GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_FOG, plain(1, type), stride, offset);
}

void wire_track_glVertexArraySecondaryColorOffsetEXT(struct wire_state *st, GLuint vaobj,
	GLuint buffer, GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, WIRE_SLOT_SECONDARY, plain(size, type), stride, offset);
}

void wire_track_glVertexArrayVertexAttribOffsetEXT(struct wire_state *st, GLuint vaobj,
	GLuint buffer, GLuint index, GLint size, GLenum type, GLboolean normalized, GLsizei stride,
	GLintptr offset)
{
	offset_of(st, vaobj, buffer, generic(index), plain(size, type), stride, offset);
}

void wire_track_glVertexArrayVertexAttribIOffsetEXT(struct wire_state *st, GLuint vaobj,
	GLuint buffer, GLuint index, GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, generic(index), plain(size, type), stride, offset);
}

void wire_track_glVertexArrayVertexAttribLOffsetEXT(struct wire_state *st, GLuint vaobj,
	GLuint buffer, GLuint index, GLint size, GLenum type, GLsizei stride, GLintptr offset)
{
	offset_of(st, vaobj, buffer, generic(index), plain(size, type), stride, offset);
}

/* ---- GL_ARB_vertex_attrib_binding ---- */

static void set_format(struct wire_state *st, GLuint index, GLint size, GLenum type,
	enum wire_kind kind, GLuint relative)
{
	const int slot = generic(index);
	if (slot < 0)
		return;
	struct wire_format *format = &st->vao->format[slot];
	format->size = size;
	format->type = type;
	format->kind = (uint8_t)kind;
	format->relative = relative;
}

void wire_track_glVertexAttribFormat(struct wire_state *st, GLuint attribindex, GLint size,
	GLenum type, GLboolean normalized, GLuint relativeoffset)
{
	set_format(st, attribindex, size, type, normalized ? WIRE_KIND_NORMALIZED : WIRE_KIND_FLOAT,
		relativeoffset);
}

void wire_track_glVertexAttribIFormat(
	struct wire_state *st, GLuint attribindex, GLint size, GLenum type, GLuint relativeoffset)
{
	set_format(st, attribindex, size, type, WIRE_KIND_INTEGER, relativeoffset);
}

void wire_track_glVertexAttribLFormat(
	struct wire_state *st, GLuint attribindex, GLint size, GLenum type, GLuint relativeoffset)
{
	set_format(st, attribindex, size, type, WIRE_KIND_LONG, relativeoffset);
}

void wire_track_glVertexAttribBinding(
	struct wire_state *st, GLuint attribindex, GLuint bindingindex)
{
	const int slot = generic(attribindex), binding = generic(bindingindex);
	if (slot >= 0 && binding >= 0)
		wire_vao_use(st->vao, (unsigned)slot, (unsigned)binding);
}

static void bind_vertex_buffer(
	struct wire_vao *vao, GLuint index, GLuint buffer, GLintptr offset, GLsizei stride)
{
	const int binding = generic(index);
	if (binding >= 0)
		wire_vao_bind(vao, (unsigned)binding, buffer, (uint64_t)offset, stride);
}

void wire_track_glBindVertexBuffer(
	struct wire_state *st, GLuint bindingindex, GLuint buffer, GLintptr offset, GLsizei stride)
{
	bind_vertex_buffer(st->vao, bindingindex, buffer, offset, stride);
}

void wire_track_glBindVertexBuffers(struct wire_state *st, GLuint first, GLsizei count,
	const GLuint *buffers, const GLintptr *offsets, const GLsizei *strides)
{
	for (GLsizei i = 0; i < count && i < WIRE_SLOTS; i++)
		bind_vertex_buffer(st->vao, first + (GLuint)i, buffers ? buffers[i] : 0,
			buffers && offsets ? offsets[i] : 0, buffers && strides ? strides[i] : 16);
}

void wire_track_glVertexArrayVertexBuffers(struct wire_state *st, GLuint vaobj, GLuint first,
	GLsizei count, const GLuint *buffers, const GLintptr *offsets, const GLsizei *strides)
{
	struct wire_vao *vao = wire_vao_find(&st->vaos, vaobj);
	for (GLsizei i = 0; i < count && i < WIRE_SLOTS; i++)
		bind_vertex_buffer(vao, first + (GLuint)i, buffers ? buffers[i] : 0,
			buffers && offsets ? offsets[i] : 0, buffers && strides ? strides[i] : 16);
}

void wire_track_glVertexBindingDivisor(struct wire_state *st, GLuint bindingindex, GLuint divisor)
{
	const int binding = generic(bindingindex);
	if (binding >= 0)
		st->vao->binding[binding].divisor = divisor;
}

void wire_track_glVertexAttribDivisor(struct wire_state *st, GLuint index, GLuint divisor)
{
	const int slot = generic(index);
	if (slot < 0)
		return;
	wire_vao_use(st->vao, (unsigned)slot, (unsigned)slot);
	st->vao->binding[slot].divisor = divisor;
}

/* ---- objects and enables ---- */

void wire_track_glBindVertexArray(struct wire_state *st, GLuint array)
{
	st->vao = wire_vao_find(&st->vaos, array);
}

void wire_track_glDeleteVertexArrays(struct wire_state *st, GLsizei n, const GLuint *arrays)
{
	for (GLsizei i = 0; arrays && i < n; i++) {
		if (arrays[i] && st->vao->name == arrays[i])
			st->vao = &st->vaos.zero;
		wire_vao_forget(&st->vaos, arrays[i]);
	}
}

void wire_track_glVertexArrayElementBuffer(struct wire_state *st, GLuint vaobj, GLuint buffer)
{
	wire_vao_find(&st->vaos, vaobj)->element = buffer;
}

static void enable(struct wire_state *st, struct wire_vao *vao, int slot, bool on)
{
	if (slot >= 0)
		wire_vao_enable(vao, (unsigned)slot, on);
}

void wire_track_glEnableClientState(struct wire_state *st, GLenum array)
{
	if (array == GL_PRIMITIVE_RESTART_NV)
		st->restart = true;
	enable(st, st->vao, wire_slot_of(array, st->client_unit), true);
}

void wire_track_glDisableClientState(struct wire_state *st, GLenum array)
{
	if (array == GL_PRIMITIVE_RESTART_NV)
		st->restart = false;
	enable(st, st->vao, wire_slot_of(array, st->client_unit), false);
}

void wire_track_glEnableClientStateiEXT(struct wire_state *st, GLenum array, GLuint index)
{
	enable(st, st->vao, wire_slot_of(array, index), true);
}

void wire_track_glDisableClientStateiEXT(struct wire_state *st, GLenum array, GLuint index)
{
	enable(st, st->vao, wire_slot_of(array, index), false);
}

void wire_track_glEnableVertexArrayEXT(struct wire_state *st, GLuint vaobj, GLenum array)
{
	enable(st, wire_vao_find(&st->vaos, vaobj), wire_slot_of(array, st->client_unit), true);
}

void wire_track_glDisableVertexArrayEXT(struct wire_state *st, GLuint vaobj, GLenum array)
{
	enable(st, wire_vao_find(&st->vaos, vaobj), wire_slot_of(array, st->client_unit), false);
}

void wire_track_glEnableVertexAttribArray(struct wire_state *st, GLuint index)
{
	enable(st, st->vao, generic(index), true);
}

void wire_track_glDisableVertexAttribArray(struct wire_state *st, GLuint index)
{
	enable(st, st->vao, generic(index), false);
}

void wire_track_glEnableVertexArrayAttrib(struct wire_state *st, GLuint vaobj, GLuint index)
{
	enable(st, wire_vao_find(&st->vaos, vaobj), generic(index), true);
}

void wire_track_glDisableVertexArrayAttrib(struct wire_state *st, GLuint vaobj, GLuint index)
{
	enable(st, wire_vao_find(&st->vaos, vaobj), generic(index), false);
}

void wire_track_glEnableVertexArrayAttribEXT(struct wire_state *st, GLuint vaobj, GLuint index)
{
	wire_track_glEnableVertexArrayAttrib(st, vaobj, index);
}

void wire_track_glDisableVertexArrayAttribEXT(struct wire_state *st, GLuint vaobj, GLuint index)
{
	wire_track_glDisableVertexArrayAttrib(st, vaobj, index);
}

void wire_track_glClientActiveTexture(struct wire_state *st, GLenum texture)
{
	if (texture - GL_TEXTURE0 < 8)
		st->client_unit = texture - GL_TEXTURE0;
}

/* ---- the client attribute stack ---- */

#define VERTEX_BIT GL_CLIENT_VERTEX_ARRAY_BIT
#define PIXEL_BIT GL_CLIENT_PIXEL_STORE_BIT

void wire_track_glPushClientAttrib(struct wire_state *st, GLbitfield mask)
{
	if (st->client_attribs == WIRE_CLIENT_ATTRIBS)
		return;
	struct wire_client_attrib *saved = &st->client_attrib[st->client_attribs++];
	saved->mask = mask;
	saved->pack = st->pack;
	saved->unpack = st->unpack;
	saved->pack_buffer = st->buffer[WIRE_PIXEL_PACK_BUFFER];
	saved->unpack_buffer = st->buffer[WIRE_PIXEL_UNPACK_BUFFER];
	saved->array_buffer = st->buffer[WIRE_ARRAY_BUFFER];
	saved->client_unit = st->client_unit;
	saved->vao = *st->vao;
}

static void restore_arrays(struct wire_state *st, const struct wire_client_attrib *saved)
{
	st->buffer[WIRE_ARRAY_BUFFER] = saved->array_buffer;
	st->client_unit = saved->client_unit;
	st->vao = wire_vao_find(&st->vaos, saved->vao.name);
	struct wire_vao *next = st->vao->next_free;
	*st->vao = saved->vao;
	st->vao->next_free = next;
}

void wire_track_glPopClientAttrib(struct wire_state *st)
{
	if (!st->client_attribs)
		return;
	const struct wire_client_attrib *saved = &st->client_attrib[--st->client_attribs];
	if (saved->mask & PIXEL_BIT) {
		st->pack = saved->pack;
		st->unpack = saved->unpack;
		st->buffer[WIRE_PIXEL_PACK_BUFFER] = saved->pack_buffer;
		st->buffer[WIRE_PIXEL_UNPACK_BUFFER] = saved->unpack_buffer;
	}
	if (saved->mask & VERTEX_BIT)
		restore_arrays(st, saved);
}

void wire_track_glClientAttribDefaultEXT(struct wire_state *st, GLbitfield mask)
{
	static const struct wire_pixels defaults = {.alignment = 4};
	if (mask & PIXEL_BIT) {
		st->pack = defaults;
		st->unpack = defaults;
		st->buffer[WIRE_PIXEL_PACK_BUFFER] = 0;
		st->buffer[WIRE_PIXEL_UNPACK_BUFFER] = 0;
	}
	if (mask & VERTEX_BIT) {
		for (unsigned slot = 0; slot < WIRE_SLOTS; slot++) {
			wire_vao_enable(st->vao, slot, false);
			wire_vao_bind(st->vao, slot, 0, 0, 16);
		}
		st->vao->element = 0;
		st->buffer[WIRE_ARRAY_BUFFER] = 0;
		st->client_unit = 0;
	}
}

void wire_track_glPushClientAttribDefaultEXT(struct wire_state *st, GLbitfield mask)
{
	wire_track_glPushClientAttrib(st, mask);
	wire_track_glClientAttribDefaultEXT(st, mask);
}

/* ---- glInterleavedArrays (10.3.4) ---- */

struct interleaved {
	uint8_t texture, color, normal; /* elements of each array, 0 for none */
	uint8_t vertex;
	uint8_t color_at, normal_at, vertex_at, bytes;
	GLenum color_type;
};

static const struct interleaved interleaved[] = {
	{0, 0, 0, 2, 0, 0, 0, 8, 0},                  /* GL_V2F */
	{0, 0, 0, 3, 0, 0, 0, 12, 0},                 /* GL_V3F */
	{0, 4, 0, 2, 0, 0, 4, 12, GL_UNSIGNED_BYTE},  /* GL_C4UB_V2F */
	{0, 4, 0, 3, 0, 0, 4, 16, GL_UNSIGNED_BYTE},  /* GL_C4UB_V3F */
	{0, 3, 0, 3, 0, 0, 12, 24, GL_FLOAT},         /* GL_C3F_V3F */
	{0, 0, 3, 3, 0, 0, 12, 24, 0},                /* GL_N3F_V3F */
	{0, 4, 3, 3, 0, 16, 28, 40, GL_FLOAT},        /* GL_C4F_N3F_V3F */
	{2, 0, 0, 3, 0, 0, 8, 20, 0},                 /* GL_T2F_V3F */
	{4, 0, 0, 4, 0, 0, 16, 32, 0},                /* GL_T4F_V4F */
	{2, 4, 0, 3, 8, 0, 12, 24, GL_UNSIGNED_BYTE}, /* GL_T2F_C4UB_V3F */
	{2, 3, 0, 3, 8, 0, 20, 32, GL_FLOAT},         /* GL_T2F_C3F_V3F */
	{2, 0, 3, 3, 0, 8, 20, 32, 0},                /* GL_T2F_N3F_V3F */
	{2, 4, 3, 3, 8, 24, 36, 48, GL_FLOAT},        /* GL_T2F_C4F_N3F_V3F */
	{4, 4, 3, 4, 16, 32, 44, 60, GL_FLOAT},       /* GL_T4F_C4F_N3F_V4F */
};

static void interleave(struct wire_state *st, int slot, GLint size, GLenum type, GLsizei stride,
	const char *pointer)
{
	enable(st, st->vao, slot, size > 0);
	if (size)
		pointer_to(st, slot, plain(size, type), stride, pointer);
}

void wire_track_glInterleavedArrays(
	struct wire_state *st, GLenum format, GLsizei stride, const void *pointer)
{
	if (format < GL_V2F || format > GL_T4F_C4F_N3F_V4F || stride < 0)
		return;
	const struct interleaved *layout = &interleaved[format - GL_V2F];
	const GLsizei step = stride ? stride : layout->bytes;
	const char *at = pointer;
	enable(st, st->vao, WIRE_SLOT_EDGE, false);
	enable(st, st->vao, WIRE_SLOT_INDEX, false);
	enable(st, st->vao, WIRE_SLOT_FOG, false);
	enable(st, st->vao, WIRE_SLOT_SECONDARY, false);
	interleave(st, wire_slot_of(GL_TEXTURE_COORD_ARRAY, st->client_unit), layout->texture,
		GL_FLOAT, step, at);
	interleave(st, WIRE_SLOT_COLOR, layout->color, layout->color_type, step,
		at + layout->color_at);
	interleave(st, WIRE_SLOT_NORMAL, layout->normal, GL_FLOAT, step, at + layout->normal_at);
	interleave(st, WIRE_SLOT_VERTEX, layout->vertex, GL_FLOAT, step, at + layout->vertex_at);
}
