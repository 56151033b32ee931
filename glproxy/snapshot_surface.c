#include "glproxy/snapshot_surface.h"
#include "glproxy/told.h"

#include "glproxy/accum.h"
#include "glproxy/surface_samples.h"

#include <stdlib.h>
#include <string.h>

/* How a surface's pixels are read and drawn. */
struct shape {
	GLenum type; /* of the colours */
	GLenum depth_format, depth_type;
	size_t colour_bytes, depth_bytes; /* a pixel; 0: it has none */
	bool many;                        /* several samples a pixel: surface_samples.h */
};

EGLContext helper_open(struct proxy *proxy, EGLContext share, struct err *err)
{
	static const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION,
		5, EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_COMPATIBILITY_PROFILE_BIT,
		EGL_NONE};
	eglBindAPI(EGL_OPENGL_API);
	static const EGLint any[] = {EGL_NONE};
	EGLContext helper = eglCreateContext(proxy->display, EGL_NO_CONFIG_KHR, share, attributes);
	if (helper == EGL_NO_CONTEXT)
		helper = eglCreateContext(proxy->display, EGL_NO_CONFIG_KHR, share, any);
	if (helper == EGL_NO_CONTEXT)
		err_set(err, "the driver gives no OpenGL compatibility context");
	return helper;
}

void helper_close(struct proxy *proxy, EGLContext helper)
{
	eglBindAPI(EGL_OPENGL_API);
	eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	if (helper != EGL_NO_CONTEXT)
		eglDestroyContext(proxy->display, helper);
}

static GLint number(const struct driver *gl, GLenum pname)
{
	GLint value = 0;
	gl->GetIntegerv(pname, &value);
	return value;
}

static struct surface_samples samples_of(const struct surface *surface)
{
	return (struct surface_samples){.gl = surface->proxy->driver,
		.width = surface->width ? (GLsizei)surface->width : 1,
		.height = surface->height ? (GLsizei)surface->height : 1,
		.samples = number(surface->proxy->driver, GL_SAMPLES)};
}

static struct shape shape_of(const struct surface *surface)
{
	const struct driver *gl = surface->proxy->driver;
	const struct surface_samples samples = samples_of(surface);
	if (samples.samples)
		return (struct shape){.colour_bytes = surface_samples_colour_bytes(&samples),
			.depth_bytes = surface_samples_depth_bytes(&samples),
			.many = true};
	struct shape shape = {.type = GL_UNSIGNED_BYTE, .colour_bytes = 4};
	const GLint depth = number(gl, GL_DEPTH_BITS), stencil = number(gl, GL_STENCIL_BITS);
	if (number(gl, GL_RED_BITS) > 8) {
		shape.type = GL_FLOAT;
		shape.colour_bytes = 16;
	}
	shape.depth_bytes = depth || stencil ? 4 : 0;
	shape.depth_format = depth && stencil ? GL_DEPTH_STENCIL
		: depth                       ? GL_DEPTH_COMPONENT
					      : GL_STENCIL_INDEX;
	shape.depth_type = depth && stencil ? GL_UNSIGNED_INT_24_8 : GL_UNSIGNED_INT;
	return shape;
}

static size_t pixels_of(const struct surface *surface)
{
	return (size_t)(surface->width ? surface->width : 1) *
		(surface->height ? surface->height : 1);
}

static void *pixels_room(const struct surface *surface, size_t bytes, struct err *err)
{
	void *pixels = calloc(pixels_of(surface), bytes ? bytes : 1);
	if (!pixels)
		err_set(err, "out of memory");
	return pixels;
}

static bool bind(const struct surface *surface, EGLSurface egl, EGLContext helper, struct err *err)
{
	if (eglMakeCurrent(surface->proxy->display, egl, egl, helper))
		return true;
	err_set(err, "surface %u cannot be made current: EGL error 0x%x", surface->id,
		eglGetError());
	return false;
}

static int read_colours(const struct surface *surface, struct buf *image, struct err *err)
{
	const struct driver *gl = surface->proxy->driver;
	const struct shape shape = shape_of(surface);
	const struct surface_samples samples = samples_of(surface);
	scoped_free void *pixels = pixels_room(surface, shape.colour_bytes, err);
	if (!pixels)
		return -1;
	gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
	gl->ReadBuffer(GL_BACK);
	if (!shape.many)
		gl->ReadPixels(0, 0, (GLsizei)surface->width, (GLsizei)surface->height, GL_RGBA,
			shape.type, pixels);
	else if (!surface_samples_get_colours(&samples, pixels))
		return err_set(err, "samples of surface %u cannot be read", surface->id);
	record_bytes(image, pixels, pixels_of(surface) * shape.colour_bytes);
	if (gl->GetError())
		return err_set(err, "surface %u cannot be read", surface->id);
	return 0;
}

