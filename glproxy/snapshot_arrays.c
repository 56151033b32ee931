/*
 * Framebuffers and vertex arrays of a context.
 *
 * Framebuffers are asked of the driver. What the program has deleted and a framebuffer still uses
 * has a name of ours (remains.h); where it has none, an attachment without an image stands in for
 * it in a framebuffer that is not bound, whose use is an error until something else is attached
 * there. Vertex arrays are written as both ends of the stream have noted them (wire/arrays.h),
 * which is what later draws are encoded against.
 */
#include "glproxy/snapshot_stream.h"

/* ---- framebuffers ---- */

static bool is_es(const struct take *t)
{
	return t->context->api == EGL_OPENGL_ES_API;
}

/* The target for both, where a context knows no other: ES 2. */
static GLenum drawn_target(const struct take *t)
{
	return is_es(t) && t->context->version < 30 ? GL_FRAMEBUFFER : GL_DRAW_FRAMEBUFFER;
}

static GLint attachment_value(struct take *t, GLenum attachment, GLenum pname)
{
	GLint value = 0;
	t->gl->GetFramebufferAttachmentParameteriv(drawn_target(t), attachment, pname, &value);
	return take_failed(t) ? 0 : value;
}

/* The name stays the spare texture's until all framebuffers are written. */
static void put_lost(struct take *t, GLenum attachment, const char *what)
{
	if (t->in_use)
		take_refuse(t, "a deleted %s is still used by a framebuffer", what);
	PUT(&t->out, glFramebufferTexture2D, .target = drawn_target(t), .attachment = attachment,
		.textarget = GL_TEXTURE_2D, .texture = TAKE_SPARE);
}

static void put_spare(struct take *t)
{
	const GLuint spare = TAKE_SPARE;
	PUT(&t->out, glGenTextures, .n = 1,
		.textures = stream_data(&t->out, &spare, sizeof(spare)));
	PUT(&t->out, glBindTexture, .target = GL_TEXTURE_2D, .texture = spare);
}

static void drop_spare(struct take *t)
{
	const GLuint spare = TAKE_SPARE;
	PUT(&t->out, glDeleteTextures, .n = 1,
		.textures = stream_data(&t->out, &spare, sizeof(spare)));
}

static void put_texture(struct take *t, GLenum attachment, GLuint driver)
{
	const GLuint texture = names_known(t->names[NAMES_texture], driver);
	if (!texture) {
		put_lost(t, attachment, "texture");
		return;
	}
	const GLint level =
		attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_LEVEL);
	const GLint face =
		attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_CUBE_MAP_FACE);
	const GLint layer =
		attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_LAYER);
	const GLenum target = take_texture_target(t, driver);
	const bool layers = target == GL_TEXTURE_3D || target == GL_TEXTURE_1D_ARRAY ||
		target == GL_TEXTURE_2D_ARRAY || target == GL_TEXTURE_CUBE_MAP_ARRAY;
	if (attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_LAYERED))
		PUT(&t->out, glFramebufferTexture, .target = drawn_target(t),
			.attachment = attachment, .texture = texture, .level = level);
	else if (target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY) /* Mesa tells the wrong one */
		take_refuse(t, "a layer of a multisampled array in a framebuffer is not kept yet");
	else if (face)
		PUT(&t->out, glFramebufferTexture2D, .target = drawn_target(t),
			.attachment = attachment, .textarget = (GLenum)face, .texture = texture,
			.level = level);
	else if (layers)
		PUT(&t->out, glFramebufferTextureLayer, .target = drawn_target(t),
			.attachment = attachment, .texture = texture, .level = level,
			.layer = layer);
	else if (target == GL_TEXTURE_1D)
		PUT(&t->out, glFramebufferTexture1D, .target = drawn_target(t),
			.attachment = attachment, .textarget = target, .texture = texture,
			.level = level);
	else
		PUT(&t->out, glFramebufferTexture2D, .target = drawn_target(t),
			.attachment = attachment, .textarget = target, .texture = texture,
			.level = level);
}

