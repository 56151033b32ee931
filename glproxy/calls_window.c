/*
 * Calls that know the buffers of the window's framebuffer: depths and stencils have one place,
 * colours may have another (front.h).
 */
#include "glproxy/front.h"
#include "hand.h"

static bool is_depth(GLenum format)
{
	return format == GL_DEPTH_COMPONENT || format == GL_STENCIL_INDEX ||
		format == GL_DEPTH_STENCIL || format == GL_DEPTH || format == GL_STENCIL ||
		format == GL_DEPTH_STENCIL_TO_RGBA_NV;
}

#define DEPTHS (GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT)

void proxy_glReadPixels(struct exec *x, GLint left, GLint bottom, GLsizei width, GLsizei height,
	GLenum format, GLenum type, void *pixels)
{
	const bool aside = is_depth(format) && front_read_depths(x);
	x->driver->ReadPixels(left, bottom, width, height, format, type, pixels);
	if (aside)
		front_read_again(x);
}

void proxy_glReadnPixels(struct exec *x, GLint left, GLint bottom, GLsizei width, GLsizei height,
	GLenum format, GLenum type, GLsizei size, void *data)
{
	const bool aside = is_depth(format) && front_read_depths(x);
	x->driver->ReadnPixels(left, bottom, width, height, format, type, size, data);
	if (aside)
		front_read_again(x);
}

void proxy_glCopyPixels(
	struct exec *x, GLint left, GLint bottom, GLsizei width, GLsizei height, GLenum type)
{
	const bool aside = is_depth(type) && front_read_depths(x);
	x->driver->CopyPixels(left, bottom, width, height, type);
	if (aside)
		front_read_again(x);
}

void proxy_glBlitFramebuffer(struct exec *x, GLint left, GLint bottom, GLint right, GLint top,
	GLint to_left, GLint to_bottom, GLint to_right, GLint to_top, GLbitfield mask,
	GLenum filter)
{
	if (mask & DEPTHS && front_read_depths(x)) {
		x->driver->BlitFramebuffer(left, bottom, right, top, to_left, to_bottom, to_right,
			to_top, mask & DEPTHS, filter);
		front_read_again(x);
		mask &= ~(GLbitfield)DEPTHS;
	}
	x->driver->BlitFramebuffer(
		left, bottom, right, top, to_left, to_bottom, to_right, to_top, mask, filter);
}

void proxy_glBlitNamedFramebuffer(struct exec *x, GLuint from, GLuint to, GLint left, GLint bottom,
	GLint right, GLint top, GLint to_left, GLint to_bottom, GLint to_right, GLint to_top,
	GLbitfield mask, GLenum filter)
{
	if (!from && mask & DEPTHS && front_read_depths(x)) {
		x->driver->BlitNamedFramebuffer(from, to, left, bottom, right, top, to_left,
			to_bottom, to_right, to_top, mask & DEPTHS, filter);
		front_read_again(x);
		mask &= ~(GLbitfield)DEPTHS;
	}
	x->driver->BlitNamedFramebuffer(from, to, left, bottom, right, top, to_left, to_bottom,
		to_right, to_top, mask, filter);
}

/* Mesa takes the window that is drawn to for the one that is read from. */
void proxy_glFramebufferReadBufferEXT(struct exec *x, GLuint framebuffer, GLenum mode)
{
	const struct driver *gl = x->driver;
	GLint before = 0;
	if (framebuffer) {
		gl->FramebufferReadBufferEXT(framebuffer, mode);
		return;
	}
	gl->GetIntegerv(GL_READ_FRAMEBUFFER_BINDING, &before);
	gl->BindFramebuffer(GL_READ_FRAMEBUFFER, 0);
	gl->ReadBuffer(mode);
	gl->BindFramebuffer(GL_READ_FRAMEBUFFER, (GLuint)before);
}

/* ---- clearing one buffer: the window's is drawn to, but drivers may know no buffer of its name
 * ---- */

static bool is_window(struct exec *x, GLenum buffer, GLint drawbuffer)
{
	GLint bound = 0;
	if (buffer != GL_COLOR || drawbuffer || !x->context || x->context->api != EGL_OPENGL_API)
		return false;
	x->driver->GetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &bound);
	return !bound && x->context->draw;
}

static void clear_window(const struct driver *gl, const GLfloat *value)
{
	GLfloat before[4];
	gl->GetFloatv(GL_COLOR_CLEAR_VALUE, before);
	gl->ClearColor(value[0], value[1], value[2], value[3]);
	gl->Clear(GL_COLOR_BUFFER_BIT);
	gl->ClearColor(before[0], before[1], before[2], before[3]);
}

void proxy_glClearBufferfv(struct exec *x, GLenum buffer, GLint drawbuffer, const GLfloat *value)
{
	if (value && is_window(x, buffer, drawbuffer))
		clear_window(x->driver, value);
	else
		x->driver->ClearBufferfv(buffer, drawbuffer, value);
}
