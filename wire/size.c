#include "wire/size.h"

#include <string.h>

int64_t wire_params(GLenum pname)
{
	switch (pname) {
	case GL_AMBIENT:
	case GL_DIFFUSE:
	case GL_SPECULAR:
	case GL_EMISSION:
	case GL_POSITION:
	case GL_AMBIENT_AND_DIFFUSE:
	case GL_LIGHT_MODEL_AMBIENT:
	case GL_FOG_COLOR:
	case GL_TEXTURE_ENV_COLOR:
	case GL_TEXTURE_BORDER_COLOR:
	case GL_OBJECT_PLANE:
	case GL_EYE_PLANE:
	case GL_TEXTURE_SWIZZLE_RGBA:
	case GL_CURRENT_VERTEX_ATTRIB:
	case 0x8B9D:      /* GL_TEXTURE_CROP_RECT_OES */
	case GL_VIEWPORT: /* of the indexed and general gets from here on */
	case GL_SCISSOR_BOX:
	case GL_COLOR_CLEAR_VALUE:
	case GL_COLOR_WRITEMASK:
	case GL_CURRENT_COLOR:
	case GL_CURRENT_RASTER_COLOR:
	case GL_CURRENT_RASTER_POSITION:
	case GL_CURRENT_RASTER_SECONDARY_COLOR:
	case GL_CURRENT_RASTER_TEXTURE_COORDS:
	case GL_CURRENT_SECONDARY_COLOR:
	case GL_CURRENT_TEXTURE_COORDS:
	case GL_ACCUM_CLEAR_VALUE:
	case GL_MAP2_GRID_DOMAIN:
	case GL_BLEND_COLOR:
	case GL_RGBA_SIGNED_COMPONENTS_EXT:
		return 4;
	case GL_PRIMITIVE_BOUNDING_BOX_ARB:
		return 8;
	case GL_COLOR_INDEXES:
	case GL_SPOT_DIRECTION:
	case GL_POINT_DISTANCE_ATTENUATION:
	case GL_CURRENT_NORMAL:
	case GL_COMPUTE_WORK_GROUP_SIZE:
		return 3;
	case GL_ALIASED_POINT_SIZE_RANGE:
	case GL_ALIASED_LINE_WIDTH_RANGE:
	case GL_SMOOTH_POINT_SIZE_RANGE:
	case GL_SMOOTH_LINE_WIDTH_RANGE:
	case GL_DEPTH_RANGE:
	case GL_DEPTH_BOUNDS_EXT:
	case GL_MAP1_GRID_DOMAIN:
	case GL_MAP2_GRID_SEGMENTS:
	case GL_MAX_VIEWPORT_DIMS:
	case GL_VIEWPORT_BOUNDS_RANGE:
	case GL_POLYGON_MODE:
	case GL_PATCH_DEFAULT_INNER_LEVEL:
		return 2;
	case GL_PATCH_DEFAULT_OUTER_LEVEL:
		return 4;
	case GL_MODELVIEW_MATRIX:
	case GL_PROJECTION_MATRIX:
	case GL_TEXTURE_MATRIX:
	case GL_COLOR_MATRIX:
	case GL_TRANSPOSE_MODELVIEW_MATRIX:
	case GL_TRANSPOSE_PROJECTION_MATRIX:
	case GL_TRANSPOSE_TEXTURE_MATRIX:
	case GL_TRANSPOSE_COLOR_MATRIX:
	case GL_CURRENT_MATRIX_ARB:
	case GL_TRANSPOSE_CURRENT_MATRIX_ARB:
	case 0x898D: /* GL_MODELVIEW_MATRIX_FLOAT_AS_INT_BITS_OES, and those of 898E and 898F */
	case 0x898E:
	case 0x898F:
		return 16;
	default:
		return 1;
	}
}

