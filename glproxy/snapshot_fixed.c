/*
 * State of one context that compatibility profiles have on top: matrices and their stacks, current
 * colour, normal and texture coordinates, lights, materials, fog, texture environments and
 * generation, clip planes, pixel transfer. Positions were turned into eye coordinates when they
 * were set, so they are put while the modelview matrix is the identity.
 */
#include "glproxy/snapshot_stream.h"

#include <string.h>

static void reals(struct take *t, GLenum pname, GLfloat *values, size_t count)
{
	GLfloat found[16] = {0};
	t->gl->GetFloatv(pname, found);
	take_failed(t);
	memcpy(values, found, count * sizeof(*values));
}

static GLfloat real(struct take *t, GLenum pname)
{
	GLfloat value;
	reals(t, pname, &value, 1);
	return value;
}

static GLenum number(struct take *t, GLenum pname)
{
	return (GLenum)take_integer(t, pname);
}

/* ---- matrices ---- */

#define DEPTH_MAX 64

static void put_matrix(struct take *t, const GLfloat *matrix)
{
	struct wire_glLoadMatrixf load = {.head = {WIRE_glLoadMatrixf, (sizeof(load) + 7) / 8}};
	memcpy(load.m, matrix, sizeof(load.m));
	stream_put(&t->out, &load, sizeof(load));
}

/* The stack is taken down to be read, and built up again. */
static void put_stack(struct take *t, GLenum mode, GLenum matrix, GLenum depth_name)
{
	GLfloat values[DEPTH_MAX][16];
	const GLint depth = take_integer(t, depth_name);
	if (depth < 1 || depth > DEPTH_MAX) {
		take_refuse(t, "a matrix stack of %d matrices", depth);
		return;
	}
	t->gl->MatrixMode(mode);
	for (GLint i = depth; i-- > 0;) {
		t->gl->GetFloatv(matrix, values[i]);
		if (i)
			t->gl->PopMatrix();
	}
	PUT(&t->out, glMatrixMode, .mode = mode);
	for (GLint i = 0; i < depth; i++) {
		if (i) {
			t->gl->PushMatrix();
			t->gl->LoadMatrixf(values[i]);
			PUT(&t->out, glPushMatrix);
		}
		put_matrix(t, values[i]);
	}
}

void take_matrices(struct take *t)
{
	const GLenum mode = number(t, GL_MATRIX_MODE);
	const GLint active = take_integer(t, GL_ACTIVE_TEXTURE);
	const GLint units = take_integer(t, GL_MAX_TEXTURE_COORDS);
	put_stack(t, GL_PROJECTION, GL_PROJECTION_MATRIX, GL_PROJECTION_STACK_DEPTH);
	put_stack(t, GL_MODELVIEW, GL_MODELVIEW_MATRIX, GL_MODELVIEW_STACK_DEPTH);
	for (GLint unit = 0; unit < units; unit++) {
		t->gl->ActiveTexture(GL_TEXTURE0 + (GLenum)unit);
		PUT(&t->out, glActiveTexture, .texture = GL_TEXTURE0 + (GLenum)unit);
		put_stack(t, GL_TEXTURE, GL_TEXTURE_MATRIX, GL_TEXTURE_STACK_DEPTH);
	}
	t->gl->ActiveTexture((GLenum)active);
	PUT(&t->out, glActiveTexture, .texture = (GLenum)active);
	t->gl->MatrixMode(mode);
	PUT(&t->out, glMatrixMode, .mode = mode);
}

/* ---- light ---- */

static void put_light(struct take *t, GLenum light)
{
	static const struct {
		GLenum name;
		size_t count;
	} values[] = {{GL_AMBIENT, 4}, {GL_DIFFUSE, 4}, {GL_SPECULAR, 4}, {GL_POSITION, 4},
		{GL_SPOT_DIRECTION, 3}, {GL_SPOT_EXPONENT, 1}, {GL_SPOT_CUTOFF, 1},
		{GL_CONSTANT_ATTENUATION, 1}, {GL_LINEAR_ATTENUATION, 1},
		{GL_QUADRATIC_ATTENUATION, 1}};
	for (size_t i = 0; i < array_len(values); i++) {
		GLfloat value[4] = {0};
		t->gl->GetLightfv(light, values[i].name, value);
		PUT(&t->out, glLightfv, .light = light, .pname = values[i].name,
			.params = stream_data(&t->out, value, values[i].count * sizeof(GLfloat)));
	}
}

