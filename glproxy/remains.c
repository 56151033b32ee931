#include "glproxy/remains.h"

#include "glproxy/context.h"
#include "glproxy/snapshot_stream.h"
#include "hand.h"

/* Names of ours, beyond those that the shim gives out: some for each context. */
#define FIRST 0xf00000u
#define OF_CONTEXT 1000u
#define CONTEXTS 1024u

static GLuint first_name(const struct exec *x)
{
	return FIRST + x->context->id % CONTEXTS * OF_CONTEXT;
}

/* The context's next name of ours behind `after`; 0: there is none. */
static GLuint next_name(const struct exec *x, enum names_class cls, GLuint after)
{
	const GLuint first = first_name(x);
	const GLuint name = names_next(x->names[cls], after > first ? after : first);
	return name && name < first + OF_CONTEXT ? name : 0;
}

static bool can_keep(const struct exec *x, GLuint driver)
{
	return x->context && x->context->api == EGL_OPENGL_API && driver &&
		!names_foreign(driver) && !x->in_begin && !x->rebuilding;
}

static GLint number(const struct exec *x, GLenum pname)
{
	GLint value = 0;
	x->driver->GetIntegerv(pname, &value);
	return value;
}

static GLint indexed(const struct exec *x, GLenum pname, GLuint index)
{
	GLint value = 0;
	x->driver->GetIntegeri_v(pname, index, &value);
	return value;
}

static void drop_errors(const struct exec *x)
{
	while (x->driver->GetError())
		;
}

/* ---- who uses them ---- */

static bool is_attached(
	const struct exec *x, GLuint framebuffer, GLenum attachment, GLuint driver, GLint type)
{
	GLint name = 0, found = 0;
	x->driver->GetNamedFramebufferAttachmentParameteriv(
		framebuffer, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME, &name);
	if ((GLuint)name == driver)
		x->driver->GetNamedFramebufferAttachmentParameteriv(
			framebuffer, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE, &found);
	return found == type;
}

/* The attachment of a number: colours, and behind them depths and stencils. */
static GLenum attachment_of(GLint number, GLint colours)
{
	return number < colours     ? GL_COLOR_ATTACHMENT0 + (GLenum)number
		: number == colours ? GL_DEPTH_ATTACHMENT
				    : GL_STENCIL_ATTACHMENT;
}

static bool uses_image(const struct exec *x, GLuint framebuffer, GLuint driver, GLint type)
{
	const GLint colours = number(x, GL_MAX_COLOR_ATTACHMENTS);
	for (GLint i = 0; i < colours + 2; i++)
		if (is_attached(x, framebuffer, attachment_of(i, colours), driver, type))
			return true;
	return false;
}

/* `bound`: those that are bound count as well. */
static bool framebuffers_use(const struct exec *x, GLuint driver, GLint type, bool bound)
{
	struct names *names = x->names[NAMES_framebuffer];
	const GLuint draw = (GLuint)number(x, GL_DRAW_FRAMEBUFFER_BINDING);
	const GLuint read = (GLuint)number(x, GL_READ_FRAMEBUFFER_BINDING);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint framebuffer = names_to_driver(names, name);
		const bool is_bound = framebuffer == draw || framebuffer == read;
		if ((bound || !is_bound) && x->driver->IsFramebuffer(framebuffer) &&
			uses_image(x, framebuffer, driver, type))
			return true;
	}
	return false;
}

static bool array_uses(const struct wire_vao *vao, GLuint buffer)
{
	bool uses = vao->element == buffer;
	for (unsigned i = 0; !uses && i < WIRE_SLOTS; i++)
		uses = vao->binding[i].buffer == buffer;
	return uses;
}

static void array_rename(struct wire_vao *vao, GLuint from, GLuint to)
{
	if (vao->element == from)
		vao->element = to;
	for (unsigned i = 0; i < WIRE_SLOTS; i++)
		if (vao->binding[i].buffer == from)
			vao->binding[i].buffer = to;
}

/* The vertex array behind `after`, NULL first, the default one last; NULL behind that. */
static struct wire_vao *next_array(struct exec *x, const struct wire_vao *after)
{
	struct wire_vaos *vaos = &x->state.vaos;
	if (after == &vaos->zero)
		return NULL;
	const GLuint name = names_next(x->names[NAMES_vertex_array], after ? after->name : 0);
	return name ? wire_vao_find(vaos, name) : &vaos->zero;
}

/* Those that are not bound, or (`bound`) all. */
static bool arrays_use(struct exec *x, GLuint buffer, bool bound)
{
	for (struct wire_vao *vao = NULL; (vao = next_array(x, vao));)
		if ((bound || vao != x->state.vao) && array_uses(vao, buffer))
			return true;
	return false;
}

