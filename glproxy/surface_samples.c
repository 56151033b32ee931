#include "glproxy/surface_samples.h"

#include "glproxy/samples.h"

static GLint number(const struct driver *gl, GLenum pname)
{
	GLint value = 0;
	gl->GetIntegerv(pname, &value);
	return value;
}

static const struct samples_form plain = {GL_COLOR, GL_RGBA8, GL_FLOAT, GL_RGBA, GL_UNSIGNED_BYTE};
static const struct samples_form floating = {GL_COLOR, GL_RGBA32F, GL_FLOAT, GL_RGBA, GL_FLOAT};
static const struct samples_form depths = {GL_DEPTH, GL_R32F, GL_FLOAT, GL_RED, GL_FLOAT};
static const struct samples_form stencils = {
	GL_STENCIL, GL_R8UI, GL_UNSIGNED_INT, GL_RED_INTEGER, GL_UNSIGNED_BYTE};

static const struct samples_form *colour_form(const struct driver *gl)
{
	return number(gl, GL_RED_BITS) > 8 ? &floating : &plain;
}

static GLint colour_format(const struct driver *gl)
{
	const bool alpha = number(gl, GL_ALPHA_BITS);
	switch (number(gl, GL_RED_BITS)) {
	case 16:
		return alpha ? GL_RGBA16F : GL_RGB16F;
	case 32:
		return alpha ? GL_RGBA32F : GL_RGB32F;
	case 10:
		return GL_RGB10_A2;
	case 5:
		return GL_RGB565;
	default:
		return alpha ? GL_RGBA8 : GL_RGB8;
	}
}

/* 0: there are neither. */
static GLint depth_format(const struct driver *gl)
{
	const GLint depth = number(gl, GL_DEPTH_BITS), stencil = number(gl, GL_STENCIL_BITS);
	if (stencil)
		return depth ? GL_DEPTH24_STENCIL8 : GL_STENCIL_INDEX8;
	return depth == 16    ? GL_DEPTH_COMPONENT16
		: depth == 24 ? GL_DEPTH_COMPONENT24
		: depth       ? GL_DEPTH_COMPONENT32
			      : 0;
}

size_t surface_samples_colour_bytes(const struct surface_samples *s)
{
	return (size_t)s->samples * (colour_form(s->gl) == &floating ? 16 : 4);
}

size_t surface_samples_depth_bytes(const struct surface_samples *s)
{
	const bool depth = number(s->gl, GL_DEPTH_BITS), stencil = number(s->gl, GL_STENCIL_BITS);
	return (size_t)s->samples * ((depth ? 4u : 0u) + (stencil ? 1u : 0u));
}

/* The texture that is blitted to or from, attached to a framebuffer of its own. */
struct copy {
	struct samples texture;
	GLuint framebuffer;
	GLbitfield bits;
};

static struct copy copy_open(const struct surface_samples *s, GLint format, bool colour)
{
	const struct driver *gl = s->gl;
	const GLint depth = number(gl, GL_DEPTH_BITS), stencil = number(gl, GL_STENCIL_BITS);
	struct copy copy = {.texture = {.target = GL_TEXTURE_2D_MULTISAMPLE,
				    .width = s->width,
				    .height = s->height,
				    .layers = 1,
				    .samples = s->samples,
				    .internal = format}};
	gl->GenTextures(1, &copy.texture.driver);
	gl->BindTexture(copy.texture.target, copy.texture.driver);
	gl->TexImage2DMultisample(
		copy.texture.target, s->samples, (GLenum)format, s->width, s->height, GL_TRUE);
	gl->GenFramebuffers(1, &copy.framebuffer);
	gl->BindFramebuffer(GL_FRAMEBUFFER, copy.framebuffer);
	gl->FramebufferTexture2D(GL_FRAMEBUFFER,
		colour             ? GL_COLOR_ATTACHMENT0
			: !stencil ? GL_DEPTH_ATTACHMENT
			: !depth   ? GL_STENCIL_ATTACHMENT
				   : GL_DEPTH_STENCIL_ATTACHMENT,
		copy.texture.target, copy.texture.driver, 0);
	gl->BindFramebuffer(GL_FRAMEBUFFER, 0);
	copy.bits = colour
		? GL_COLOR_BUFFER_BIT
		: (depth ? GL_DEPTH_BUFFER_BIT : 0u) | (stencil ? GL_STENCIL_BUFFER_BIT : 0u);
	return copy;
}

static void copy_close(const struct surface_samples *s, struct copy *copy)
{
	s->gl->DeleteFramebuffers(1, &copy->framebuffer);
	s->gl->DeleteTextures(1, &copy->texture.driver);
}

static void blit(const struct surface_samples *s, const struct copy *copy, GLuint from, GLuint to)
{
	s->gl->BindFramebuffer(GL_READ_FRAMEBUFFER, from);
	s->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, to);
	s->gl->BlitFramebuffer(
		0, 0, s->width, s->height, 0, 0, s->width, s->height, copy->bits, GL_NEAREST);
	s->gl->BindFramebuffer(GL_FRAMEBUFFER, 0);
}

bool surface_samples_get_colours(const struct surface_samples *s, void *pixels)
{
	struct copy copy = copy_open(s, colour_format(s->gl), true);
	s->gl->ReadBuffer(GL_BACK);
	blit(s, &copy, 0, copy.framebuffer);
	const bool good = samples_get(s->gl, &copy.texture, colour_form(s->gl), pixels);
	copy_close(s, &copy);
	return good;
}

bool surface_samples_put_colours(const struct surface_samples *s, const void *pixels)
{
	struct copy copy = copy_open(s, colour_format(s->gl), true);
	s->gl->DrawBuffer(GL_BACK);
	const bool good = samples_put(s->gl, &copy.texture, colour_form(s->gl), pixels);
	blit(s, &copy, copy.framebuffer, 0);
	copy_close(s, &copy);
	return good && !s->gl->GetError();
}

bool surface_samples_get_depths(const struct surface_samples *s, void *pixels)
{
	const GLint format = depth_format(s->gl);
	if (!format)
		return true;
	struct copy copy = copy_open(s, format, false);
	char *at = pixels;
	bool good = true;
	blit(s, &copy, 0, copy.framebuffer);
	if (copy.bits & GL_DEPTH_BUFFER_BIT) {
		good = samples_get(s->gl, &copy.texture, &depths, at);
		at += (size_t)s->width * (size_t)s->height * (size_t)s->samples * sizeof(GLfloat);
	}
	if (good && copy.bits & GL_STENCIL_BUFFER_BIT)
		good = samples_get(s->gl, &copy.texture, &stencils, at);
	copy_close(s, &copy);
	return good;
}

bool surface_samples_put_depths(const struct surface_samples *s, const void *pixels)
{
	const GLint format = depth_format(s->gl);
	if (!format)
		return true;
	struct copy copy = copy_open(s, format, false);
	const char *at = pixels;
	bool good = true;
	if (copy.bits & GL_DEPTH_BUFFER_BIT) {
		good = samples_put(s->gl, &copy.texture, &depths, at);
		at += (size_t)s->width * (size_t)s->height * (size_t)s->samples * sizeof(GLfloat);
	}
	if (good && copy.bits & GL_STENCIL_BUFFER_BIT)
		good = samples_put(s->gl, &copy.texture, &stencils, at);
	blit(s, &copy, copy.framebuffer, 0);
	copy_close(s, &copy);
	return good && !s->gl->GetError();
}