static int read_depths(const struct surface *surface, struct buf *image, struct err *err)
{
	const struct driver *gl = surface->proxy->driver;
	const struct shape shape = shape_of(surface);
	const struct surface_samples samples = samples_of(surface);
	scoped_free void *pixels = pixels_room(surface, shape.depth_bytes, err);
	if (!pixels)
		return -1;
	if (shape.many && !surface_samples_get_depths(&samples, pixels))
		return err_set(err, "samples of surface %u cannot be read", surface->id);
	if (shape.depth_bytes && !shape.many)
		gl->ReadPixels(0, 0, (GLsizei)surface->width, (GLsizei)surface->height,
			shape.depth_format, shape.depth_type, pixels);
	record_bytes(image, pixels, pixels_of(surface) * shape.depth_bytes);
	if (gl->GetError())
		return err_set(err, "surface %u cannot be read", surface->id);
	return 0;
}

/* The front buffer of a surface that has one (surface.h). */
enum { OTHER = 1, TURNED = 2, BOTH = 4 };

static uint32_t front_of(const struct surface *surface)
{
	return surface->other == EGL_NO_SURFACE
		? 0
		: OTHER | (surface->turned ? TURNED : 0) | (surface->both ? BOTH : 0);
}

static int read_front(
	const struct surface *surface, EGLContext helper, struct buf *image, struct err *err)
{
	if (surface->other == EGL_NO_SURFACE)
		return 0;
	return bind(surface, surface->other, helper, err) ? read_colours(surface, image, err) : -1;
}

static size_t accum_bytes(const struct surface *surface)
{
	const struct accum *accum = surface->accum;
	return (size_t)surface->width * surface->height * sizeof(accum->values[0]);
}

static void put_accum(const struct surface *surface, struct buf *image)
{
	const struct accum *accum = surface->accum;
	const bool used =
		accum && accum->width == surface->width && accum->height == surface->height;
	record_bytes(image, used ? accum->values : NULL, used ? accum_bytes(surface) : 0);
}

static int take_surface(
	const struct surface *surface, EGLContext helper, struct buf *image, struct err *err)
{
	if (!bind(surface, surface->egl, helper, err))
		return -1;
	if (number(surface->proxy->driver, GL_SAMPLES) && surface->other != EGL_NO_SURFACE)
		return err_set(err, "the front buffer of a multisampled window is not kept yet");
	const size_t place = record_begin(image, SNAPSHOT_SURFACE);
	record_u32(image, surface->id);
	record_u32(image, surface->kind);
	record_u32(image, surface->flags);
	record_u32(image, (uint32_t)surface->config);
	record_u32(image, surface->width);
	record_u32(image, surface->height);
	record_u32(image, surface->drawable);
	record_u32(image, front_of(surface));
	record_bytes(image, surface->display, sizeof(surface->display));
	const int status = read_colours(surface, image, err) || read_depths(surface, image, err) ||
			read_front(surface, helper, image, err)
		? -1
		: 0;
	put_accum(surface, image);
	record_end(image, place);
	return status;
}

int take_surfaces(struct proxy *proxy, struct snapshot_out *out, struct err *err)
{
	EGLContext helper = helper_open(proxy, EGL_NO_CONTEXT, err);
	int status = helper == EGL_NO_CONTEXT ? -1 : 0;
	for (unsigned id = 1; !status && id < PROXY_OBJECTS; id++)
		if (proxy->surfaces[id]) {
			status = take_surface(proxy->surfaces[id], helper, &out->record, err);
			snapshot_out_flush(out);
		}
	helper_close(proxy, helper);
	return status;
}

int surface_adopt(struct proxy *proxy, struct span record, struct err *err)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return err_set(err, "out of memory");
	surface->proxy = proxy;
	surface->references = 1;
	surface->egl = EGL_NO_SURFACE;
	surface->other = EGL_NO_SURFACE;
	surface->id = span_u32(&record);
	surface->kind = (enum surface_kind)span_u32(&record);
	surface->flags = span_u32(&record);
	surface->config = (EGLint)span_u32(&record);
	surface->width = span_u32(&record);
	surface->height = span_u32(&record);
	surface->drawable = span_u32(&record);
	span_u32(&record); /* its front buffer: surface_build() */
	const struct span display = span_bytes(&record);
	if (record.failed || display.left != sizeof(surface->display) || !surface->id ||
		surface->id >= PROXY_OBJECTS || proxy->surfaces[surface->id] ||
		surface->width > 65535 || surface->height > 65535) {
		free(surface);
		return err_set(err, "the snapshot has a surface that cannot be");
	}
	memcpy(surface->display, display.at, sizeof(surface->display));
	surface->display[sizeof(surface->display) - 1] = '\0';
	proxy->surfaces[surface->id] = surface;
	return 0;
}

