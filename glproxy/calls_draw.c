/*
 * Draws that bring arrays or indices along from the program's memory.
 */
#include "glproxy/lists.h"
#include "glproxy/lists_draw.h"
#include "hand.h"
#include "wire/draw.h"

#include <string.h>

static void set_conventional(
	const struct driver *gl, const struct wire_client_array *array, const void *at)
{
	const GLsizei stride = (GLsizei)array->stride;
	switch (array->slot) {
	case WIRE_SLOT_VERTEX:
		gl->VertexPointer(array->size, array->type, stride, at);
		break;
	case WIRE_SLOT_NORMAL:
		gl->NormalPointer(array->type, stride, at);
		break;
	case WIRE_SLOT_COLOR:
		gl->ColorPointer(array->size, array->type, stride, at);
		break;
	case WIRE_SLOT_SECONDARY:
		gl->SecondaryColorPointer(array->size, array->type, stride, at);
		break;
	case WIRE_SLOT_FOG:
		gl->FogCoordPointer(array->type, stride, at);
		break;
	case WIRE_SLOT_INDEX:
		gl->IndexPointer(array->type, stride, at);
		break;
	case WIRE_SLOT_EDGE:
		gl->EdgeFlagPointer(stride, at);
		break;
	case WIRE_SLOT_POINT_SIZE:
		gl->PointSizePointerOES(array->type, stride, at);
		break;
	default:
		gl->ClientActiveTexture(GL_TEXTURE0 + array->slot - WIRE_SLOT_TEXTURE);
		gl->TexCoordPointer(array->size, array->type, stride, at);
		break;
	}
}

static void set_generic(
	const struct driver *gl, const struct wire_client_array *array, const void *at)
{
	const GLuint index = array->slot - WIRE_SLOT_GENERIC;
	const GLsizei stride = (GLsizei)array->stride;
	switch (array->kind) {
	case WIRE_KIND_INTEGER:
		gl->VertexAttribIPointer(index, array->size, array->type, stride, at);
		break;
	case WIRE_KIND_LONG:
		gl->VertexAttribLPointer(index, array->size, array->type, stride, at);
		break;
	default:
		gl->VertexAttribPointer(index, array->size, array->type,
			array->kind == WIRE_KIND_NORMALIZED, stride, at);
		break;
	}
}

static bool array_ok(const struct wire_client_array *array, GLuint64 size)
{
	return array->slot < WIRE_SLOTS && array->at <= size && array->bytes <= size - array->at;
}

/* Points the driver at the elements that came with the message. */
static bool set_arrays(struct exec *x, GLuint count, const char *data, GLuint64 size)
{
	for (GLuint i = 0; i < count; i++) {
		struct wire_client_array array;
		memcpy(&array, data + i * sizeof(array), sizeof(array));
		if (!array_ok(&array, size)) {
			exec_refuse(x, "an array outside of its message");
			return false;
		}
		const uintptr_t at =
			(uintptr_t)(data + array.at) - (uintptr_t)array.first * array.stride;
		if (array.slot < WIRE_SLOT_GENERIC)
			set_conventional(x->driver, &array, (const void *)at);
		else
			set_generic(x->driver, &array, (const void *)at);
	}
	return true;
}

static size_t index_bytes(GLenum type)
{
	return type == GL_UNSIGNED_INT ? 4 : type == GL_UNSIGNED_SHORT ? 2 : 1;
}

static void draw_arrays(const struct driver *gl, GLenum mode, GLint first, GLsizei count,
	GLsizei instances, GLuint baseinstance)
{
	if (baseinstance)
		gl->DrawArraysInstancedBaseInstance(mode, first, count, instances, baseinstance);
	else if (instances != 1)
		gl->DrawArraysInstanced(mode, first, count, instances);
	else
		gl->DrawArrays(mode, first, count);
}

static void draw_elements(const struct driver *gl, GLenum mode, GLsizei count, GLenum type,
	const void *indices, GLsizei instances, GLint basevertex, GLuint baseinstance)
{
	if (baseinstance)
		gl->DrawElementsInstancedBaseVertexBaseInstance(
			mode, count, type, indices, instances, basevertex, baseinstance);
	else if (instances != 1 && basevertex)
		gl->DrawElementsInstancedBaseVertex(
			mode, count, type, indices, instances, basevertex);
	else if (instances != 1)
		gl->DrawElementsInstanced(mode, count, type, indices, instances);
	else if (basevertex)
		gl->DrawElementsBaseVertex(mode, count, type, indices, basevertex);
	else
		gl->DrawElements(mode, count, type, indices);
}

static bool message_ok(struct exec *x, GLuint arrays, GLenum type, GLuint64 offset, GLsizei count,
	GLuint64 size, const void *data)
{
	const GLuint number = arrays & ~WIRE_INDICES_HERE;
	const bool descriptions =
		number <= WIRE_SLOTS && data && number * sizeof(struct wire_client_array) <= size;
	const bool indices = !(arrays & WIRE_INDICES_HERE) ||
		(offset <= size && wire_bytes(count, index_bytes(type)) <= size - offset);
	if (!descriptions || !indices)
		exec_refuse(x, "a draw that is longer than its data");
	return descriptions && indices;
}

void proxy_ckDraw(struct exec *x, GLenum mode, GLint first, GLsizei count, GLenum type,
	GLuint64 offset, GLsizei instances, GLint basevertex, GLuint baseinstance, GLuint start,
	GLuint end, GLuint arrays, GLuint64 size, const void *data)
{
	const struct driver *gl = x->driver;
	const struct wire_state *st = &x->state;
	const GLuint number = arrays & ~WIRE_INDICES_HERE;
	const GLuint bound = st->buffer[WIRE_ARRAY_BUFFER];
	if (!message_ok(x, arrays, type, offset, count, size, data))
		return;
	if (number && bound)
		gl->BindBuffer(GL_ARRAY_BUFFER, 0);
	const bool set = set_arrays(x, number, data, size);
	if (number && bound)
		gl->BindBuffer(GL_ARRAY_BUFFER, exec_name(x, NAMES_buffer, bound));
	if (!set)
		return;
	if (st->vao->client & (uint64_t)0xff << WIRE_SLOT_TEXTURE)
		gl->ClientActiveTexture(GL_TEXTURE0 + st->client_unit);
	const void *indices = arrays & WIRE_INDICES_HERE ? (const char *)data + offset
							 : (const void *)(uintptr_t)offset;
	if (mode == LISTS_ELEMENT && lists_compiling(x))
		gl->ArrayElement(first);
	else if (type)
		draw_elements(gl, mode, count, type, indices, instances, basevertex, baseinstance);
	else
		draw_arrays(gl, mode, first, count, instances, baseinstance);
}