static void put_attachment(struct take *t, GLenum attachment)
{
	const GLint type = attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE);
	const GLint driver =
		type ? attachment_value(t, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME) : 0;
	if (type == GL_TEXTURE)
		put_texture(t, attachment, (GLuint)driver);
	if (type != GL_RENDERBUFFER)
		return;
	const GLuint renderbuffer = names_known(t->names[NAMES_renderbuffer], (GLuint)driver);
	if (renderbuffer)
		PUT(&t->out, glFramebufferRenderbuffer, .target = drawn_target(t),
			.attachment = attachment, .renderbuffertarget = GL_RENDERBUFFER,
			.renderbuffer = renderbuffer);
	else
		put_lost(t, attachment, "renderbuffer");
}

/* ES 3 names buffers by their place in the list. */
static void put_es_buffers(struct take *t, const GLenum *buffers, GLint count)
{
	if (t->context->version < 30)
		return;
	while (count > 1 && !buffers[count - 1])
		count--;
	PUT(&t->out, glDrawBuffers, .n = count,
		.bufs = stream_data(&t->out, buffers, (size_t)count * sizeof(GLenum)));
	PUT(&t->out, glReadBuffer, .src = (GLenum)take_integer(t, GL_READ_BUFFER));
}

static void put_draw_buffers(struct take *t, bool window)
{
	GLenum buffers[16];
	GLint count = take_integer(t, GL_MAX_DRAW_BUFFERS);
	count = count > 16 ? 16 : count;
	for (GLint i = 0; i < count; i++)
		buffers[i] = (GLenum)take_integer(t, GL_DRAW_BUFFER0 + (GLenum)i);
	if (is_es(t)) {
		put_es_buffers(t, buffers, count);
		return;
	}
	while (count > 1 && !buffers[count - 1])
		count--;
	if (count == 1)
		PUT(&t->out, glDrawBuffer, .buf = buffers[0]);
	else if (count > 1 && !window)
		PUT(&t->out, glDrawBuffers, .n = count,
			.bufs = stream_data(&t->out, buffers, (size_t)count * sizeof(GLenum)));
	else if (count > 1)
		take_refuse(t, "several draw buffers of a window are not kept yet");
	PUT(&t->out, glReadBuffer, .src = (GLenum)take_integer(t, GL_READ_BUFFER));
}

/* Of a window that is not there: a stand-in has its own where a framebuffer is bound. */
static void put_names(struct take *t)
{
	PUT(&t->out, glDrawBuffer, .buf = t->context->draws);
	PUT(&t->out, glReadBuffer, .src = t->context->reads);
}

void take_draw_buffers(struct take *t)
{
	const bool window = !take_integer(t, GL_DRAW_FRAMEBUFFER_BINDING);
	if (!window || t->context->draw || t->context->draws)
		put_draw_buffers(t, window);
}

static void put_defaults(struct take *t)
{
	static const GLenum names[] = {GL_FRAMEBUFFER_DEFAULT_WIDTH, GL_FRAMEBUFFER_DEFAULT_HEIGHT,
		GL_FRAMEBUFFER_DEFAULT_LAYERS, GL_FRAMEBUFFER_DEFAULT_SAMPLES,
		GL_FRAMEBUFFER_DEFAULT_FIXED_SAMPLE_LOCATIONS};
	for (size_t i = 0; i < array_len(names); i++) {
		GLint value = 0;
		t->gl->GetFramebufferParameteriv(drawn_target(t), names[i], &value);
		if (!take_failed(t) && value)
			PUT(&t->out, glFramebufferParameteri, .target = drawn_target(t),
				.pname = names[i], .param = value);
	}
}

