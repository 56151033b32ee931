/*
 * State of one context that core profiles have: capabilities, bindings, fragment operations,
 * viewports, pixel store, current program. The driver is asked for everything; what it answers with
 * an error it does not have. Textures of all units, image units, and the indexed buffers are bound
 * again.
 */
#include "glproxy/snapshot_stream.h"
#include "glproxy/stacks.h"

#include <string.h>

static const GLenum capabilities[] = {GL_ALPHA_TEST, GL_AUTO_NORMAL, GL_COLOR_LOGIC_OP,
	GL_COLOR_MATERIAL, GL_COLOR_SUM, GL_CULL_FACE, GL_DEPTH_CLAMP, GL_DEPTH_TEST, GL_DITHER,
	GL_FOG, GL_FRAMEBUFFER_SRGB, GL_INDEX_LOGIC_OP, GL_LIGHTING, GL_LINE_SMOOTH,
	GL_LINE_STIPPLE, GL_MULTISAMPLE, GL_NORMALIZE, GL_POINT_SMOOTH, GL_POINT_SPRITE,
	GL_POLYGON_OFFSET_FILL, GL_POLYGON_OFFSET_LINE, GL_POLYGON_OFFSET_POINT, GL_POLYGON_SMOOTH,
	GL_POLYGON_STIPPLE, GL_PRIMITIVE_RESTART, GL_PRIMITIVE_RESTART_FIXED_INDEX,
	GL_PROGRAM_POINT_SIZE, GL_RASTERIZER_DISCARD, GL_RESCALE_NORMAL,
	GL_SAMPLE_ALPHA_TO_COVERAGE, GL_SAMPLE_ALPHA_TO_ONE, GL_SAMPLE_COVERAGE, GL_SAMPLE_MASK,
	GL_SAMPLE_SHADING, GL_STENCIL_TEST, GL_TEXTURE_CUBE_MAP_SEAMLESS,
	GL_VERTEX_PROGRAM_TWO_SIDE, GL_LIGHT0, GL_LIGHT1, GL_LIGHT2, GL_LIGHT3, GL_LIGHT4,
	GL_LIGHT5, GL_LIGHT6, GL_LIGHT7, GL_CLIP_DISTANCE0, GL_CLIP_DISTANCE1, GL_CLIP_DISTANCE2,
	GL_CLIP_DISTANCE3, GL_CLIP_DISTANCE4, GL_CLIP_DISTANCE5, GL_CLIP_DISTANCE6,
	GL_CLIP_DISTANCE7};

static void put_capabilities(struct take *t)
{
	for (size_t i = 0; i < array_len(capabilities); i++) {
		const bool on = t->gl->IsEnabled(capabilities[i]);
		if (take_failed(t))
			continue;
		if (on)
			PUT(&t->out, glEnable, .cap = capabilities[i]);
		else
			PUT(&t->out, glDisable, .cap = capabilities[i]);
	}
}

static GLfloat real(struct take *t, GLenum pname)
{
	GLfloat value[16] = {0};
	t->gl->GetFloatv(pname, value);
	return take_failed(t) ? 0 : value[0];
}

static GLenum number(struct take *t, GLenum pname)
{
	return (GLenum)take_integer(t, pname);
}

/* False, and nothing to put, where this context has no such state. */
static bool asked(struct take *t, GLenum pname, GLint *value)
{
	GLint found[16] = {0};
	t->gl->GetIntegerv(pname, found);
	*value = found[0];
	return !take_failed(t);
}

static bool asked_real(struct take *t, GLenum pname, GLfloat *value)
{
	GLfloat found[16] = {0};
	t->gl->GetFloatv(pname, found);
	*value = found[0];
	return !take_failed(t);
}