int64_t wire_get_count(struct wire_state *st, GLenum pname)
{
	int64_t count;
	switch (pname) {
	case GL_COMPRESSED_TEXTURE_FORMATS:
		count = st->ask(st, WIRE_ASK_INTEGER, 0, 0, 0, GL_NUM_COMPRESSED_TEXTURE_FORMATS);
		break;
	case GL_SHADER_BINARY_FORMATS:
		count = st->ask(st, WIRE_ASK_INTEGER, 0, 0, 0, GL_NUM_SHADER_BINARY_FORMATS);
		break;
	case GL_PROGRAM_BINARY_FORMATS: /* none: glproxy/calls_binary.c */
		count = 0;
		break;
	default:
		return wire_params(pname);
	}
	return count < 0 || count > 4096 ? 0 : count;
}

int64_t wire_clear_values(GLenum buffer)
{
	return buffer == GL_COLOR ? 4 : 1;
}

int64_t wire_list_bytes(GLsizei n, GLenum type)
{
	static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 2, 3, 4};
	if (type < GL_BYTE || type > GL_4_BYTES)
		return 0;
	return wire_product(n, bytes[type - GL_BYTE]);
}

size_t wire_text(const void *text, int64_t length)
{
	return length < 0 ? strlen(text) + 1 : wire_bytes(length, 1);
}

size_t wire_indirect(GLsizei count, GLsizei stride, size_t size)
{
	if (count <= 0 || stride < 0)
		return 0;
	return wire_bytes(count - 1, stride ? (size_t)stride : size) + size;
}

static int64_t map_components(GLenum target)
{
	switch (target) {
	case GL_MAP1_VERTEX_4:
	case GL_MAP1_COLOR_4:
	case GL_MAP1_TEXTURE_COORD_4:
	case GL_MAP2_VERTEX_4:
	case GL_MAP2_COLOR_4:
	case GL_MAP2_TEXTURE_COORD_4:
		return 4;
	case GL_MAP1_VERTEX_3:
	case GL_MAP1_NORMAL:
	case GL_MAP1_TEXTURE_COORD_3:
	case GL_MAP2_VERTEX_3:
	case GL_MAP2_NORMAL:
	case GL_MAP2_TEXTURE_COORD_3:
		return 3;
	case GL_MAP1_TEXTURE_COORD_2:
	case GL_MAP2_TEXTURE_COORD_2:
		return 2;
	case GL_MAP1_INDEX:
	case GL_MAP1_TEXTURE_COORD_1:
	case GL_MAP2_INDEX:
	case GL_MAP2_TEXTURE_COORD_1:
		return 1;
	default:
		return 0;
	}
}

int64_t wire_map_points(
	GLenum target, int64_t ustride, int64_t uorder, int64_t vstride, int64_t vorder)
{
	const int64_t components = map_components(target);
	if (uorder < 1 || vorder < 1 || ustride < 1 || vstride < 1 || !components)
		return 0;
	return wire_product(uorder - 1, ustride) + wire_product(vorder - 1, vstride) + components;
}

