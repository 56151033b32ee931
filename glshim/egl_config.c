/*
 * EGL: configs (EGL 1.5, 3.4).
 */
#include "glshim/egl.h"

#include <X11/Xutil.h>
#include <stdlib.h>

/* The visual of the windows that have these colours; alpha is not for the X server to see. */
static VisualID visual_of(Display *x, const struct wire_config *c)
{
	XVisualInfo info;
	if (!x || c->red != 8 || c->green != 8 || c->blue != 8 || c->floating)
		return 0;
	if (XMatchVisualInfo(x, DefaultScreen(x), 24, TrueColor, &info) ||
		XMatchVisualInfo(x, DefaultScreen(x), 32, TrueColor, &info))
		return info.visualid;
	return 0;
}

/* On an X display those that no window can have are left out, as Mesa does it. */
void egl_configs_make(struct egl_display *display)
{
	const struct process *process = process_get();
	if (!process || display->configs)
		return;
	display->configs = calloc(process->config_count + 1, sizeof(*display->configs));
	for (unsigned i = 0; display->configs && i < process->config_count; i++) {
		const VisualID visual = visual_of(display->x, &process->configs[i]);
		if (display->x && !visual)
			continue;
		display->configs[display->config_count++] =
			(struct egl_config){.driver = process->configs[i],
				.visual = (EGLint)visual,
				.surfaces = EGL_PBUFFER_BIT |
					(visual ? EGL_WINDOW_BIT | EGL_PIXMAP_BIT : 0)};
	}
}

bool egl_config_valid(const struct egl_display *display, EGLConfig config)
{
	const struct egl_config *c = config;
	return c >= display->configs && c < display->configs + display->config_count;
}

static bool attribute(const struct egl_config *config, EGLint name, EGLint *value)
{
	const struct wire_config *c = &config->driver;
	switch (name) {
	case EGL_CONFIG_ID:
		*value = c->id;
		break;
	case EGL_BUFFER_SIZE:
		*value = c->red + c->green + c->blue + c->alpha;
		break;
	case EGL_RED_SIZE:
		*value = c->red;
		break;
	case EGL_GREEN_SIZE:
		*value = c->green;
		break;
	case EGL_BLUE_SIZE:
		*value = c->blue;
		break;
	case EGL_ALPHA_SIZE:
		*value = c->alpha;
		break;
	case EGL_DEPTH_SIZE:
		*value = c->depth;
		break;
	case EGL_STENCIL_SIZE:
		*value = c->stencil;
		break;
	case EGL_SAMPLES:
		*value = c->samples;
		break;
	case EGL_SAMPLE_BUFFERS:
		*value = c->samples > 0;
		break;
	case EGL_RENDERABLE_TYPE:
	case EGL_CONFORMANT:
		*value = c->renderable;
		break;
	case EGL_SURFACE_TYPE:
		*value = config->surfaces;
		break;
	case EGL_NATIVE_VISUAL_ID:
		*value = config->visual;
		break;
	case EGL_NATIVE_VISUAL_TYPE:
		*value = config->visual ? TrueColor : EGL_NONE;
		break;
	case EGL_NATIVE_RENDERABLE:
		*value = config->visual != 0;
		break;
	case EGL_BIND_TO_TEXTURE_RGB:
		*value = !c->samples;
		break;
	case EGL_BIND_TO_TEXTURE_RGBA:
		*value = !c->samples && c->alpha;
		break;
	case EGL_COLOR_BUFFER_TYPE:
		*value = EGL_RGB_BUFFER;
		break;
	case EGL_CONFIG_CAVEAT:
	case EGL_TRANSPARENT_TYPE:
		*value = EGL_NONE;
		break;
	case EGL_MAX_PBUFFER_WIDTH:
	case EGL_MAX_PBUFFER_HEIGHT:
		*value = EGL_PBUFFER_MAX;
		break;
	case EGL_MAX_PBUFFER_PIXELS:
		*value = EGL_PBUFFER_MAX * EGL_PBUFFER_MAX;
		break;
	case EGL_COLOR_COMPONENT_TYPE_EXT:
		*value = c->floating ? EGL_COLOR_COMPONENT_TYPE_FLOAT_EXT
				     : EGL_COLOR_COMPONENT_TYPE_FIXED_EXT;
		break;
	case EGL_MAX_SWAP_INTERVAL:
		*value = 1;
		break;
	case EGL_LEVEL:
	case EGL_LUMINANCE_SIZE:
	case EGL_ALPHA_MASK_SIZE:
	case EGL_MIN_SWAP_INTERVAL:
	case EGL_TRANSPARENT_RED_VALUE:
	case EGL_TRANSPARENT_GREEN_VALUE:
	case EGL_TRANSPARENT_BLUE_VALUE:
		*value = 0;
		break;
	default:
		return false;
	}
	return true;
}

