/*
 * EGL: surfaces and swaps (EGL 1.5, 3.5, 3.6, 3.10).
 */
#include "glshim/egl.h"

#include "entries.h"

#include <stdlib.h>

enum { PBUFFER = 1, WINDOW = 2, PIXMAP = 3 }; /* as glproxy's surface_kind */
#define DOUBLE 1u
#define SRGB 2u

static bool note_attribute(struct egl_surface *surface, EGLAttrib name, EGLAttrib value)
{
	EGLint *of = name == EGL_WIDTH        ? &surface->width
		: name == EGL_HEIGHT          ? &surface->height
		: name == EGL_LARGEST_PBUFFER ? &surface->largest
		: name == EGL_RENDER_BUFFER   ? &surface->render_buffer
		: name == EGL_GL_COLORSPACE   ? &surface->colorspace
		: name == EGL_TEXTURE_FORMAT  ? &surface->texture_format
		: name == EGL_TEXTURE_TARGET  ? &surface->texture_target
		: name == EGL_MIPMAP_TEXTURE  ? &surface->mipmap_texture
					      : NULL;
	if (of)
		*of = (EGLint)value;
	return of;
}

static void to_wide(const EGLint *attributes, EGLAttrib *wide, unsigned room)
{
	unsigned used = 0;
	for (; attributes && *attributes != EGL_NONE && used + 3 <= room; attributes += 2) {
		wide[used++] = attributes[0];
		wide[used++] = attributes[1];
	}
	wide[used] = EGL_NONE;
}

static EGLSurface finish(struct egl_surface *surface, EGLint error)
{
	if (error) {
		free(surface);
		egl_fail(error);
		return EGL_NO_SURFACE;
	}
	egl_done();
	return surface;
}

/* A window has one surface at a time. */
static bool is_of(const struct egl_handle *handle, unsigned long window)
{
	const struct egl_surface *surface = (const struct egl_surface *)handle;
	return surface->kind == EGL_WINDOW_BIT && surface->drawable == window;
}

static EGLint note_attributes(struct egl_surface *surface, const EGLAttrib *attributes)
{
	for (const EGLAttrib *at = attributes; at && *at != EGL_NONE; at += 2)
		if (!note_attribute(surface, at[0], at[1]))
			return EGL_BAD_ATTRIBUTE;
	if (surface->width < 0 || surface->height < 0)
		return EGL_BAD_PARAMETER;
	if (surface->largest) {
		surface->width =
			surface->width < EGL_PBUFFER_MAX ? surface->width : EGL_PBUFFER_MAX;
		surface->height =
			surface->height < EGL_PBUFFER_MAX ? surface->height : EGL_PBUFFER_MAX;
	}
	return 0;
}

/* Why the surface cannot be; 0: it can. */
static EGLint check(struct egl_display *display, EGLConfig config, EGLint kind, Drawable drawable)
{
	const struct egl_config *c = config;
	const bool there = kind == EGL_PBUFFER_BIT || (display->x && drawable);
	if (!there)
		return kind == EGL_WINDOW_BIT ? EGL_BAD_NATIVE_WINDOW : EGL_BAD_NATIVE_PIXMAP;
	if (!egl_config_valid(display, config))
		return EGL_BAD_CONFIG;
	if (!(c->surfaces & kind))
		return EGL_BAD_MATCH;
	if (kind == EGL_WINDOW_BIT && egl_handle_any(display, EGL_KIND_SURFACE, is_of, drawable))
		return EGL_BAD_ALLOC;
	return 0;
}

/* In the proxy, which has to know the window as well. */
static bool open_there(struct egl_surface *made)
{
	Display *x = made->display->x;
	const int kind = made->kind == EGL_PBUFFER_BIT ? PBUFFER
		: made->kind == EGL_WINDOW_BIT         ? WINDOW
						       : PIXMAP;
	const unsigned flags =
		(kind == WINDOW && made->render_buffer == EGL_BACK_BUFFER ? DOUBLE : 0) |
		(made->colorspace == EGL_GL_COLORSPACE_SRGB ? SRGB : 0);
	if (x)
		XSync(x, False);
	made->surface = surface_create(kind, made->config->driver.id, flags, (unsigned)made->width,
		(unsigned)made->height, x ? DisplayString(x) : "", (uint32_t)made->drawable);
	return made->surface;
}