static void put_framebuffer(struct take *t, GLuint name, GLuint driver)
{
	t->gl->BindFramebuffer(GL_FRAMEBUFFER, driver);
	PUT(&t->out, glBindFramebuffer, .target = GL_FRAMEBUFFER, .framebuffer = name);
	const GLint colours = take_integer(t, GL_MAX_COLOR_ATTACHMENTS);
	for (GLint i = 0; i < colours; i++)
		put_attachment(t, GL_COLOR_ATTACHMENT0 + (GLenum)i);
	put_attachment(t, GL_DEPTH_ATTACHMENT);
	put_attachment(t, GL_STENCIL_ATTACHMENT);
	put_defaults(t);
	put_draw_buffers(t, false);
}

static void bind_again(struct take *t, GLenum target, GLuint driver)
{
	t->gl->BindFramebuffer(target, driver);
	PUT(&t->out, glBindFramebuffer, .target = target,
		.framebuffer =
			take_name(t, NAMES_framebuffer, driver, "framebuffer", "the context"));
}

void take_framebuffers(struct take *t)
{
	struct names *names = t->names[NAMES_framebuffer];
	const GLint draw = take_integer(t, GL_DRAW_FRAMEBUFFER_BINDING);
	const GLint read = take_integer(t, GL_READ_FRAMEBUFFER_BINDING);
	put_spare(t);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsFramebuffer(driver);
		if (!made && names_foreign(driver))
			continue;
		PUT(&t->out, glGenFramebuffers, .n = 1,
			.framebuffers = stream_data(&t->out, &name, sizeof(name)));
		t->in_use = driver == (GLuint)draw || driver == (GLuint)read;
		if (made) {
			put_framebuffer(t, name, driver);
			take_label(t, GL_FRAMEBUFFER, name, driver);
		}
	}
	t->gl->BindFramebuffer(GL_FRAMEBUFFER, 0);
	PUT(&t->out, glBindFramebuffer, .target = GL_FRAMEBUFFER);
	drop_spare(t);
	if (t->context->draw)
		put_draw_buffers(t, true);
	else if (t->context->draws)
		put_names(t);
	bind_again(t, drawn_target(t), (GLuint)draw);
	if (drawn_target(t) != GL_FRAMEBUFFER)
		bind_again(t, GL_READ_FRAMEBUFFER, (GLuint)read);
}

/* ---- vertex arrays ---- */

static void put_conventional(
	struct take *t, unsigned slot, const struct wire_format *f, GLsizei stride, uint64_t at)
{
	struct stream *s = &t->out;
	switch (slot) {
	case WIRE_SLOT_VERTEX:
		PUT(s, glVertexPointer, .size = f->size, .type = f->type, .stride = stride,
			.pointer = at);
		break;
	case WIRE_SLOT_NORMAL:
		PUT(s, glNormalPointer, .type = f->type, .stride = stride, .pointer = at);
		break;
	case WIRE_SLOT_COLOR:
		PUT(s, glColorPointer, .size = f->size, .type = f->type, .stride = stride,
			.pointer = at);
		break;
	case WIRE_SLOT_SECONDARY:
		PUT(s, glSecondaryColorPointer, .size = f->size, .type = f->type, .stride = stride,
			.pointer = at);
		break;
	case WIRE_SLOT_FOG:
		PUT(s, glFogCoordPointer, .type = f->type, .stride = stride, .pointer = at);
		break;
	case WIRE_SLOT_INDEX:
		PUT(s, glIndexPointer, .type = f->type, .stride = stride, .pointer = at);
		break;
	case WIRE_SLOT_EDGE:
		PUT(s, glEdgeFlagPointer, .stride = stride, .pointer = at);
		break;
	case WIRE_SLOT_POINT_SIZE:
		PUT(s, glPointSizePointerOES, .type = f->type, .stride = stride, .pointer = at);
		break;
	default:
		PUT(s, glClientActiveTexture, .texture = GL_TEXTURE0 + slot - WIRE_SLOT_TEXTURE);
		PUT(s, glTexCoordPointer, .size = f->size, .type = f->type, .stride = stride,
			.pointer = at);
		break;
	}
}