static void put_material(struct take *t, GLenum face)
{
	static const GLenum colours[] = {GL_AMBIENT, GL_DIFFUSE, GL_SPECULAR, GL_EMISSION};
	GLfloat value[4] = {0};
	for (size_t i = 0; i < array_len(colours); i++) {
		t->gl->GetMaterialfv(face, colours[i], value);
		PUT(&t->out, glMaterialfv, .face = face, .pname = colours[i],
			.params = stream_data(&t->out, value, sizeof(value)));
	}
	t->gl->GetMaterialfv(face, GL_SHININESS, value);
	PUT(&t->out, glMaterialf, .face = face, .pname = GL_SHININESS, .param = value[0]);
	t->gl->GetMaterialfv(face, GL_COLOR_INDEXES, value);
	PUT(&t->out, glMaterialfv, .face = face, .pname = GL_COLOR_INDEXES,
		.params = stream_data(&t->out, value, 3 * sizeof(GLfloat)));
}

static void put_lighting(struct take *t)
{
	GLfloat ambient[4];
	reals(t, GL_LIGHT_MODEL_AMBIENT, ambient, 4);
	PUT(&t->out, glLightModelfv, .pname = GL_LIGHT_MODEL_AMBIENT,
		.params = stream_data(&t->out, ambient, sizeof(ambient)));
	PUT(&t->out, glLightModelf, .pname = GL_LIGHT_MODEL_LOCAL_VIEWER,
		.param = real(t, GL_LIGHT_MODEL_LOCAL_VIEWER));
	PUT(&t->out, glLightModelf, .pname = GL_LIGHT_MODEL_TWO_SIDE,
		.param = real(t, GL_LIGHT_MODEL_TWO_SIDE));
	PUT(&t->out, glLightModeli, .pname = GL_LIGHT_MODEL_COLOR_CONTROL,
		.param = take_integer(t, GL_LIGHT_MODEL_COLOR_CONTROL));
	for (GLenum i = 0; i < 8; i++)
		put_light(t, GL_LIGHT0 + i);
	PUT(&t->out, glShadeModel, .mode = number(t, GL_SHADE_MODEL));
}

/* Materials follow the colour while GL_COLOR_MATERIAL is on. */
static void put_materials(struct take *t)
{
	PUT(&t->out, glDisable, .cap = GL_COLOR_MATERIAL);
	PUT(&t->out, glColorMaterial, .face = number(t, GL_COLOR_MATERIAL_FACE),
		.mode = number(t, GL_COLOR_MATERIAL_PARAMETER));
	put_material(t, GL_FRONT);
	put_material(t, GL_BACK);
}

/* ---- textures ---- */

static void put_environment(struct take *t)
{
	static const GLenum names[] = {GL_TEXTURE_ENV_MODE, GL_COMBINE_RGB, GL_COMBINE_ALPHA,
		GL_SRC0_RGB, GL_SRC1_RGB, GL_SRC2_RGB, GL_SRC0_ALPHA, GL_SRC1_ALPHA, GL_SRC2_ALPHA,
		GL_OPERAND0_RGB, GL_OPERAND1_RGB, GL_OPERAND2_RGB, GL_OPERAND0_ALPHA,
		GL_OPERAND1_ALPHA, GL_OPERAND2_ALPHA, GL_RGB_SCALE, GL_ALPHA_SCALE,
		GL_SOURCE3_RGB_NV, GL_SOURCE3_ALPHA_NV, GL_OPERAND3_RGB_NV, GL_OPERAND3_ALPHA_NV};
	GLfloat colour[4] = {0}, bias = 0;
	GLint replace = 0;
	for (size_t i = 0; i < array_len(names); i++) {
		GLint value = 0;
		t->gl->GetTexEnviv(GL_TEXTURE_ENV, names[i], &value);
		if (!take_failed(t))
			PUT(&t->out, glTexEnvi, .target = GL_TEXTURE_ENV, .pname = names[i],
				.param = value);
	}
	t->gl->GetTexEnvfv(GL_TEXTURE_ENV, GL_TEXTURE_ENV_COLOR, colour);
	PUT(&t->out, glTexEnvfv, .target = GL_TEXTURE_ENV, .pname = GL_TEXTURE_ENV_COLOR,
		.params = stream_data(&t->out, colour, sizeof(colour)));
	t->gl->GetTexEnvfv(GL_TEXTURE_FILTER_CONTROL, GL_TEXTURE_LOD_BIAS, &bias);
	PUT(&t->out, glTexEnvf, .target = GL_TEXTURE_FILTER_CONTROL, .pname = GL_TEXTURE_LOD_BIAS,
		.param = bias);
	t->gl->GetTexEnviv(GL_POINT_SPRITE, GL_COORD_REPLACE, &replace);
	PUT(&t->out, glTexEnvi, .target = GL_POINT_SPRITE, .pname = GL_COORD_REPLACE,
		.param = replace);
}