static EGLSurface create(EGLDisplay handle, EGLConfig config, EGLint kind, Drawable drawable,
	const EGLAttrib *attributes)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_surface *made = display ? calloc(1, sizeof(*made)) : NULL;
	if (!made)
		return EGL_NO_SURFACE;
	EGLint error = check(display, config, kind, drawable);
	*made = (struct egl_surface){.display = display,
		.config = config,
		.kind = kind,
		.drawable = drawable,
		.render_buffer = kind == EGL_PIXMAP_BIT ? EGL_SINGLE_BUFFER : EGL_BACK_BUFFER,
		.colorspace = EGL_GL_COLORSPACE_LINEAR,
		.swap_behavior = EGL_BUFFER_PRESERVED,
		.texture_format = EGL_NO_TEXTURE,
		.texture_target = EGL_NO_TEXTURE,
		.multisample_resolve = EGL_MULTISAMPLE_RESOLVE_DEFAULT};
	if (!error)
		error = note_attributes(made, attributes);
	if (!error && !open_there(made))
		error = EGL_BAD_ALLOC;
	if (!error)
		egl_handle_add(display, &made->handle, EGL_KIND_SURFACE);
	return finish(made, error);
}

static EGLSurface CreatePbufferSurface(
	EGLDisplay handle, EGLConfig config, const EGLint *attributes)
{
	EGLAttrib wide[32];
	to_wide(attributes, wide, 32);
	return create(handle, config, EGL_PBUFFER_BIT, 0, wide);
}

static EGLSurface CreateWindowSurface(
	EGLDisplay handle, EGLConfig config, EGLNativeWindowType window, const EGLint *attributes)
{
	EGLAttrib wide[32];
	to_wide(attributes, wide, 32);
	return create(handle, config, EGL_WINDOW_BIT, (Drawable)window, wide);
}

static EGLSurface CreatePixmapSurface(
	EGLDisplay handle, EGLConfig config, EGLNativePixmapType pixmap, const EGLint *attributes)
{
	EGLAttrib wide[32];
	to_wide(attributes, wide, 32);
	return create(handle, config, EGL_PIXMAP_BIT, (Drawable)pixmap, wide);
}

/* Of the X11 platform the native handle is a pointer to the window's or pixmap's number. */
static EGLSurface CreatePlatformWindowSurface(
	EGLDisplay handle, EGLConfig config, void *window, const EGLAttrib *attributes)
{
	const Window *of = window;
	return create(handle, config, EGL_WINDOW_BIT, of ? *of : 0, attributes);
}

static EGLSurface CreatePlatformPixmapSurface(
	EGLDisplay handle, EGLConfig config, void *pixmap, const EGLAttrib *attributes)
{
	const Pixmap *of = pixmap;
	return create(handle, config, EGL_PIXMAP_BIT, of ? *of : 0, attributes);
}

static EGLSurface CreatePlatformWindowSurfaceEXT(
	EGLDisplay handle, EGLConfig config, void *window, const EGLint *attributes)
{
	EGLAttrib wide[32];
	to_wide(attributes, wide, 32);
	return CreatePlatformWindowSurface(handle, config, window, wide);
}

static EGLSurface CreatePlatformPixmapSurfaceEXT(
	EGLDisplay handle, EGLConfig config, void *pixmap, const EGLint *attributes)
{
	EGLAttrib wide[32];
	to_wide(attributes, wide, 32);
	return CreatePlatformPixmapSurface(handle, config, pixmap, wide);
}

static EGLSurface CreatePbufferFromClientBuffer(EGLDisplay handle, EGLenum type,
	EGLClientBuffer buffer, EGLConfig config, const EGLint *attributes)
{
	egl_fail(EGL_BAD_PARAMETER); /* OpenVG's images: there is no OpenVG */
	return EGL_NO_SURFACE;
}