enum names_class wire_name_class(GLenum pname)
{
	switch (pname) {
	case GL_TEXTURE_BINDING_1D:
	case GL_TEXTURE_BINDING_2D:
	case GL_TEXTURE_BINDING_3D:
	case GL_TEXTURE_BINDING_CUBE_MAP:
	case GL_TEXTURE_BINDING_RECTANGLE:
	case GL_TEXTURE_BINDING_1D_ARRAY:
	case GL_TEXTURE_BINDING_2D_ARRAY:
	case GL_TEXTURE_BINDING_CUBE_MAP_ARRAY:
	case GL_TEXTURE_BINDING_2D_MULTISAMPLE:
	case GL_TEXTURE_BINDING_2D_MULTISAMPLE_ARRAY:
	case GL_TEXTURE_BINDING_BUFFER:
	case 0x8D67: /* GL_TEXTURE_BINDING_EXTERNAL_OES */
	case GL_IMAGE_BINDING_NAME:
		return NAMES_texture;
	case GL_ARRAY_BUFFER_BINDING:
	case GL_ELEMENT_ARRAY_BUFFER_BINDING:
	case GL_PIXEL_PACK_BUFFER_BINDING:
	case GL_PIXEL_UNPACK_BUFFER_BINDING:
	case GL_UNIFORM_BUFFER_BINDING:
	case GL_COPY_READ_BUFFER_BINDING:
	case GL_COPY_WRITE_BUFFER_BINDING:
	case GL_DRAW_INDIRECT_BUFFER_BINDING:
	case GL_DISPATCH_INDIRECT_BUFFER_BINDING:
	case GL_TRANSFORM_FEEDBACK_BUFFER_BINDING:
	case GL_SHADER_STORAGE_BUFFER_BINDING:
	case GL_ATOMIC_COUNTER_BUFFER_BINDING:
	case GL_QUERY_BUFFER_BINDING:
	case GL_PARAMETER_BUFFER_BINDING:
	case GL_TEXTURE_BUFFER:
	case GL_TEXTURE_BUFFER_DATA_STORE_BINDING:
	case GL_VERTEX_ATTRIB_ARRAY_BUFFER_BINDING:
	case GL_VERTEX_BINDING_BUFFER:
	case GL_VERTEX_ARRAY_BUFFER_BINDING:
	case GL_NORMAL_ARRAY_BUFFER_BINDING:
	case GL_COLOR_ARRAY_BUFFER_BINDING:
	case GL_INDEX_ARRAY_BUFFER_BINDING:
	case GL_TEXTURE_COORD_ARRAY_BUFFER_BINDING:
	case GL_EDGE_FLAG_ARRAY_BUFFER_BINDING:
	case GL_SECONDARY_COLOR_ARRAY_BUFFER_BINDING:
	case GL_FOG_COORD_ARRAY_BUFFER_BINDING:
	case GL_WEIGHT_ARRAY_BUFFER_BINDING:
	case 0x8B9F: /* GL_POINT_SIZE_ARRAY_BUFFER_BINDING_OES */
		return NAMES_buffer;
	case GL_RENDERBUFFER_BINDING:
		return NAMES_renderbuffer;
	case GL_SAMPLER_BINDING:
		return NAMES_sampler;
	case GL_CURRENT_PROGRAM:
	case GL_ACTIVE_PROGRAM:
	case GL_VERTEX_SHADER: /* of a program pipeline */
	case GL_FRAGMENT_SHADER:
	case GL_GEOMETRY_SHADER:
	case GL_TESS_CONTROL_SHADER:
	case GL_TESS_EVALUATION_SHADER:
	case GL_COMPUTE_SHADER:
		return NAMES_program;
	case GL_PROGRAM_BINDING_ARB:
		return NAMES_arb_program;
	case GL_DRAW_FRAMEBUFFER_BINDING:
	case GL_READ_FRAMEBUFFER_BINDING:
		return NAMES_framebuffer;
	case GL_VERTEX_ARRAY_BINDING:
		return NAMES_vertex_array;
	case GL_CURRENT_QUERY:
		return NAMES_query;
	case GL_TRANSFORM_FEEDBACK_BINDING:
		return NAMES_transform_feedback;
	case GL_PROGRAM_PIPELINE_BINDING:
		return NAMES_program_pipeline;
	default:
		return NAMES_none;
	}
}

/* ---- what only the driver knows ---- */

static int64_t answer(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
	GLint index, GLenum pname)
{
	const int64_t count = st->ask(st, what, object, target, index, pname);
	return count < 0 ? 0 : count;
}

int64_t wire_map(struct wire_state *st, GLenum target, GLenum query)
{
	const bool two = target >= GL_MAP2_COLOR_4 && target <= GL_MAP2_VERTEX_4;
	switch (query) {
	case GL_ORDER:
		return two ? 2 : 1;
	case GL_DOMAIN:
		return two ? 4 : 2;
	case GL_COEFF:
		return wire_product(answer(st, WIRE_ASK_MAP_ORDER, 0, target, 0, GL_ORDER),
			map_components(target));
	default:
		return 1;
	}
}

int64_t wire_pixel_map(struct wire_state *st, GLenum map)
{
	if (map < GL_PIXEL_MAP_I_TO_I || map > GL_PIXEL_MAP_A_TO_A)
		return 0;
	return st->pixel_map[map - GL_PIXEL_MAP_I_TO_I];
}

int64_t wire_program_text(struct wire_state *st, GLenum target)
{
	return answer(st, WIRE_ASK_PROGRAM_TEXT, 0, target, 0, GL_PROGRAM_LENGTH_ARB);
}

