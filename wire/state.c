#include "wire/state.h"

#include <string.h>

void wire_state_init(struct wire_state *st)
{
	memset(st, 0, sizeof(*st));
	wire_vaos_init(&st->vaos);
	st->vao = &st->vaos.zero;
	st->pack.alignment = 4;
	st->unpack.alignment = 4;
	for (unsigned map = 0; map < WIRE_PIXEL_MAPS; map++)
		st->pixel_map[map] = 1;
}

void wire_state_finish(struct wire_state *st)
{
	wire_vaos_finish(&st->vaos);
}

static int target_index(GLenum target)
{
	switch (target) {
	case GL_ARRAY_BUFFER:
		return WIRE_ARRAY_BUFFER;
	case GL_PIXEL_PACK_BUFFER:
		return WIRE_PIXEL_PACK_BUFFER;
	case GL_PIXEL_UNPACK_BUFFER:
		return WIRE_PIXEL_UNPACK_BUFFER;
	case GL_UNIFORM_BUFFER:
		return WIRE_UNIFORM_BUFFER;
	case GL_COPY_READ_BUFFER:
		return WIRE_COPY_READ_BUFFER;
	case GL_COPY_WRITE_BUFFER:
		return WIRE_COPY_WRITE_BUFFER;
	case GL_TEXTURE_BUFFER:
		return WIRE_TEXTURE_BUFFER;
	case GL_DRAW_INDIRECT_BUFFER:
		return WIRE_DRAW_INDIRECT_BUFFER;
	case GL_DISPATCH_INDIRECT_BUFFER:
		return WIRE_DISPATCH_INDIRECT_BUFFER;
	case GL_TRANSFORM_FEEDBACK_BUFFER:
		return WIRE_TRANSFORM_FEEDBACK_BUFFER;
	case GL_SHADER_STORAGE_BUFFER:
		return WIRE_SHADER_STORAGE_BUFFER;
	case GL_ATOMIC_COUNTER_BUFFER:
		return WIRE_ATOMIC_COUNTER_BUFFER;
	case GL_QUERY_BUFFER:
		return WIRE_QUERY_BUFFER;
	case GL_PARAMETER_BUFFER:
		return WIRE_PARAMETER_BUFFER;
	default:
		return -1;
	}
}

GLuint *wire_state_binding(struct wire_state *st, GLenum target)
{
	if (target == GL_ELEMENT_ARRAY_BUFFER)
		return &st->vao->element;
	const int index = target_index(target);
	return index < 0 ? NULL : &st->buffer[index];
}

int wire_slot_of(GLenum array, unsigned unit)
{
	switch (array) {
	case GL_VERTEX_ARRAY:
		return WIRE_SLOT_VERTEX;
	case GL_NORMAL_ARRAY:
		return WIRE_SLOT_NORMAL;
	case GL_COLOR_ARRAY:
		return WIRE_SLOT_COLOR;
	case GL_SECONDARY_COLOR_ARRAY:
		return WIRE_SLOT_SECONDARY;
	case GL_FOG_COORD_ARRAY:
		return WIRE_SLOT_FOG;
	case GL_INDEX_ARRAY:
		return WIRE_SLOT_INDEX;
	case GL_EDGE_FLAG_ARRAY:
		return WIRE_SLOT_EDGE;
	case 0x8B9C: /* GL_POINT_SIZE_ARRAY_OES */
		return WIRE_SLOT_POINT_SIZE;
	case GL_TEXTURE_COORD_ARRAY:
		return unit < 8 ? (int)(WIRE_SLOT_TEXTURE + unit) : -1;
	default:
		return -1;
	}
}