static void put_generic(
	struct take *t, unsigned index, const struct wire_format *f, GLsizei stride, uint64_t at)
{
	struct stream *s = &t->out;
	if (f->kind == WIRE_KIND_INTEGER)
		PUT(s, glVertexAttribIPointer, .index = index, .size = f->size, .type = f->type,
			.stride = stride, .pointer = at);
	else if (f->kind == WIRE_KIND_LONG)
		PUT(s, glVertexAttribLPointer, .index = index, .size = f->size, .type = f->type,
			.stride = stride, .pointer = at);
	else
		PUT(s, glVertexAttribPointer, .index = index, .size = f->size, .type = f->type,
			.normalized = f->kind == WIRE_KIND_NORMALIZED, .stride = stride,
			.pointer = at);
}

/* A format apart from its binding (glVertexAttribFormat and its like). */
static void put_split(struct take *t, unsigned index, const struct wire_format *f)
{
	struct stream *s = &t->out;
	if (f->kind == WIRE_KIND_INTEGER)
		PUT(s, glVertexAttribIFormat, .attribindex = index, .size = f->size,
			.type = f->type, .relativeoffset = f->relative);
	else if (f->kind == WIRE_KIND_LONG)
		PUT(s, glVertexAttribLFormat, .attribindex = index, .size = f->size,
			.type = f->type, .relativeoffset = f->relative);
	else
		PUT(s, glVertexAttribFormat, .attribindex = index, .size = f->size, .type = f->type,
			.normalized = f->kind == WIRE_KIND_NORMALIZED,
			.relativeoffset = f->relative);
	PUT(s, glVertexAttribBinding, .attribindex = index,
		.bindingindex = f->binding - (GLuint)WIRE_SLOT_GENERIC);
}

static bool is_untouched(const struct wire_format *f, const struct wire_binding *b, unsigned slot)
{
	return f->binding == slot && !f->relative && !b->buffer && !b->at;
}

/* Slots that are not as a new object has them, a bit each. */
static uint64_t touched_slots(const struct wire_vao *vao)
{
	uint64_t touched = vao->enabled;
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
		if (!is_untouched(&vao->format[slot], &vao->binding[slot], slot))
			touched |= (uint64_t)1 << slot;
	return touched;
}

/* The stride as the program gave it: 0 where elements are packed, or nothing was said yet. */
static GLsizei stride_of(const struct wire_format *f, const struct wire_binding *b, unsigned slot)
{
	const bool packed = !f->stride && b->stride == (GLsizei)wire_format_bytes(f);
	return packed || is_untouched(f, b, slot) ? 0 : b->stride;
}

static void put_slot(struct take *t, const struct wire_vao *vao, unsigned slot)
{
	const struct wire_format *f = &vao->format[slot];
	const struct wire_binding *b = &vao->binding[slot];
	/* A stride of 0 is every vertex the same here, and packed elements in
	 * glVertexAttribPointer. */
	const bool split =
		f->binding != slot || f->relative || !f->size || (b->buffer && !b->stride);
	if (slot >= WIRE_SLOT_GENERIC && split) {
		const GLuint index = slot - WIRE_SLOT_GENERIC;
		if (f->size)
			put_split(t, index, f);
		if (b->buffer || b->at)
			PUT(&t->out, glBindVertexBuffer, .bindingindex = index, .buffer = b->buffer,
				.offset = (GLintptr)b->at, .stride = b->stride);
		return;
	}
	if (b->buffer && !t->gl->IsBuffer(names_to_driver(t->names[NAMES_buffer], b->buffer)))
		take_refuse(t, "a deleted buffer is still used by a vertex array");
	PUT(&t->out, glBindBuffer, .target = GL_ARRAY_BUFFER, .buffer = b->buffer);
	if (slot < WIRE_SLOT_GENERIC)
		put_conventional(t, slot, f, stride_of(f, b, slot), b->at);
	else
		put_generic(t, slot - WIRE_SLOT_GENERIC, f, stride_of(f, b, slot), b->at);
}