/* ---- deleted when nobody does any more ---- */

static void sweep_images(struct exec *x, enum names_class cls)
{
	const bool textures = cls == NAMES_texture;
	for (GLuint name = 0; (name = next_name(x, cls, name));) {
		const GLuint driver = names_to_driver(x->names[cls], name);
		if (framebuffers_use(x, driver, textures ? GL_TEXTURE : GL_RENDERBUFFER, true))
			continue;
		if (textures)
			x->driver->DeleteTextures(1, &driver);
		else
			x->driver->DeleteRenderbuffers(1, &driver);
		names_drop(x->names[cls], name);
	}
	drop_errors(x);
}

static void sweep_buffers(struct exec *x)
{
	for (GLuint name = 0; (name = next_name(x, NAMES_buffer, name));) {
		const GLuint driver = names_to_driver(x->names[NAMES_buffer], name);
		if (arrays_use(x, name, true))
			continue;
		x->driver->DeleteBuffers(1, &driver);
		names_drop(x->names[NAMES_buffer], name);
	}
}

static void framebuffers_deleted(struct exec *x)
{
	if (!x->context || x->context->api != EGL_OPENGL_API || x->rebuilding)
		return;
	exec_errors_take(x);
	sweep_images(x, NAMES_texture);
	sweep_images(x, NAMES_renderbuffer);
}

void proxy_glDeleteFramebuffers(struct exec *x, GLsizei n, const GLuint *framebuffers)
{
	x->driver->DeleteFramebuffers(n, framebuffers);
	framebuffers_deleted(x);
}

void proxy_glDeleteVertexArrays(struct exec *x, GLsizei n, const GLuint *arrays)
{
	x->driver->DeleteVertexArrays(n, arrays);
	if (x->context && !x->rebuilding)
		sweep_buffers(x);
}

/* ---- a name of ours ---- */

static GLuint rename_object(struct exec *x, enum names_class cls, GLuint driver)
{
	GLuint name = first_name(x) + 1;
	for (GLuint taken; (taken = next_name(x, cls, name - 1)) == name;)
		name++;
	if (name >= first_name(x) + OF_CONTEXT)
		return 0;
	names_bind(x->names[cls], name, driver);
	return name;
}

/* ---- what else deleting does: the context's own bindings end ---- */

static void unbind_from_units(const struct exec *x, GLenum target, GLenum binding, GLuint driver)
{
	const GLint active = number(x, GL_ACTIVE_TEXTURE);
	const GLint units = number(x, GL_MAX_COMBINED_TEXTURE_IMAGE_UNITS);
	for (GLint unit = 0; unit < units; unit++) {
		x->driver->ActiveTexture(GL_TEXTURE0 + (GLenum)unit);
		if ((GLuint)number(x, binding) == driver)
			x->driver->BindTexture(target, 0);
	}
	x->driver->ActiveTexture((GLenum)active);
	const GLint images = number(x, GL_MAX_IMAGE_UNITS);
	for (GLuint unit = 0; unit < (GLuint)images; unit++)
		if ((GLuint)indexed(x, GL_IMAGE_BINDING_NAME, unit) == driver)
			x->driver->BindImageTexture(unit, 0, 0, GL_FALSE, 0, GL_READ_ONLY, GL_R8);
}

static void detach(const struct exec *x, GLenum target, GLenum binding, GLuint driver, GLint type)
{
	const GLuint framebuffer = (GLuint)number(x, binding);
	const GLint colours = number(x, GL_MAX_COLOR_ATTACHMENTS);
	for (GLint i = 0; framebuffer && i < colours + 2; i++) {
		const GLenum attachment = attachment_of(i, colours);
		if (is_attached(x, framebuffer, attachment, driver, type))
			x->driver->FramebufferRenderbuffer(target, attachment, GL_RENDERBUFFER, 0);
	}
}

static void detach_from_bound(const struct exec *x, GLuint driver, GLint type)
{
	detach(x, GL_DRAW_FRAMEBUFFER, GL_DRAW_FRAMEBUFFER_BINDING, driver, type);
	detach(x, GL_READ_FRAMEBUFFER, GL_READ_FRAMEBUFFER_BINDING, driver, type);
}