/* ---- choosing (EGL 1.5, 3.4.1) ---- */

struct wishes {
	EGLint surface_type, renderable_type, color_type, component_type;
	EGLint red, green, blue, alpha;
};

static bool at_least(EGLint name)
{
	switch (name) {
	case EGL_BUFFER_SIZE:
	case EGL_RED_SIZE:
	case EGL_GREEN_SIZE:
	case EGL_BLUE_SIZE:
	case EGL_ALPHA_SIZE:
	case EGL_DEPTH_SIZE:
	case EGL_STENCIL_SIZE:
	case EGL_SAMPLES:
	case EGL_SAMPLE_BUFFERS:
	case EGL_LUMINANCE_SIZE:
	case EGL_ALPHA_MASK_SIZE:
		return true;
	default:
		return false;
	}
}

static bool fits(const struct egl_config *config, EGLint name, EGLint wanted)
{
	EGLint value;
	if (!attribute(config, name, &value))
		return false;
	if (wanted == EGL_DONT_CARE)
		return true;
	switch (name) {
	case EGL_SURFACE_TYPE:
	case EGL_RENDERABLE_TYPE:
	case EGL_CONFORMANT:
		return (value & wanted) == wanted;
	case EGL_MAX_PBUFFER_WIDTH:
	case EGL_MAX_PBUFFER_HEIGHT:
	case EGL_MAX_PBUFFER_PIXELS:
	case EGL_NATIVE_VISUAL_ID:
		return true;
	default:
		return at_least(name) ? value >= wanted : value == wanted;
	}
}

static void wish(struct wishes *wishes, EGLint name, EGLint value)
{
	EGLint *of = name == EGL_SURFACE_TYPE          ? &wishes->surface_type
		: name == EGL_RENDERABLE_TYPE          ? &wishes->renderable_type
		: name == EGL_COLOR_BUFFER_TYPE        ? &wishes->color_type
		: name == EGL_COLOR_COMPONENT_TYPE_EXT ? &wishes->component_type
		: name == EGL_RED_SIZE                 ? &wishes->red
		: name == EGL_GREEN_SIZE               ? &wishes->green
		: name == EGL_BLUE_SIZE                ? &wishes->blue
		: name == EGL_ALPHA_SIZE               ? &wishes->alpha
						       : NULL;
	if (of)
		*of = value;
}

static bool matches(
	const struct egl_config *config, const EGLint *attributes, const struct wishes *wishes)
{
	for (const EGLint *at = attributes; at && *at != EGL_NONE; at += 2) {
		if (at[0] == EGL_CONFIG_ID && at[1] != EGL_DONT_CARE)
			return config->driver.id == at[1];
		if (!fits(config, at[0], at[1]))
			return false;
	}
	return fits(config, EGL_SURFACE_TYPE, wishes->surface_type) &&
		fits(config, EGL_RENDERABLE_TYPE, wishes->renderable_type) &&
		fits(config, EGL_COLOR_BUFFER_TYPE, wishes->color_type) &&
		fits(config, EGL_COLOR_COMPONENT_TYPE_EXT, wishes->component_type);
}