static const GLenum conventional[] = {GL_VERTEX_ARRAY, GL_NORMAL_ARRAY, GL_COLOR_ARRAY,
	GL_SECONDARY_COLOR_ARRAY, GL_FOG_COORD_ARRAY, GL_INDEX_ARRAY, GL_EDGE_FLAG_ARRAY,
	0x8B9C /* GL_POINT_SIZE_ARRAY_OES */};

static void put_client_state(struct take *t, GLenum array, bool on)
{
	if (on)
		PUT(&t->out, glEnableClientState, .array = array);
	else
		PUT(&t->out, glDisableClientState, .array = array);
}

static void put_enabled(struct take *t, unsigned slot, bool on)
{
	if (slot >= WIRE_SLOT_GENERIC && on) {
		PUT(&t->out, glEnableVertexAttribArray, .index = slot - WIRE_SLOT_GENERIC);
	} else if (slot >= WIRE_SLOT_GENERIC) {
		PUT(&t->out, glDisableVertexAttribArray, .index = slot - WIRE_SLOT_GENERIC);
	} else if (slot >= WIRE_SLOT_TEXTURE) {
		PUT(&t->out, glClientActiveTexture,
			.texture = GL_TEXTURE0 + slot - WIRE_SLOT_TEXTURE);
		put_client_state(t, GL_TEXTURE_COORD_ARRAY, on);
	} else if (slot < array_len(conventional)) {
		put_client_state(t, conventional[slot], on);
	}
}

static void put_divisor(struct take *t, unsigned slot, GLuint divisor)
{
	const GLuint index = slot - WIRE_SLOT_GENERIC;
	if (!divisor || slot < WIRE_SLOT_GENERIC)
		return;
	if (is_es(t))
		PUT(&t->out, glVertexAttribDivisor, .index = index, .divisor = divisor);
	else
		PUT(&t->out, glVertexBindingDivisor, .bindingindex = index, .divisor = divisor);
}

/* The driver has refused a name that was not generated, where the tracker noted it. */
static GLuint element_of(struct take *t, const struct wire_vao *vao)
{
	const GLuint driver = names_to_driver(t->names[NAMES_buffer], vao->element);
	return names_foreign(driver) && !t->gl->IsBuffer(driver) ? 0 : vao->element;
}

/* `stale`: slots that are not as a new object has them, in the driver, when this is executed. */
static void put_vertex_array(struct take *t, const struct wire_vao *vao, uint64_t stale)
{
	const uint64_t touched = touched_slots(vao);
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++) {
		const uint64_t bit = (uint64_t)1 << slot;
		if ((touched | stale) & bit)
			put_slot(t, vao, slot);
		if (vao->enabled & bit || stale & bit)
			put_enabled(t, slot, vao->enabled & bit);
		put_divisor(t, slot, vao->binding[slot].divisor);
	}
	if (vao->element || stale)
		PUT(&t->out, glBindBuffer, .target = GL_ELEMENT_ARRAY_BUFFER,
			.buffer = element_of(t, vao));
}

/* ---- the client attribute stack: all that was saved is known ---- */

/* Slots of an object that any level of the stack has touched. */
static uint64_t stale_slots(const struct wire_state *st, GLuint name)
{
	uint64_t stale = 0;
	for (unsigned i = 0; i < st->client_attribs; i++)
		if (st->client_attrib[i].vao.name == name)
			stale |= touched_slots(&st->client_attrib[i].vao);
	return stale;
}