static void unbind_buffer(const struct exec *x, GLuint driver)
{
	static const struct {
		GLenum target, binding;
	} targets[] = {{GL_ARRAY_BUFFER, GL_ARRAY_BUFFER_BINDING},
		{GL_ELEMENT_ARRAY_BUFFER, GL_ELEMENT_ARRAY_BUFFER_BINDING},
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
		{GL_QUERY_BUFFER, GL_QUERY_BUFFER_BINDING}};
	static const struct {
		GLenum target, binding, most;
	} several[] = {
		{GL_UNIFORM_BUFFER, GL_UNIFORM_BUFFER_BINDING, GL_MAX_UNIFORM_BUFFER_BINDINGS},
		{GL_SHADER_STORAGE_BUFFER, GL_SHADER_STORAGE_BUFFER_BINDING,
			GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS},
		{GL_ATOMIC_COUNTER_BUFFER, GL_ATOMIC_COUNTER_BUFFER_BINDING,
			GL_MAX_ATOMIC_COUNTER_BUFFER_BINDINGS},
		{GL_TRANSFORM_FEEDBACK_BUFFER, GL_TRANSFORM_FEEDBACK_BUFFER_BINDING,
			GL_MAX_TRANSFORM_FEEDBACK_BUFFERS}};
	for (size_t i = 0; i < array_len(several); i++) {
		const GLint most = number(x, several[i].most);
		for (GLuint n = 0; n < (GLuint)most; n++)
			if ((GLuint)indexed(x, several[i].binding, n) == driver)
				x->driver->BindBufferBase(several[i].target, n, 0);
	}
	for (size_t i = 0; i < array_len(targets); i++)
		if ((GLuint)number(x, targets[i].binding) == driver)
			x->driver->BindBuffer(targets[i].target, 0);
}

static void unbind_from_array(const struct exec *x, GLuint driver)
{
	const GLint most = number(x, GL_MAX_VERTEX_ATTRIB_BINDINGS);
	for (GLuint i = 0; i < (GLuint)most; i++)
		if ((GLuint)indexed(x, GL_VERTEX_BINDING_BUFFER, i) == driver)
			x->driver->BindVertexBuffer(
				i, 0, 0, indexed(x, GL_VERTEX_BINDING_STRIDE, i));
}

/* ---- deleting ---- */

/* The track of the call has come by: vertex arrays that are bound do not name it any more. */
GLuint remains_of_buffer(struct exec *x, GLuint driver)
{
	const GLuint name = names_known(x->names[NAMES_buffer], driver);
	if (!can_keep(x, driver) || !name || !arrays_use(x, name, false))
		return 0;
	exec_errors_take(x);
	sweep_buffers(x);
	const GLuint ours = rename_object(x, NAMES_buffer, driver);
	if (ours) {
		unbind_buffer(x, driver);
		unbind_from_array(x, driver);
		for (struct wire_vao *vao = NULL; (vao = next_array(x, vao));)
			array_rename(vao, name, ours);
	}
	drop_errors(x);
	return ours;
}

GLuint remains_of_texture(struct exec *x, GLuint driver)
{
	if (!can_keep(x, driver) || !names_next(x->names[NAMES_framebuffer], 0) ||
		!x->driver->IsTexture(driver))
		return 0;
	exec_errors_take(x);
	GLuint ours = 0;
	if (framebuffers_use(x, driver, GL_TEXTURE, false)) {
		struct take take = {.gl = x->driver};
		const struct take_target kind = take_texture_kind(&take, driver);
		sweep_images(x, NAMES_texture);
		ours = kind.target ? rename_object(x, NAMES_texture, driver) : 0;
		if (ours) {
			unbind_from_units(x, kind.target, kind.binding, driver);
			detach_from_bound(x, driver, GL_TEXTURE);
		}
	}
	drop_errors(x);
	return ours;
}

GLuint remains_of_renderbuffer(struct exec *x, GLuint driver)
{
	if (!can_keep(x, driver) || !names_next(x->names[NAMES_framebuffer], 0) ||
		!x->driver->IsRenderbuffer(driver))
		return 0;
	exec_errors_take(x);
	GLuint ours = 0;
	if (framebuffers_use(x, driver, GL_RENDERBUFFER, false)) {
		sweep_images(x, NAMES_renderbuffer);
		ours = rename_object(x, NAMES_renderbuffer, driver);
		if (ours && (GLuint)number(x, GL_RENDERBUFFER_BINDING) == driver)
			x->driver->BindRenderbuffer(GL_RENDERBUFFER, 0);
		if (ours)
			detach_from_bound(x, driver, GL_RENDERBUFFER);
	}
	drop_errors(x);
	return ours;
}

void proxy_glDeleteRenderbuffers(struct exec *x, GLsizei n, const GLuint *renderbuffers)
{
	if (n < 0 || x->in_begin)
		x->driver->DeleteRenderbuffers(n, renderbuffers);
	for (GLsizei i = 0; i < n && !x->in_begin; i++)
		if (!remains_of_renderbuffer(x, renderbuffers[i]))
			x->driver->DeleteRenderbuffers(1, &renderbuffers[i]);
}