static EGLBoolean DestroySurface(EGLDisplay handle, EGLSurface surface)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made || !egl_handle_take(display, made, EGL_KIND_SURFACE))
		return EGL_FALSE;
	surface_destroy(made->surface);
	free(made);
	return egl_done();
}

static EGLint window_size(const struct egl_surface *surface, EGLint which)
{
	Window root;
	int x, y;
	unsigned width = 0, height = 0, border, depth;
	XGetGeometry(surface->display->x, surface->drawable, &root, &x, &y, &width, &height,
		&border, &depth);
	return (EGLint)(which == EGL_WIDTH ? width : height);
}

static EGLBoolean QuerySurface(
	EGLDisplay handle, EGLSurface surface, EGLint attribute, EGLint *value)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	switch (attribute) {
	case EGL_WIDTH:
	case EGL_HEIGHT:
		*value = made->kind != EGL_PBUFFER_BIT ? window_size(made, attribute)
			: attribute == EGL_WIDTH       ? made->width
						       : made->height;
		break;
	case EGL_CONFIG_ID:
		*value = made->config->driver.id;
		break;
	case EGL_RENDER_BUFFER:
		*value = made->render_buffer;
		break;
	case EGL_GL_COLORSPACE:
		*value = made->colorspace;
		break;
	case EGL_SWAP_BEHAVIOR:
		*value = made->swap_behavior;
		break;
	case EGL_LARGEST_PBUFFER:
		*value = made->largest;
		break;
	case EGL_TEXTURE_FORMAT:
		*value = made->texture_format;
		break;
	case EGL_TEXTURE_TARGET:
		*value = made->texture_target;
		break;
	case EGL_MIPMAP_TEXTURE:
		*value = made->mipmap_texture;
		break;
	case EGL_MIPMAP_LEVEL:
		*value = made->mipmap_level;
		break;
	case EGL_MULTISAMPLE_RESOLVE:
		*value = made->multisample_resolve;
		break;
	case EGL_HORIZONTAL_RESOLUTION:
	case EGL_VERTICAL_RESOLUTION:
	case EGL_PIXEL_ASPECT_RATIO:
		*value = EGL_UNKNOWN;
		break;
	case EGL_VG_ALPHA_FORMAT:
		*value = EGL_VG_ALPHA_FORMAT_NONPRE;
		break;
	case EGL_VG_COLORSPACE:
		*value = EGL_VG_COLORSPACE_sRGB;
		break;
	default:
		return egl_fail(EGL_BAD_ATTRIBUTE);
	}
	return egl_done();
}

static EGLBoolean SurfaceAttrib(
	EGLDisplay handle, EGLSurface surface, EGLint attribute, EGLint value)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	if (attribute == EGL_SWAP_BEHAVIOR)
		made->swap_behavior = value;
	else if (attribute == EGL_MIPMAP_LEVEL)
		made->mipmap_level = value;
	else if (attribute == EGL_MULTISAMPLE_RESOLVE)
		made->multisample_resolve = value;
	else
		return egl_fail(EGL_BAD_ATTRIBUTE);
	return egl_done();
}

static EGLBoolean SwapBuffers(EGLDisplay handle, EGLSurface surface)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	if (made->surface->owner != shim_current)
		return egl_fail(EGL_BAD_SURFACE);
	if (made->kind != EGL_WINDOW_BIT)
		return egl_done();
	XFlush(display->x);
	if (made->render_buffer == EGL_SINGLE_BUFFER)
		shim_glFlush();
	else
		surface_swap(made->surface, 0, 0, 0, 0);
	return egl_done();
}

static EGLBoolean SwapBuffersWithDamageKHR(
	EGLDisplay handle, EGLSurface surface, const EGLint *rectangles, EGLint count)
{
	return SwapBuffers(handle, surface);
}

static EGLBoolean SwapBuffersWithDamageEXT(
	EGLDisplay handle, EGLSurface surface, const EGLint *rectangles, EGLint count)
{
	return SwapBuffers(handle, surface);
}