static void put_client_level(struct take *t, const struct wire_client_attrib *saved)
{
	struct stream *s = &t->out;
	const struct wire_state *st = &t->context->exec.state;
	PUT(s, glBindVertexArray, .array = saved->vao.name);
	put_vertex_array(t, &saved->vao, stale_slots(st, saved->vao.name));
	PUT(s, glClientActiveTexture, .texture = GL_TEXTURE0 + saved->client_unit);
	PUT(s, glBindBuffer, .target = GL_ARRAY_BUFFER, .buffer = saved->array_buffer);
	PUT(s, glBindBuffer, .target = GL_PIXEL_PACK_BUFFER, .buffer = saved->pack_buffer);
	PUT(s, glBindBuffer, .target = GL_PIXEL_UNPACK_BUFFER, .buffer = saved->unpack_buffer);
	take_store(s, &saved->pack, GL_PACK_SWAP_BYTES);
	take_store(s, &saved->unpack, GL_UNPACK_SWAP_BYTES);
	PUT(s, glPushClientAttrib, .mask = saved->mask);
}

static void put_client_stack(struct take *t)
{
	static const struct wire_pixels plain = {.alignment = 4};
	const struct wire_state *st = &t->context->exec.state;
	for (unsigned i = 0; i < st->client_attribs; i++)
		put_client_level(t, &st->client_attrib[i]);
	if (!st->client_attribs)
		return;
	PUT(&t->out, glBindBuffer, .target = GL_PIXEL_PACK_BUFFER);
	PUT(&t->out, glBindBuffer, .target = GL_PIXEL_UNPACK_BUFFER);
	take_store(&t->out, &plain, GL_UNPACK_SWAP_BYTES);
	PUT(&t->out, glBindVertexArray);
}

/* Makes them all, without contents. */
static void make_vertex_arrays(struct take *t)
{
	struct names *names = t->names[NAMES_vertex_array];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsVertexArray(driver);
		if (!made && names_foreign(driver))
			continue;
		PUT(&t->out, glGenVertexArrays, .n = 1,
			.arrays = stream_data(&t->out, &name, sizeof(name)));
		if (made) {
			PUT(&t->out, glBindVertexArray, .array = name);
			take_label(t, GL_VERTEX_ARRAY, name, driver);
		}
	}
}

static void fill_vertex_arrays(struct take *t)
{
	struct names *names = t->names[NAMES_vertex_array];
	struct wire_state *st = &t->context->exec.state;
	for (GLuint name = 0; (name = names_next(names, name));) {
		if (!t->gl->IsVertexArray(names_to_driver(names, name)))
			continue;
		PUT(&t->out, glBindVertexArray, .array = name);
		put_vertex_array(t, wire_vao_find(&st->vaos, name), stale_slots(st, name));
	}
}

/* EXT_compiled_vertex_array. */
static void put_lock(struct take *t)
{
	const GLint first = take_integer(t, GL_ARRAY_ELEMENT_LOCK_FIRST_EXT);
	const GLint count = take_integer(t, GL_ARRAY_ELEMENT_LOCK_COUNT_EXT);
	if (count > 0)
		PUT(&t->out, glLockArraysEXT, .first = first, .count = count);
}

void take_vertex_arrays(struct take *t)
{
	struct wire_state *st = &t->context->exec.state;
	GLint bound = 0;
	t->gl->GetIntegerv(GL_VERTEX_ARRAY_BINDING, &bound);
	const bool knows = !take_failed(t);
	make_vertex_arrays(t);
	if (knows)
		PUT(&t->out, glBindVertexArray);
	PUT(&t->out, ckLenient, .on = GL_TRUE); /* calls that the driver refused are noted too */
	put_client_stack(t);
	put_vertex_array(t, &st->vaos.zero, stale_slots(st, 0));
	fill_vertex_arrays(t);
	PUT(&t->out, ckLenient, .on = GL_FALSE);
	if (knows)
		PUT(&t->out, glBindVertexArray,
			.array = take_name(t, NAMES_vertex_array, (GLuint)bound, "vertex array",
				"the context"));
	put_lock(t);
	if (st->client_unit)
		PUT(&t->out, glClientActiveTexture, .texture = GL_TEXTURE0 + st->client_unit);
}