int64_t wire_named_program_text(struct wire_state *st, GLuint program)
{
	return answer(st, WIRE_ASK_NAMED_PROGRAM_TEXT, program, 0, 0, GL_PROGRAM_LENGTH_ARB);
}

int64_t wire_block_params(struct wire_state *st, GLuint program, GLuint index, GLenum pname)
{
	if (pname != GL_UNIFORM_BLOCK_ACTIVE_UNIFORM_INDICES)
		return 1;
	return answer(
		st, WIRE_ASK_BLOCK, program, 0, (GLint)index, GL_UNIFORM_BLOCK_ACTIVE_UNIFORMS);
}

int64_t wire_atomic_params(struct wire_state *st, GLuint program, GLuint index, GLenum pname)
{
	if (pname != GL_ATOMIC_COUNTER_BUFFER_ACTIVE_ATOMIC_COUNTER_INDICES)
		return 1;
	return answer(st, WIRE_ASK_ATOMIC, program, 0, (GLint)index,
		GL_ATOMIC_COUNTER_BUFFER_ACTIVE_ATOMIC_COUNTERS);
}

int64_t wire_subroutine_params(
	struct wire_state *st, GLuint program, GLenum stage, GLuint index, GLenum pname)
{
	if (pname != GL_COMPATIBLE_SUBROUTINES)
		return 1;
	return answer(st, WIRE_ASK_SUBROUTINE, program, stage, (GLint)index,
		GL_NUM_COMPATIBLE_SUBROUTINES);
}

GLint wire_level(struct wire_state *st, enum wire_ask how, GLuint object, GLenum target,
	GLint level, GLenum pname)
{
	/* The faces of a cube that is read as a whole follow each other
	 * (GL_ARB_direct_state_access). */
	const int64_t value = answer(st, how, object, target, level, pname);
	if (how == WIRE_ASK_NAMED_LEVEL && pname == GL_TEXTURE_DEPTH &&
		st->ask(st, WIRE_ASK_NAMED_TARGET, object, 0, 0, GL_TEXTURE_TARGET) ==
			GL_TEXTURE_CUBE_MAP)
		return 6;
	return (GLint)value;
}

int wire_level_dimensions(struct wire_state *st, enum wire_ask how, GLuint object, GLenum target)
{
	if (how == WIRE_ASK_NAMED_LEVEL)
		target = (GLenum)answer(st, WIRE_ASK_NAMED_TARGET, object, 0, 0, GL_TEXTURE_TARGET);
	switch (target) {
	case GL_TEXTURE_1D:
		return 1;
	case GL_TEXTURE_3D:
	case GL_TEXTURE_2D_ARRAY:
	case GL_TEXTURE_CUBE_MAP_ARRAY:
	case GL_TEXTURE_CUBE_MAP:
		return 3;
	default:
		return 2;
	}
}

static size_t compressed(
	struct wire_state *st, enum wire_ask how, GLuint object, GLenum target, GLint level)
{
	const int64_t bytes =
		answer(st, how, object, target, level, GL_TEXTURE_COMPRESSED_IMAGE_SIZE);
	const bool cube = how == WIRE_ASK_NAMED_LEVEL &&
		st->ask(st, WIRE_ASK_NAMED_TARGET, object, 0, 0, GL_TEXTURE_TARGET) ==
			GL_TEXTURE_CUBE_MAP;
	return (size_t)bytes * (cube ? 6 : 1);
}

size_t wire_compressed(struct wire_state *st, GLenum target, GLint level)
{
	return compressed(st, WIRE_ASK_LEVEL, 0, target, level);
}

size_t wire_unit_compressed(struct wire_state *st, GLenum unit, GLenum target, GLint level)
{
	return compressed(st, WIRE_ASK_UNIT_LEVEL, unit, target, level);
}

size_t wire_named_compressed(struct wire_state *st, GLuint texture, GLint level)
{
	return compressed(st, WIRE_ASK_NAMED_LEVEL, texture, 0, level);
}

size_t wire_named_compressed_ext(struct wire_state *st, GLuint texture, GLenum target, GLint level)
{
	return compressed(st, WIRE_ASK_NAMED_LEVEL_EXT, texture, target, level);
}