/* Depths go through a texture of the same format: a copy, where drawing would round them. */
static void draw_depths(
	const struct surface *surface, const struct shape *shape, const void *depths)
{
	const struct driver *gl = surface->proxy->driver;
	const GLsizei width = (GLsizei)surface->width, height = (GLsizei)surface->height;
	const GLint bits = number(gl, GL_DEPTH_BITS);
	const bool both = shape->depth_format == GL_DEPTH_STENCIL;
	GLuint texture = 0, framebuffer = 0;
	gl->GenTextures(1, &texture);
	gl->BindTexture(GL_TEXTURE_2D, texture);
	gl->TexImage2D(GL_TEXTURE_2D, 0,
		both                 ? GL_DEPTH24_STENCIL8
			: bits == 32 ? GL_DEPTH_COMPONENT32
			: bits == 24 ? GL_DEPTH_COMPONENT24
				     : GL_DEPTH_COMPONENT16,
		width, height, 0, shape->depth_format, shape->depth_type, depths);
	gl->GenFramebuffers(1, &framebuffer);
	gl->BindFramebuffer(GL_READ_FRAMEBUFFER, framebuffer);
	gl->FramebufferTexture2D(GL_READ_FRAMEBUFFER,
		both ? GL_DEPTH_STENCIL_ATTACHMENT : GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, texture,
		0);
	gl->BlitFramebuffer(0, 0, width, height, 0, 0, width, height,
		GL_DEPTH_BUFFER_BIT | (both ? GL_STENCIL_BUFFER_BIT : 0), GL_NEAREST);
	gl->BindFramebuffer(GL_READ_FRAMEBUFFER, 0);
	gl->DeleteFramebuffers(1, &framebuffer);
	gl->DeleteTextures(1, &texture);
}

static int draw_colours(const struct surface *surface, struct span *record, struct err *err)
{
	const struct driver *gl = surface->proxy->driver;
	const struct shape shape = shape_of(surface);
	const struct span colours = span_bytes(record);
	if (record->failed || colours.left != pixels_of(surface) * shape.colour_bytes)
		return err_set(err, "surface %u: other sizes than this driver's", surface->id);
	gl->PixelStorei(GL_UNPACK_ALIGNMENT, 1);
	gl->DrawBuffer(GL_BACK);
	gl->Disable(GL_DITHER);
	if (shape.many) {
		const struct surface_samples samples = samples_of(surface);
		return surface_samples_put_colours(&samples, colours.at)
			? 0
			: err_set(err, "samples of surface %u cannot be drawn", surface->id);
	}
	gl->WindowPos2i(0, 0);
	gl->DrawPixels(
		(GLsizei)surface->width, (GLsizei)surface->height, GL_RGBA, shape.type, colours.at);
	return 0;
}

static int draw_rest(const struct surface *surface, struct span *record, struct err *err)
{
	const struct driver *gl = surface->proxy->driver;
	const struct shape shape = shape_of(surface);
	const struct span depths = span_bytes(record);
	if (record->failed || depths.left != pixels_of(surface) * shape.depth_bytes)
		return err_set(err, "surface %u: other sizes than this driver's", surface->id);
	const struct surface_samples samples = samples_of(surface);
	if (shape.many && !surface_samples_put_depths(&samples, depths.at))
		return err_set(err, "samples of surface %u cannot be drawn", surface->id);
	if (shape.many)
		return 0;
	if (shape.depth_format == GL_STENCIL_INDEX && shape.depth_bytes)
		gl->DrawPixels((GLsizei)surface->width, (GLsizei)surface->height, GL_STENCIL_INDEX,
			GL_UNSIGNED_INT, depths.at);
	else if (shape.depth_bytes)
		draw_depths(surface, &shape, depths.at);
	gl->Finish();
	if (gl->GetError())
		return err_set(err, "surface %u cannot be drawn", surface->id);
	return 0;
}

static int draw_front(struct surface *surface, EGLContext helper, uint32_t front,
	struct span *record, struct err *err)
{
	if (!(front & OTHER))
		return 0;
	surface->other =
		surface_pbuffer(surface, told_driver_config(surface->proxy, surface->config));
	surface->turned = front & TURNED;
	surface->both = front & BOTH;
	if (!bind(surface, surface->other, helper, err) || draw_colours(surface, record, err))
		return -1;
	surface->proxy->driver->Finish();
	return 0;
}

/* Images of earlier versions end before. */
static int build_accum(struct surface *surface, struct span *record, struct err *err)
{
	if (!record->left)
		return 0;
	const struct span values = span_bytes(record);
	if (!record->failed && !values.left)
		return 0;
	if (record->failed || values.left != accum_bytes(surface) || !accum_open(surface))
		return err_set(
			err, "surface %u: an accumulation buffer that cannot be", surface->id);
	memcpy(surface->accum->values, values.at, values.left);
	return 0;
}

int surface_build(struct proxy *proxy, EGLContext helper, struct span record, struct err *err)
{
	const uint32_t id = span_u32(&record);
	struct surface *surface = id < PROXY_OBJECTS ? proxy->surfaces[id] : NULL;
	for (int i = 0; i < 6; i++)
		span_u32(&record);
	const uint32_t front = span_u32(&record);
	span_bytes(&record);
	if (!surface || record.failed)
		return err_set(err, "the snapshot has a surface that cannot be");
	if (!surface_open(surface) || !bind(surface, surface->egl, helper, err))
		return err_set(err, "surface %u cannot be made: EGL error 0x%x", id, eglGetError());
	if (draw_colours(surface, &record, err) || draw_rest(surface, &record, err))
		return -1;
	return draw_front(surface, helper, front, &record, err) ||
			build_accum(surface, &record, err)
		? -1
		: 0;
}