static EGLBoolean PostSubBufferNV(
	EGLDisplay handle, EGLSurface surface, EGLint x, EGLint y, EGLint width, EGLint height)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	if (made->kind == EGL_WINDOW_BIT && width > 0 && height > 0)
		surface_swap(made->surface, x, y, width, height);
	return egl_done();
}

static EGLBoolean SwapInterval(EGLDisplay handle, EGLint interval)
{
	return egl_display_of(handle) ? egl_done() : EGL_FALSE;
}

static EGLBoolean CopyBuffers(EGLDisplay handle, EGLSurface surface, EGLNativePixmapType pixmap)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	if (!display->x || !pixmap)
		return egl_fail(EGL_BAD_NATIVE_PIXMAP);
	XSync(display->x, False);
	if (!surface_to_pixmap(made->surface, DisplayString(display->x), (uint32_t)pixmap))
		return egl_fail(EGL_BAD_SURFACE);
	return egl_done();
}

/* ---- pbuffers as textures (EGL 1.5, 3.6) ---- */

/* Why it cannot be bound, or let go of; 0: it can. */
static EGLint check_bindable(const struct egl_surface *surface, EGLint buffer)
{
	if (buffer != EGL_BACK_BUFFER)
		return EGL_BAD_PARAMETER;
	if (surface->kind != EGL_PBUFFER_BIT || surface->texture_format == EGL_NO_TEXTURE)
		return EGL_BAD_SURFACE;
	return surface->texture_target == EGL_TEXTURE_2D ? 0 : EGL_BAD_MATCH;
}

static EGLBoolean BindTexImage(EGLDisplay handle, EGLSurface surface, EGLint buffer)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	const EGLint error = check_bindable(made, buffer);
	if (error)
		return egl_fail(error);
	if (made->surface->bound)
		return egl_fail(EGL_BAD_ACCESS);
	if (!context_current())
		return egl_done();
	const GLint level = made->mipmap_texture ? made->mipmap_level : 0;
	const bool alpha = made->texture_format == EGL_TEXTURE_RGBA;
	return surface_bind(made->surface, level, alpha ? GL_RGBA : GL_RGB)
		? egl_done()
		: egl_fail(EGL_BAD_ACCESS);
}

/* What the texture holds from here on is undefined: it stays. */
static EGLBoolean ReleaseTexImage(EGLDisplay handle, EGLSurface surface, EGLint buffer)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_surface *made = display ? egl_surface_of(display, surface) : NULL;
	if (!made)
		return EGL_FALSE;
	const EGLint error = check_bindable(made, buffer);
	if (error)
		return egl_fail(error);
	made->surface->bound = false;
	return egl_done();
}

const struct egl_function egl_surface_functions[] = {
	EGL_FUNCTION(CreatePbufferSurface),
	EGL_FUNCTION(CreateWindowSurface),
	EGL_FUNCTION(CreatePixmapSurface),
	EGL_FUNCTION(CreatePlatformWindowSurface),
	EGL_FUNCTION(CreatePlatformPixmapSurface),
	EGL_FUNCTION(CreatePlatformWindowSurfaceEXT),
	EGL_FUNCTION(CreatePlatformPixmapSurfaceEXT),
	EGL_FUNCTION(CreatePbufferFromClientBuffer),
	EGL_FUNCTION(DestroySurface),
	EGL_FUNCTION(QuerySurface),
	EGL_FUNCTION(SurfaceAttrib),
	EGL_FUNCTION(SwapBuffers),
	EGL_FUNCTION(SwapBuffersWithDamageKHR),
	EGL_FUNCTION(SwapBuffersWithDamageEXT),
	EGL_FUNCTION(PostSubBufferNV),
	EGL_FUNCTION(SwapInterval),
	EGL_FUNCTION(CopyBuffers),
	EGL_FUNCTION(BindTexImage),
	EGL_FUNCTION(ReleaseTexImage),
	{0},
};