static void put_generation(struct take *t)
{
	for (GLenum coordinate = GL_S; coordinate <= GL_Q; coordinate++) {
		GLint mode = 0;
		GLfloat plane[4] = {0};
		t->gl->GetTexGeniv(coordinate, GL_TEXTURE_GEN_MODE, &mode);
		PUT(&t->out, glTexGeni, .coord = coordinate, .pname = GL_TEXTURE_GEN_MODE,
			.param = mode);
		t->gl->GetTexGenfv(coordinate, GL_OBJECT_PLANE, plane);
		PUT(&t->out, glTexGenfv, .coord = coordinate, .pname = GL_OBJECT_PLANE,
			.params = stream_data(&t->out, plane, sizeof(plane)));
		t->gl->GetTexGenfv(coordinate, GL_EYE_PLANE, plane);
		PUT(&t->out, glTexGenfv, .coord = coordinate, .pname = GL_EYE_PLANE,
			.params = stream_data(&t->out, plane, sizeof(plane)));
	}
}

static void put_unit_capabilities(struct take *t)
{
	static const GLenum names[] = {GL_TEXTURE_1D, GL_TEXTURE_2D, GL_TEXTURE_3D,
		GL_TEXTURE_CUBE_MAP, GL_TEXTURE_RECTANGLE, GL_TEXTURE_GEN_S, GL_TEXTURE_GEN_T,
		GL_TEXTURE_GEN_R, GL_TEXTURE_GEN_Q};
	for (size_t i = 0; i < array_len(names); i++)
		if (t->gl->IsEnabled(names[i]))
			PUT(&t->out, glEnable, .cap = names[i]);
	take_failed(t);
}

/* Fixed-function units are fewer than units. */
static void put_units(struct take *t)
{
	const GLint active = take_integer(t, GL_ACTIVE_TEXTURE);
	const GLint units = take_integer(t, GL_MAX_TEXTURE_UNITS);
	for (GLint unit = 0; unit < units; unit++) {
		struct wire_glMultiTexCoord4fv place = {
			.head = {WIRE_glMultiTexCoord4fv, (sizeof(place) + 7) / 8},
			.target = GL_TEXTURE0 + (GLenum)unit};
		t->gl->ActiveTexture(GL_TEXTURE0 + (GLenum)unit);
		PUT(&t->out, glActiveTexture, .texture = GL_TEXTURE0 + (GLenum)unit);
		put_environment(t);
		put_generation(t);
		put_unit_capabilities(t);
		reals(t, GL_CURRENT_TEXTURE_COORDS, place.v, 4);
		stream_put(&t->out, &place, sizeof(place));
	}
	t->gl->ActiveTexture((GLenum)active);
	PUT(&t->out, glActiveTexture, .texture = (GLenum)active);
}

/* ---- the rest ---- */

static void put_fog(struct take *t)
{
	GLfloat colour[4];
	reals(t, GL_FOG_COLOR, colour, 4);
	PUT(&t->out, glFogi, .pname = GL_FOG_MODE, .param = take_integer(t, GL_FOG_MODE));
	PUT(&t->out, glFogf, .pname = GL_FOG_DENSITY, .param = real(t, GL_FOG_DENSITY));
	PUT(&t->out, glFogf, .pname = GL_FOG_START, .param = real(t, GL_FOG_START));
	PUT(&t->out, glFogf, .pname = GL_FOG_END, .param = real(t, GL_FOG_END));
	PUT(&t->out, glFogfv, .pname = GL_FOG_COLOR,
		.params = stream_data(&t->out, colour, sizeof(colour)));
	PUT(&t->out, glFogi, .pname = GL_FOG_COORD_SRC, .param = take_integer(t, GL_FOG_COORD_SRC));
	const GLint distance = take_integer(t, GL_FOG_DISTANCE_MODE_NV);
	if (distance)
		PUT(&t->out, glFogi, .pname = GL_FOG_DISTANCE_MODE_NV, .param = distance);
}