/* PUT() with the value of a name where the context has it. */
#define PUT_NUMBER(t, name, call, member)                                                         \
	do {                                                                                      \
		GLint value_;                                                                     \
		if (asked(t, name, &value_))                                                      \
			PUT(&(t)->out, call,                                                      \
				.member = (__typeof__(((struct wire_##call *)0)->member))value_); \
	} while (0)
#define PUT_REAL(t, name, call, member)                         \
	do {                                                    \
		GLfloat value_;                                 \
		if (asked_real(t, name, &value_))               \
			PUT(&(t)->out, call, .member = value_); \
	} while (0)

static bool is_es(const struct take *t)
{
	return t->context->api == EGL_OPENGL_ES_API;
}

/* ---- fragments ---- */

static void put_switch(struct take *t, GLenum target, GLuint index, bool on)
{
	if (on)
		PUT(&t->out, glEnablei, .target = target, .index = index);
	else
		PUT(&t->out, glDisablei, .target = target, .index = index);
}

static const GLenum blending[] = {GL_BLEND_SRC_RGB, GL_BLEND_DST_RGB, GL_BLEND_SRC_ALPHA,
	GL_BLEND_DST_ALPHA, GL_BLEND_EQUATION_RGB, GL_BLEND_EQUATION_ALPHA};

/* False where the context knows one blending for all buffers. */
static bool put_blending_of(struct take *t, GLuint i)
{
	GLint value[array_len(blending)] = {0};
	GLboolean mask[4] = {0};
	for (size_t n = 0; n < array_len(blending); n++)
		t->gl->GetIntegeri_v(blending[n], i, &value[n]);
	t->gl->GetBooleani_v(GL_COLOR_WRITEMASK, i, mask);
	const bool on = t->gl->IsEnabledi(GL_BLEND, i);
	if (take_failed(t))
		return false;
	PUT(&t->out, glBlendFuncSeparatei, .buf = i, .srcRGB = (GLenum)value[0],
		.dstRGB = (GLenum)value[1], .srcAlpha = (GLenum)value[2],
		.dstAlpha = (GLenum)value[3]);
	PUT(&t->out, glBlendEquationSeparatei, .buf = i, .modeRGB = (GLenum)value[4],
		.modeAlpha = (GLenum)value[5]);
	PUT(&t->out, glColorMaski, .index = i, .r = mask[0], .g = mask[1], .b = mask[2],
		.a = mask[3]);
	put_switch(t, GL_BLEND, i, on);
	return true;
}

static void put_one_blending(struct take *t)
{
	GLint value[array_len(blending)] = {0};
	GLboolean mask[4] = {0};
	for (size_t n = 0; n < array_len(blending); n++)
		t->gl->GetIntegerv(blending[n], &value[n]);
	t->gl->GetBooleanv(GL_COLOR_WRITEMASK, mask);
	take_failed(t);
	PUT(&t->out, glBlendFuncSeparate, .sfactorRGB = (GLenum)value[0],
		.dfactorRGB = (GLenum)value[1], .sfactorAlpha = (GLenum)value[2],
		.dfactorAlpha = (GLenum)value[3]);
	PUT(&t->out, glBlendEquationSeparate, .modeRGB = (GLenum)value[4],
		.modeAlpha = (GLenum)value[5]);
	PUT(&t->out, glColorMask, .red = mask[0], .green = mask[1], .blue = mask[2],
		.alpha = mask[3]);
	if (t->gl->IsEnabled(GL_BLEND))
		PUT(&t->out, glEnable, .cap = GL_BLEND);
}

static void put_blending(struct take *t)
{
	const GLint count = take_integer(t, GL_MAX_DRAW_BUFFERS);
	GLfloat colour[4] = {0};
	t->gl->GetFloatv(GL_BLEND_COLOR, colour);
	if (!take_failed(t))
		PUT(&t->out, glBlendColor, .red = colour[0], .green = colour[1], .blue = colour[2],
			.alpha = colour[3]);
	bool each = count > 0;
	for (GLuint i = 0; each && i < (GLuint)count; i++)
		each = put_blending_of(t, i);
	if (!each && is_es(t))
		put_one_blending(t);
	else if (!each)
		take_refuse(t, "blending cannot be asked for by buffer");
}

/* Reference values are answered clamped to the stencil buffer there is: they are asked for with one
 * of full range bound. */
static void stencil_references(struct take *t, GLint *front, GLint *back)
{
	if (is_es(t)) {
		*front = take_integer(t, GL_STENCIL_REF);
		*back = take_integer(t, GL_STENCIL_BACK_REF);
		return;
	}
	const GLint framebuffer = take_integer(t, GL_DRAW_FRAMEBUFFER_BINDING);
	const GLint renderbuffer = take_integer(t, GL_RENDERBUFFER_BINDING);
	GLuint names[2];
	t->gl->GenFramebuffers(1, &names[0]);
	t->gl->GenRenderbuffers(1, &names[1]);
	t->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, names[0]);
	t->gl->BindRenderbuffer(GL_RENDERBUFFER, names[1]);
	t->gl->RenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, 1, 1);
	t->gl->FramebufferRenderbuffer(
		GL_DRAW_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER, names[1]);
	t->gl->CheckFramebufferStatus(GL_DRAW_FRAMEBUFFER);
	*front = take_integer(t, GL_STENCIL_REF);
	*back = take_integer(t, GL_STENCIL_BACK_REF);
	t->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, (GLuint)framebuffer);
	t->gl->BindRenderbuffer(GL_RENDERBUFFER, (GLuint)renderbuffer);
	t->gl->DeleteFramebuffers(1, &names[0]);
	t->gl->DeleteRenderbuffers(1, &names[1]);
}

static void put_stencil(struct take *t)
{
	struct stream *s = &t->out;
	GLint front, back;
	stencil_references(t, &front, &back);
	PUT(s, glStencilFuncSeparate, .face = GL_FRONT, .func = number(t, GL_STENCIL_FUNC),
		.ref = front, .mask = number(t, GL_STENCIL_VALUE_MASK));
	PUT(s, glStencilFuncSeparate, .face = GL_BACK, .func = number(t, GL_STENCIL_BACK_FUNC),
		.ref = back, .mask = number(t, GL_STENCIL_BACK_VALUE_MASK));
	PUT(s, glStencilOpSeparate, .face = GL_FRONT, .sfail = number(t, GL_STENCIL_FAIL),
		.dpfail = number(t, GL_STENCIL_PASS_DEPTH_FAIL),
		.dppass = number(t, GL_STENCIL_PASS_DEPTH_PASS));
	PUT(s, glStencilOpSeparate, .face = GL_BACK, .sfail = number(t, GL_STENCIL_BACK_FAIL),
		.dpfail = number(t, GL_STENCIL_BACK_PASS_DEPTH_FAIL),
		.dppass = number(t, GL_STENCIL_BACK_PASS_DEPTH_PASS));
	PUT(s, glStencilMaskSeparate, .face = GL_FRONT, .mask = number(t, GL_STENCIL_WRITEMASK));
	PUT(s, glStencilMaskSeparate, .face = GL_BACK,
		.mask = number(t, GL_STENCIL_BACK_WRITEMASK));
	PUT(s, glClearStencil, .s = take_integer(t, GL_STENCIL_CLEAR_VALUE));
}

static void put_depths(struct take *t)
{
	GLfloat shallow = 1;
	GLdouble depth = 1;
	if (is_es(t)) {
		t->gl->GetFloatv(GL_DEPTH_CLEAR_VALUE, &shallow);
		PUT(&t->out, glClearDepthf, .d = shallow);
	} else {
		t->gl->GetDoublev(GL_DEPTH_CLEAR_VALUE, &depth);
		PUT(&t->out, glClearDepth, .depth = depth);
	}
	PUT_NUMBER(t, GL_DEPTH_WRITEMASK, glDepthMask, flag);
	PUT_NUMBER(t, GL_DEPTH_FUNC, glDepthFunc, func);
}

/* Of ES 1 the functions that have one face. */
static void put_plain_stencil(struct take *t)
{
	PUT(&t->out, glStencilFunc, .func = number(t, GL_STENCIL_FUNC),
		.ref = take_integer(t, GL_STENCIL_REF), .mask = number(t, GL_STENCIL_VALUE_MASK));
	PUT(&t->out, glStencilOp, .fail = number(t, GL_STENCIL_FAIL),
		.zfail = number(t, GL_STENCIL_PASS_DEPTH_FAIL),
		.zpass = number(t, GL_STENCIL_PASS_DEPTH_PASS));
	PUT(&t->out, glStencilMask, .mask = number(t, GL_STENCIL_WRITEMASK));
	PUT(&t->out, glClearStencil, .s = take_integer(t, GL_STENCIL_CLEAR_VALUE));
}

static void put_fragments(struct take *t)
{
	struct stream *s = &t->out;
	GLfloat clear[4] = {0};
	t->gl->GetFloatv(GL_COLOR_CLEAR_VALUE, clear);
	PUT(s, glClearColor, .red = clear[0], .green = clear[1], .blue = clear[2],
		.alpha = clear[3]);
	put_depths(t);
	PUT_NUMBER(t, GL_LOGIC_OP_MODE, glLogicOp, opcode);
	PUT(s, glSampleCoverage, .value = real(t, GL_SAMPLE_COVERAGE_VALUE),
		.invert = (GLboolean)take_integer(t, GL_SAMPLE_COVERAGE_INVERT));
	GLint mask = -1;
	t->gl->GetIntegeri_v(GL_SAMPLE_MASK_VALUE, 0, &mask);
	if (!take_failed(t))
		PUT(s, glSampleMaski, .mask = (GLbitfield)mask);
	PUT_REAL(t, GL_MIN_SAMPLE_SHADING_VALUE, glMinSampleShading, value);
	put_blending(t);
	if (is_es(t) && t->context->version < 20)
		put_plain_stencil(t);
	else
		put_stencil(t);
}

/* ---- rasterization ---- */

static void put_viewport(struct take *t, GLuint i)
{
	struct wire_glViewportIndexedfv view = {
		.head = {WIRE_glViewportIndexedfv, (sizeof(view) + 7) / 8}, .index = i};
	GLint box[4] = {0};
	GLdouble range[2] = {0, 1};
	t->gl->GetFloati_v(GL_VIEWPORT, i, view.v);
	t->gl->GetIntegeri_v(GL_SCISSOR_BOX, i, box);
	t->gl->GetDoublei_v(GL_DEPTH_RANGE, i, range);
	stream_put(&t->out, &view, sizeof(view));
	PUT(&t->out, glScissorIndexed, .index = i, .left = box[0], .bottom = box[1],
		.width = box[2], .height = box[3]);
	PUT(&t->out, glDepthRangeIndexed, .index = i, .n = range[0], .f = range[1]);
	put_switch(t, GL_SCISSOR_TEST, i, t->gl->IsEnabledi(GL_SCISSOR_TEST, i));
}

static void put_one_viewport(struct take *t)
{
	GLint view[4] = {0}, box[4] = {0};
	GLfloat range[2] = {0, 1};
	t->gl->GetIntegerv(GL_VIEWPORT, view);
	t->gl->GetIntegerv(GL_SCISSOR_BOX, box);
	t->gl->GetFloatv(GL_DEPTH_RANGE, range);
	PUT(&t->out, glViewport, .x = view[0], .y = view[1], .width = view[2], .height = view[3]);
	PUT(&t->out, glScissor, .x = box[0], .y = box[1], .width = box[2], .height = box[3]);
	PUT(&t->out, glDepthRangef, .n = range[0], .f = range[1]);
	if (t->gl->IsEnabled(GL_SCISSOR_TEST))
		PUT(&t->out, glEnable, .cap = GL_SCISSOR_TEST);
}

static void put_viewports(struct take *t)
{
	const GLint count = is_es(t) ? 0 : take_integer(t, GL_MAX_VIEWPORTS);
	for (GLuint i = 0; i < (GLuint)count; i++)
		put_viewport(t, i);
	if (!count && is_es(t))
		put_one_viewport(t);
	else if (!count || take_failed(t))
		take_refuse(t, "viewports cannot be asked for");
}

static void put_polygon_mode(struct take *t)
{
	GLint modes[2] = {0, 0};
	t->gl->GetIntegerv(GL_POLYGON_MODE, modes);
	if (take_failed(t) || !modes[0])
		return;
	if (t->context->core || !modes[1] || modes[0] == modes[1]) {
		PUT(&t->out, glPolygonMode, .face = GL_FRONT_AND_BACK, .mode = (GLenum)modes[0]);
		return;
	}
	PUT(&t->out, glPolygonMode, .face = GL_FRONT, .mode = (GLenum)modes[0]);
	PUT(&t->out, glPolygonMode, .face = GL_BACK, .mode = (GLenum)modes[1]);
}

static void put_points(struct take *t)
{
	GLfloat fade;
	GLint origin;
	PUT_REAL(t, GL_POINT_SIZE, glPointSize, size);
	if (asked_real(t, GL_POINT_FADE_THRESHOLD_SIZE, &fade))
		PUT(&t->out, glPointParameterf, .pname = GL_POINT_FADE_THRESHOLD_SIZE,
			.param = fade);
	if (asked(t, GL_POINT_SPRITE_COORD_ORIGIN, &origin))
		PUT(&t->out, glPointParameteri, .pname = GL_POINT_SPRITE_COORD_ORIGIN,
			.param = origin);
}

static void put_hints(struct take *t)
{
	static const GLenum hints[] = {GL_LINE_SMOOTH_HINT, GL_POLYGON_SMOOTH_HINT,
		GL_TEXTURE_COMPRESSION_HINT, GL_FRAGMENT_SHADER_DERIVATIVE_HINT,
		GL_PERSPECTIVE_CORRECTION_HINT, GL_POINT_SMOOTH_HINT, GL_FOG_HINT,
		GL_GENERATE_MIPMAP_HINT};
	const size_t known = t->context->core ? 4 : array_len(hints);
	for (size_t i = 0; i < known; i++) {
		const GLenum mode = number(t, hints[i]);
		if (mode)
			PUT(&t->out, glHint, .target = hints[i], .mode = mode);
	}
}

static void put_polygon_offset(struct take *t)
{
	const GLfloat factor = real(t, GL_POLYGON_OFFSET_FACTOR);
	const GLfloat units = real(t, GL_POLYGON_OFFSET_UNITS);
	const GLfloat clamp = real(t, GL_POLYGON_OFFSET_CLAMP);
	if (clamp != 0)
		PUT(&t->out, glPolygonOffsetClamp, .factor = factor, .units = units,
			.clamp = clamp);
	else
		PUT(&t->out, glPolygonOffset, .factor = factor, .units = units);
}

static void put_rasterization(struct take *t)
{
	struct stream *s = &t->out;
	put_polygon_mode(t);
	PUT(s, glCullFace, .mode = number(t, GL_CULL_FACE_MODE));
	PUT(s, glFrontFace, .mode = number(t, GL_FRONT_FACE));
	PUT(s, glLineWidth, .width = real(t, GL_LINE_WIDTH));
	put_polygon_offset(t);
	put_points(t);
	PUT_NUMBER(t, GL_PROVOKING_VERTEX, glProvokingVertex, mode);
	if (!is_es(t))
		PUT(s, glPrimitiveRestartIndex, .index = t->context->exec.state.restart_index);
	put_hints(t);
	put_viewports(t);
}

/* ---- bindings ---- */

static const struct {
	GLenum target, binding;
} texture_targets[] = {{GL_TEXTURE_1D, GL_TEXTURE_BINDING_1D},
	{GL_TEXTURE_2D, GL_TEXTURE_BINDING_2D}, {GL_TEXTURE_3D, GL_TEXTURE_BINDING_3D},
	{GL_TEXTURE_CUBE_MAP, GL_TEXTURE_BINDING_CUBE_MAP},
	{GL_TEXTURE_RECTANGLE, GL_TEXTURE_BINDING_RECTANGLE},
	{GL_TEXTURE_1D_ARRAY, GL_TEXTURE_BINDING_1D_ARRAY},
	{GL_TEXTURE_2D_ARRAY, GL_TEXTURE_BINDING_2D_ARRAY},
	{GL_TEXTURE_CUBE_MAP_ARRAY, GL_TEXTURE_BINDING_CUBE_MAP_ARRAY},
	{GL_TEXTURE_BUFFER, GL_TEXTURE_BINDING_BUFFER},
	{GL_TEXTURE_2D_MULTISAMPLE, GL_TEXTURE_BINDING_2D_MULTISAMPLE},
	{GL_TEXTURE_2D_MULTISAMPLE_ARRAY, GL_TEXTURE_BINDING_2D_MULTISAMPLE_ARRAY}};
#define PLAIN_TARGETS 8 /* that have parameters */

static void put_units(struct take *t)
{
	const GLint active = take_integer(t, GL_ACTIVE_TEXTURE);
	const GLint units = take_integer(t, GL_MAX_COMBINED_TEXTURE_IMAGE_UNITS);
	for (GLint unit = 0; unit < units; unit++) {
		t->gl->ActiveTexture(GL_TEXTURE0 + (GLenum)unit);
		PUT(&t->out, glActiveTexture, .texture = GL_TEXTURE0 + (GLenum)unit);
		for (size_t i = 0; i < array_len(texture_targets); i++) {
			const GLuint driver = number(t, texture_targets[i].binding);
			if (driver)
				PUT(&t->out, glBindTexture, .target = texture_targets[i].target,
					.texture = take_name(t, NAMES_texture, driver, "texture",
						"a texture unit"));
			if (t->parameters && i < PLAIN_TARGETS)
				take_parameters(t, texture_targets[i].target);
		}
		const GLuint sampler = number(t, GL_SAMPLER_BINDING);
		if (sampler)
			PUT(&t->out, glBindSampler, .unit = (GLuint)unit,
				.sampler = take_name(
					t, NAMES_sampler, sampler, "sampler", "a texture unit"));
	}
	t->gl->ActiveTexture((GLenum)active);
	PUT(&t->out, glActiveTexture, .texture = (GLenum)active);
}

static GLint indexed(struct take *t, GLenum pname, GLuint index)
{
	GLint value = 0;
	t->gl->GetIntegeri_v(pname, index, &value);
	return take_failed(t) ? 0 : value;
}

static void put_images(struct take *t)
{
	const GLint units = take_integer(t, GL_MAX_IMAGE_UNITS);
	for (GLuint unit = 0; unit < (GLuint)units; unit++) {
		const GLuint driver = (GLuint)indexed(t, GL_IMAGE_BINDING_NAME, unit);
		if (driver)
			PUT(&t->out, glBindImageTexture, .unit = unit,
				.texture = take_name(
					t, NAMES_texture, driver, "texture", "an image unit"),
				.level = indexed(t, GL_IMAGE_BINDING_LEVEL, unit),
				.layered = (GLboolean)indexed(t, GL_IMAGE_BINDING_LAYERED, unit),
				.layer = indexed(t, GL_IMAGE_BINDING_LAYER, unit),
				.access = (GLenum)indexed(t, GL_IMAGE_BINDING_ACCESS, unit),
				.format = (GLenum)indexed(t, GL_IMAGE_BINDING_FORMAT, unit));
	}
}

static void put_indexed(
	struct take *t, GLenum target, GLenum binding, GLenum start, GLenum size, GLenum most)
{
	const GLint count = take_integer(t, most);
	for (GLuint i = 0; i < (GLuint)count; i++) {
		const GLuint driver = (GLuint)indexed(t, binding, i);
		GLint64 from = 0, bytes = 0;
		if (!driver)
			continue;
		t->gl->GetInteger64i_v(start, i, &from);
		t->gl->GetInteger64i_v(size, i, &bytes);
		const GLuint name =
			take_name(t, NAMES_buffer, driver, "buffer", "an indexed binding");
		if (bytes)
			PUT(&t->out, glBindBufferRange, .target = target, .index = i,
				.buffer = name, .offset = from, .size = bytes);
		else
			PUT(&t->out, glBindBufferBase, .target = target, .index = i,
				.buffer = name);
	}
}

/* ---- transform feedback objects, which have their buffers ---- */

static void put_feedback(struct take *t)
{
	put_indexed(t, GL_TRANSFORM_FEEDBACK_BUFFER, GL_TRANSFORM_FEEDBACK_BUFFER_BINDING,
		GL_TRANSFORM_FEEDBACK_BUFFER_START, GL_TRANSFORM_FEEDBACK_BUFFER_SIZE,
		is_es(t) ? GL_MAX_TRANSFORM_FEEDBACK_SEPARATE_ATTRIBS
			 : GL_MAX_TRANSFORM_FEEDBACK_BUFFERS);
}

static void put_feedback_object(struct take *t, GLuint name, GLuint driver)
{
	t->gl->BindTransformFeedback(GL_TRANSFORM_FEEDBACK, driver);
	PUT(&t->out, glBindTransformFeedback, .target = GL_TRANSFORM_FEEDBACK, .id = name);
	put_feedback(t);
	take_label(t, GL_TRANSFORM_FEEDBACK, name, driver);
}

static void put_feedbacks(struct take *t)
{
	struct names *names = t->names[NAMES_transform_feedback];
	const GLuint bound = number(t, GL_TRANSFORM_FEEDBACK_BINDING);
	if (!names_next(names, 0)) {
		put_feedback(t);
		return;
	}
	put_feedback_object(t, 0, 0);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		if (t->gl->IsTransformFeedback(driver))
			put_feedback_object(t, name, driver);
	}
	t->gl->BindTransformFeedback(GL_TRANSFORM_FEEDBACK, bound);
	PUT(&t->out, glBindTransformFeedback, .target = GL_TRANSFORM_FEEDBACK,
		.id = take_name(t, NAMES_transform_feedback, bound, "transform feedback object",
			"the context"));
}

static void put_buffers(struct take *t)
{
	static const struct {
		GLenum target, binding;
	} targets[] = {{GL_ARRAY_BUFFER, GL_ARRAY_BUFFER_BINDING},
		{GL_PIXEL_PACK_BUFFER, GL_PIXEL_PACK_BUFFER_BINDING},
		{GL_PIXEL_UNPACK_BUFFER, GL_PIXEL_UNPACK_BUFFER_BINDING},
		{GL_UNIFORM_BUFFER, GL_UNIFORM_BUFFER_BINDING},
		{GL_COPY_READ_BUFFER, GL_COPY_READ_BUFFER_BINDING},
		{GL_COPY_WRITE_BUFFER, GL_COPY_WRITE_BUFFER_BINDING},
		{GL_TEXTURE_BUFFER, GL_TEXTURE_BUFFER},
		{GL_DRAW_INDIRECT_BUFFER, GL_DRAW_INDIRECT_BUFFER_BINDING},
		{GL_DISPATCH_INDIRECT_BUFFER, GL_DISPATCH_INDIRECT_BUFFER_BINDING},
		{GL_TRANSFORM_FEEDBACK_BUFFER, GL_TRANSFORM_FEEDBACK_BUFFER_BINDING},
		{GL_SHADER_STORAGE_BUFFER, GL_SHADER_STORAGE_BUFFER_BINDING},
		{GL_ATOMIC_COUNTER_BUFFER, GL_ATOMIC_COUNTER_BUFFER_BINDING},
		{GL_QUERY_BUFFER, GL_QUERY_BUFFER_BINDING},
		{GL_PARAMETER_BUFFER, GL_PARAMETER_BUFFER_BINDING}};
	put_indexed(t, GL_UNIFORM_BUFFER, GL_UNIFORM_BUFFER_BINDING, GL_UNIFORM_BUFFER_START,
		GL_UNIFORM_BUFFER_SIZE, GL_MAX_UNIFORM_BUFFER_BINDINGS);
	put_indexed(t, GL_SHADER_STORAGE_BUFFER, GL_SHADER_STORAGE_BUFFER_BINDING,
		GL_SHADER_STORAGE_BUFFER_START, GL_SHADER_STORAGE_BUFFER_SIZE,
		GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS);
	put_indexed(t, GL_ATOMIC_COUNTER_BUFFER, GL_ATOMIC_COUNTER_BUFFER_BINDING,
		GL_ATOMIC_COUNTER_BUFFER_START, GL_ATOMIC_COUNTER_BUFFER_SIZE,
		GL_MAX_ATOMIC_COUNTER_BUFFER_BINDINGS);
	put_feedbacks(t);
	for (size_t i = 0; i < array_len(targets); i++) {
		GLint driver;
		if (asked(t, targets[i].binding, &driver))
			PUT(&t->out, glBindBuffer, .target = targets[i].target,
				.buffer = take_name(
					t, NAMES_buffer, (GLuint)driver, "buffer", "the context"));
	}
}

static void put_program(struct take *t)
{
	GLint program, renderbuffer;
	if (asked(t, GL_CURRENT_PROGRAM, &program))
		take_current_programs(t);
	if (asked(t, GL_RENDERBUFFER_BINDING, &renderbuffer))
		PUT(&t->out, glBindRenderbuffer, .target = GL_RENDERBUFFER,
			.renderbuffer = take_name(t, NAMES_renderbuffer, (GLuint)renderbuffer,
				"renderbuffer", "the context"));
}

/* ---- the rest ---- */

void take_store(struct stream *s, const struct wire_pixels *p, GLenum first)
{
	/* GL numbers the names of a half in this order, pack's and unpack's alike. */
	const GLint values[] = {p->swap_bytes, p->lsb_first, p->row_length, p->skip_rows,
		p->skip_pixels, p->alignment};
	for (GLenum i = 0; i < array_len(values); i++)
		PUT(s, glPixelStorei, .pname = first + i, .param = values[i]);
	const bool pack = first == GL_PACK_SWAP_BYTES;
	PUT(s, glPixelStorei, .pname = pack ? GL_PACK_SKIP_IMAGES : GL_UNPACK_SKIP_IMAGES,
		.param = p->skip_images);
	PUT(s, glPixelStorei, .pname = pack ? GL_PACK_IMAGE_HEIGHT : GL_UNPACK_IMAGE_HEIGHT,
		.param = p->image_height);
}

static void put_patches(struct take *t)
{
	static const struct {
		GLenum name;
		size_t count;
	} levels[] = {{GL_PATCH_DEFAULT_OUTER_LEVEL, 4}, {GL_PATCH_DEFAULT_INNER_LEVEL, 2}};
	const GLint vertices = take_integer(t, GL_PATCH_VERTICES);
	if (!vertices)
		return;
	PUT(&t->out, glPatchParameteri, .pname = GL_PATCH_VERTICES, .value = vertices);
	for (size_t i = 0; !is_es(t) && i < array_len(levels); i++) {
		GLfloat values[4] = {0};
		t->gl->GetFloatv(levels[i].name, values);
		if (!take_failed(t))
			PUT(&t->out, glPatchParameterfv, .pname = levels[i].name,
				.values = stream_data(
					&t->out, values, levels[i].count * sizeof(*values)));
	}
}

/* Colours are answered clamped where fragments are: while they are asked for, fragments are not.
 * Returns what has to be set again, or 0. Neither end sets what is so by default: it would have
 * Mesa restore with glPopAttrib what it otherwise forgets. */
static GLenum put_clamping(struct take *t)
{
	GLint clamp, fragment = 0;
	if (!is_es(t) && asked(t, GL_CLAMP_READ_COLOR, &clamp))
		PUT(&t->out, glClampColor, .target = GL_CLAMP_READ_COLOR, .clamp = (GLenum)clamp);
	if (!take_is_compatible(t) || is_es(t))
		return 0;
	if (!asked(t, GL_CLAMP_VERTEX_COLOR, &clamp) ||
		!asked(t, GL_CLAMP_FRAGMENT_COLOR, &fragment))
		return 0;
	t->clamps |= clamp != GL_TRUE || fragment != GL_FIXED_ONLY;
	if (!t->clamps)
		return 0;
	PUT(&t->out, glClampColor, .target = GL_CLAMP_VERTEX_COLOR, .clamp = (GLenum)clamp);
	PUT(&t->out, glClampColor, .target = GL_CLAMP_FRAGMENT_COLOR, .clamp = (GLenum)fragment);
	if (fragment != GL_TRUE)
		return 0;
	t->gl->ClampColor(GL_CLAMP_FRAGMENT_COLOR, GL_FALSE);
	return GL_TRUE;
}

static void put_conventions(struct take *t)
{
	put_patches(t);
	const GLint origin = take_integer(t, GL_CLIP_ORIGIN);
	if (origin)
		PUT(&t->out, glClipControl, .origin = (GLenum)origin,
			.depth = number(t, GL_CLIP_DEPTH_MODE));
}

bool take_is_compatible(struct take *t)
{
	return is_es(t) ? t->context->version < 20 : !t->context->core;
}

/* ES 2 has the alignment alone, ES 3 neither byte order. */
static void put_stores(struct take *t)
{
	const struct wire_state *st = &t->context->exec.state;
	if (!is_es(t)) {
		take_store(&t->out, &st->pack, GL_PACK_SWAP_BYTES);
		take_store(&t->out, &st->unpack, GL_UNPACK_SWAP_BYTES);
		return;
	}
	PUT(&t->out, glPixelStorei, .pname = GL_PACK_ALIGNMENT, .param = st->pack.alignment);
	PUT(&t->out, glPixelStorei, .pname = GL_UNPACK_ALIGNMENT, .param = st->unpack.alignment);
	if (t->context->version < 30)
		return;
	const struct {
		GLenum name;
		GLint value;
	} rest[] = {{GL_PACK_ROW_LENGTH, st->pack.row_length},
		{GL_PACK_SKIP_ROWS, st->pack.skip_rows},
		{GL_PACK_SKIP_PIXELS, st->pack.skip_pixels},
		{GL_UNPACK_ROW_LENGTH, st->unpack.row_length},
		{GL_UNPACK_SKIP_ROWS, st->unpack.skip_rows},
		{GL_UNPACK_SKIP_PIXELS, st->unpack.skip_pixels},
		{GL_UNPACK_IMAGE_HEIGHT, st->unpack.image_height},
		{GL_UNPACK_SKIP_IMAGES, st->unpack.skip_images}};
	for (size_t i = 0; i < array_len(rest); i++)
		PUT(&t->out, glPixelStorei, .pname = rest[i].name, .param = rest[i].value);
}

void take_attributes(struct take *t)
{
	const bool compatible = take_is_compatible(t);
	put_capabilities(t);
	const GLenum clamp = put_clamping(t);
	put_fragments(t);
	put_rasterization(t);
	put_conventions(t);
	put_units(t);
	put_program(t);
	take_arb_state(t);
	take_current_attributes(t, compatible && !is_es(t));
	if (compatible)
		take_fixed_function(t);
	if (clamp)
		t->gl->ClampColor(GL_CLAMP_FRAGMENT_COLOR, clamp);
}

void take_state(struct take *t)
{
	take_attribute_stack(t);
	put_images(t);
	if (take_is_compatible(t))
		take_matrices(t);
	put_stores(t);
	put_buffers(t);
}