static EGLint wished_bits(const struct egl_config *config, const struct wishes *wishes)
{
	return (wishes->red > 0 ? config->driver.red : 0) +
		(wishes->green > 0 ? config->driver.green : 0) +
		(wishes->blue > 0 ? config->driver.blue : 0) +
		(wishes->alpha > 0 ? config->driver.alpha : 0);
}

static EGLint all_bits(const struct egl_config *config)
{
	return config->driver.red + config->driver.green + config->driver.blue +
		config->driver.alpha;
}

static int compare(
	const struct egl_config *a, const struct egl_config *b, const struct wishes *wishes)
{
	const EGLint keys[][2] = {
		{wished_bits(b, wishes), wished_bits(a, wishes)},
		{all_bits(a), all_bits(b)},
		{a->driver.samples, b->driver.samples},
		{a->driver.depth, b->driver.depth},
		{a->driver.stencil, b->driver.stencil},
		{a->driver.id, b->driver.id},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static void insert(const struct egl_config **sorted, EGLint count, const struct egl_config *config,
	const struct wishes *wishes)
{
	while (count > 0 && compare(config, sorted[count - 1], wishes) < 0) {
		sorted[count] = sorted[count - 1];
		count--;
	}
	sorted[count] = config;
}

static EGLBoolean ChooseConfig(
	EGLDisplay handle, const EGLint *attributes, EGLConfig *configs, EGLint size, EGLint *count)
{
	struct egl_display *display = egl_display_of(handle);
	const struct egl_config *sorted[PROCESS_CONFIGS];
	struct wishes wishes = {.surface_type = EGL_WINDOW_BIT,
		.renderable_type = EGL_OPENGL_ES_BIT,
		.color_type = EGL_RGB_BUFFER,
		.component_type = EGL_COLOR_COMPONENT_TYPE_FIXED_EXT};
	EGLint found = 0;
	EGLint ignored;
	if (!display)
		return EGL_FALSE;
	if (!count)
		return egl_fail(EGL_BAD_PARAMETER);
	for (const EGLint *at = attributes; at && *at != EGL_NONE; at += 2) {
		if (display->config_count && !attribute(&display->configs[0], at[0], &ignored))
			return egl_fail(EGL_BAD_ATTRIBUTE);
		wish(&wishes, at[0], at[1]);
	}
	for (EGLint i = 0; i < display->config_count; i++)
		if (matches(&display->configs[i], attributes, &wishes))
			insert(sorted, found++, &display->configs[i], &wishes);
	*count = configs && found > size ? size : found;
	for (EGLint i = 0; configs && i < *count; i++)
		configs[i] = (EGLConfig)(uintptr_t)sorted[i];
	return egl_done();
}

static EGLBoolean GetConfigs(EGLDisplay handle, EGLConfig *configs, EGLint size, EGLint *count)
{
	struct egl_display *display = egl_display_of(handle);
	if (!display)
		return EGL_FALSE;
	if (!count)
		return egl_fail(EGL_BAD_PARAMETER);
	*count = configs && size < display->config_count ? size : display->config_count;
	for (EGLint i = 0; configs && i < *count; i++)
		configs[i] = &display->configs[i];
	return egl_done();
}

static EGLBoolean GetConfigAttrib(EGLDisplay handle, EGLConfig config, EGLint name, EGLint *value)
{
	struct egl_display *display = egl_display_of(handle);
	if (!display)
		return EGL_FALSE;
	if (!egl_config_valid(display, config))
		return egl_fail(EGL_BAD_CONFIG);
	return attribute(config, name, value) ? egl_done() : egl_fail(EGL_BAD_ATTRIBUTE);
}

const struct egl_function egl_config_functions[] = {
	EGL_FUNCTION(ChooseConfig),
	EGL_FUNCTION(GetConfigs),
	EGL_FUNCTION(GetConfigAttrib),
	{0},
};