static void put_planes(struct take *t)
{
	const GLint count = take_integer(t, GL_MAX_CLIP_PLANES);
	for (GLenum i = 0; i < (GLenum)count; i++) {
		struct wire_glClipPlane plane = {
			.head = {WIRE_glClipPlane, (sizeof(plane) + 7) / 8},
			.plane = GL_CLIP_PLANE0 + i};
		t->gl->GetClipPlane(GL_CLIP_PLANE0 + i, plane.equation);
		stream_put(&t->out, &plane, sizeof(plane));
	}
}

static void put_pixel_transfer(struct take *t)
{
	static const GLenum names[] = {GL_MAP_COLOR, GL_MAP_STENCIL, GL_INDEX_SHIFT,
		GL_INDEX_OFFSET, GL_RED_SCALE, GL_RED_BIAS, GL_GREEN_SCALE, GL_GREEN_BIAS,
		GL_BLUE_SCALE, GL_BLUE_BIAS, GL_ALPHA_SCALE, GL_ALPHA_BIAS, GL_DEPTH_SCALE,
		GL_DEPTH_BIAS};
	for (size_t i = 0; i < array_len(names); i++)
		PUT(&t->out, glPixelTransferf, .pname = names[i], .param = real(t, names[i]));
	PUT(&t->out, glPixelZoom, .xfactor = real(t, GL_ZOOM_X), .yfactor = real(t, GL_ZOOM_Y));
}

static void put_colours(struct take *t, GLenum colour, GLenum secondary)
{
	GLfloat v[4];
	reals(t, colour, v, 4);
	PUT(&t->out, glColor4f, .red = v[0], .green = v[1], .blue = v[2], .alpha = v[3]);
	reals(t, secondary, v, 3);
	PUT(&t->out, glSecondaryColor3f, .red = v[0], .green = v[1], .blue = v[2]);
}

/* No config has an accumulation buffer, nor colours by index. */
static void put_unused_buffers(struct take *t)
{
	GLfloat v[4];
	reals(t, GL_ACCUM_CLEAR_VALUE, v, 4);
	PUT(&t->out, glClearAccum, .red = v[0], .green = v[1], .blue = v[2], .alpha = v[3]);
	PUT(&t->out, glClearIndex, .c = real(t, GL_INDEX_CLEAR_VALUE));
	PUT(&t->out, glIndexMask, .mask = number(t, GL_INDEX_WRITEMASK));
}

static void put_current(struct take *t)
{
	GLfloat v[4];
	put_colours(t, GL_CURRENT_COLOR, GL_CURRENT_SECONDARY_COLOR);
	reals(t, GL_CURRENT_NORMAL, v, 3);
	PUT(&t->out, glNormal3f, .nx = v[0], .ny = v[1], .nz = v[2]);
	PUT(&t->out, glFogCoordf, .coord = real(t, GL_CURRENT_FOG_COORD));
	PUT(&t->out, glEdgeFlag, .flag = (GLboolean)take_integer(t, GL_EDGE_FLAG));
	PUT(&t->out, glIndexf, .c = real(t, GL_CURRENT_INDEX));
	PUT(&t->out, glAlphaFunc, .func = number(t, GL_ALPHA_TEST_FUNC),
		.ref = real(t, GL_ALPHA_TEST_REF));
	PUT(&t->out, glLineStipple, .factor = take_integer(t, GL_LINE_STIPPLE_REPEAT),
		.pattern = (GLushort)take_integer(t, GL_LINE_STIPPLE_PATTERN));
	PUT(&t->out, glListBase, .base = number(t, GL_LIST_BASE));
}

/* What goes with a raster position is taken from the current values: put_current() and its like
 * come later. */
static void put_raster_values(struct take *t)
{
	put_colours(t, GL_CURRENT_RASTER_COLOR, GL_CURRENT_RASTER_SECONDARY_COLOR);
	PUT(&t->out, glFogi, .pname = GL_FOG_COORD_SRC, .param = GL_FOG_COORD);
	PUT(&t->out, glFogCoordf, .coord = real(t, GL_CURRENT_RASTER_DISTANCE));
	const GLint active = take_integer(t, GL_ACTIVE_TEXTURE);
	const GLint units = take_integer(t, GL_MAX_TEXTURE_UNITS);
	for (GLint unit = 0; unit < units; unit++) {
		struct wire_glMultiTexCoord4fv place = {
			.head = {WIRE_glMultiTexCoord4fv, (sizeof(place) + 7) / 8},
			.target = GL_TEXTURE0 + (GLenum)unit};
		t->gl->ActiveTexture(GL_TEXTURE0 + (GLenum)unit);
		reals(t, GL_CURRENT_RASTER_TEXTURE_COORDS, place.v, 4);
		stream_put(&t->out, &place, sizeof(place));
	}
	t->gl->ActiveTexture((GLenum)active);
}

/* Set in window coordinates, or outside of what is seen; the matrices are the identity here. */
static void put_raster_place(struct take *t)
{
	GLfloat p[4];
	GLdouble range[2] = {0, 1};
	const GLint program = take_integer(t, GL_CURRENT_PROGRAM);
	reals(t, GL_CURRENT_RASTER_POSITION, p, 4);
	t->gl->GetDoublei_v(GL_DEPTH_RANGE, 0, range);
	PUT(&t->out, glDepthRangeIndexed, .n = 0, .f = 1);
	PUT(&t->out, glWindowPos3f, .x = p[0], .y = p[1], .z = p[2]);
	PUT(&t->out, glDepthRangeIndexed, .n = range[0], .f = range[1]);
	if (take_integer(t, GL_CURRENT_RASTER_POSITION_VALID))
		return;
	PUT(&t->out, glUseProgram);
	PUT(&t->out, glRasterPos4f, .x = 2, .y = 2, .z = 2, .w = 1);
	PUT(&t->out, glUseProgram,
		.program = take_name(t, NAMES_program, (GLuint)program, "program", "the context"));
}

static void put_raster(struct take *t)
{
	GLfloat zero[4] = {0, 0, 0, 1}, position[4];
	reals(t, GL_CURRENT_RASTER_POSITION, position, 4);
	if (!memcmp(zero, position, sizeof(zero)) &&
		take_integer(t, GL_CURRENT_RASTER_POSITION_VALID))
		return;
	put_raster_values(t);
	put_raster_place(t);
}

/* ---- tables ---- */

/* Components of a control point, in the order of the names. */
static const GLint components[] = {4, 1, 3, 1, 2, 3, 4, 3, 4};

#define ORDER_MAX 30

static void put_map_enabled(struct take *t, GLenum target)
{
	if (t->gl->IsEnabled(target))
		PUT(&t->out, glEnable, .cap = target);
}

static void put_map1(struct take *t, GLenum target, GLint each)
{
	GLfloat points[ORDER_MAX * 4] = {0}, domain[2] = {0, 1};
	GLint order = 1;
	t->gl->GetMapiv(target, GL_ORDER, &order);
	t->gl->GetMapfv(target, GL_DOMAIN, domain);
	if (order < 1 || order > ORDER_MAX) {
		take_refuse(t, "an evaluator of order %d", order);
		return;
	}
	t->gl->GetMapfv(target, GL_COEFF, points);
	PUT(&t->out, glMap1f, .target = target, .u1 = domain[0], .u2 = domain[1], .stride = each,
		.order = order,
		.points = stream_data(&t->out, points, (size_t)(order * each) * sizeof(*points)));
	put_map_enabled(t, target);
}

static void put_map2(struct take *t, GLenum target, GLint each)
{
	GLfloat points[ORDER_MAX * ORDER_MAX * 4] = {0}, domain[4] = {0, 1, 0, 1};
	GLint order[2] = {1, 1};
	t->gl->GetMapiv(target, GL_ORDER, order);
	t->gl->GetMapfv(target, GL_DOMAIN, domain);
	if (order[0] < 1 || order[0] > ORDER_MAX || order[1] < 1 || order[1] > ORDER_MAX) {
		take_refuse(t, "an evaluator of order %d x %d", order[0], order[1]);
		return;
	}
	t->gl->GetMapfv(target, GL_COEFF, points);
	PUT(&t->out, glMap2f, .target = target, .u1 = domain[0], .u2 = domain[1],
		.ustride = each * order[1], .uorder = order[0], .v1 = domain[2], .v2 = domain[3],
		.vstride = each, .vorder = order[1],
		.points = stream_data(
			&t->out, points, (size_t)(order[0] * order[1] * each) * sizeof(*points)));
	put_map_enabled(t, target);
}

static void put_evaluators(struct take *t)
{
	GLfloat domain[4];
	GLint segments[2] = {1, 1};
	for (GLenum i = 0; i < array_len(components); i++) {
		put_map1(t, GL_MAP1_COLOR_4 + i, components[i]);
		put_map2(t, GL_MAP2_COLOR_4 + i, components[i]);
	}
	reals(t, GL_MAP1_GRID_DOMAIN, domain, 2);
	PUT(&t->out, glMapGrid1f, .un = take_integer(t, GL_MAP1_GRID_SEGMENTS), .u1 = domain[0],
		.u2 = domain[1]);
	reals(t, GL_MAP2_GRID_DOMAIN, domain, 4);
	t->gl->GetIntegerv(GL_MAP2_GRID_SEGMENTS, segments);
	PUT(&t->out, glMapGrid2f, .un = segments[0], .u1 = domain[0], .u2 = domain[1],
		.vn = segments[1], .v1 = domain[2], .v2 = domain[3]);
}

/* Pixel store and buffers are plain while a stream is written and executed this far. */
static void put_pixel_maps(struct take *t)
{
	for (GLenum i = 0; i < WIRE_PIXEL_MAPS; i++) {
		GLfloat values[256] = {0};
		const GLint size = take_integer(t, GL_PIXEL_MAP_I_TO_I_SIZE + i);
		if (size < 1 || size > (GLint)array_len(values)) {
			take_refuse(t, "a pixel map of %d entries", size);
			return;
		}
		t->gl->GetPixelMapfv(GL_PIXEL_MAP_I_TO_I + i, values);
		PUT(&t->out, glPixelMapfv, .map = GL_PIXEL_MAP_I_TO_I + i, .mapsize = size,
			.values = stream_data(&t->out, values, (size_t)size * sizeof(*values)));
	}
}

/* ---- pictures asked for ---- */

static void put_stipple(struct take *t)
{
	GLubyte mask[128];
	t->gl->GetPolygonStipple(mask);
	PUT(&t->out, glPolygonStipple, .mask = stream_data(&t->out, mask, sizeof(mask)));
}

/* Asking for a picture or a table heeds the program's pixel store. */
static void plain_store(struct take *t, const struct wire_pixels *p, GLuint buffer)
{
	const struct {
		GLenum name;
		GLint value;
	} values[] = {{GL_PACK_SWAP_BYTES, p->swap_bytes}, {GL_PACK_LSB_FIRST, p->lsb_first},
		{GL_PACK_ROW_LENGTH, p->row_length}, {GL_PACK_SKIP_ROWS, p->skip_rows},
		{GL_PACK_SKIP_PIXELS, p->skip_pixels}, {GL_PACK_ALIGNMENT, p->alignment}};
	for (size_t i = 0; i < array_len(values); i++)
		t->gl->PixelStorei(values[i].name, values[i].value);
	t->gl->BindBuffer(GL_PIXEL_PACK_BUFFER, buffer);
}

static void put_pictures(struct take *t)
{
	static const struct wire_pixels plain = {.alignment = 4};
	const GLuint buffer = (GLuint)take_integer(t, GL_PIXEL_PACK_BUFFER_BINDING);
	plain_store(t, &plain, 0);
	take_store(&t->out, &plain, GL_UNPACK_SWAP_BYTES);
	put_stipple(t);
	put_pixel_maps(t);
	plain_store(t, &t->context->exec.state.pack, buffer);
}

void take_fixed_function(struct take *t)
{
	const bool colour_material = t->gl->IsEnabled(GL_COLOR_MATERIAL);
	if (number(t, GL_RENDER_MODE) != GL_RENDER)
		take_refuse(t, "selection or feedback is under way");
	put_raster(t);
	put_lighting(t);
	put_fog(t);
	put_planes(t);
	put_pixel_transfer(t);
	PUT(&t->out, glActiveTexture, .texture = GL_TEXTURE0); /* glMap* wants it */
	put_evaluators(t);
	put_units(t);
	put_pictures(t);
	put_materials(t);
	put_unused_buffers(t);
	put_current(t);
	if (colour_material)
		PUT(&t->out, glEnable, .cap = GL_COLOR_MATERIAL);
	PUT(&t->out, glMatrixMode, .mode = number(t, GL_MATRIX_MODE));
}
