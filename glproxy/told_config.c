/*
 * What is told of configs, and which of the driver's they are (told.h).
 */
#include "glproxy/told.h"

#include <stdlib.h>
#include <string.h>

static EGLint attribute(const struct proxy *proxy, EGLConfig config, EGLint name)
{
	EGLint value = 0;
	eglGetConfigAttrib(proxy->display, config, name, &value);
	return value;
}

static struct wire_config describe(const struct proxy *proxy, EGLConfig config)
{
	return (struct wire_config){
		.id = attribute(proxy, config, EGL_CONFIG_ID),
		.red = attribute(proxy, config, EGL_RED_SIZE),
		.green = attribute(proxy, config, EGL_GREEN_SIZE),
		.blue = attribute(proxy, config, EGL_BLUE_SIZE),
		.alpha = attribute(proxy, config, EGL_ALPHA_SIZE),
		.depth = attribute(proxy, config, EGL_DEPTH_SIZE),
		.stencil = attribute(proxy, config, EGL_STENCIL_SIZE),
		.samples = attribute(proxy, config, EGL_SAMPLES),
		.renderable = attribute(proxy, config, EGL_RENDERABLE_TYPE),
		.conformant = attribute(proxy, config, EGL_CONFORMANT),
		.floating = attribute(proxy, config, EGL_COLOR_COMPONENT_TYPE_EXT) ==
			EGL_COLOR_COMPONENT_TYPE_FLOAT_EXT,
	};
}

static void tell(struct proxy *proxy)
{
	proxy->told_configs = calloc((size_t)proxy->config_count + 1, sizeof(struct wire_config));
	proxy->told_config_count = 0;
	for (EGLint i = 0; proxy->told_configs && i < proxy->config_count; i++) {
		const struct wire_config config = describe(proxy, proxy->configs[i]);
		if (profile_shows_config(&config))
			proxy->told_configs[proxy->told_config_count++] = config;
	}
}

const struct wire_config *told_configs(struct proxy *proxy, size_t *count)
{
	if (!proxy->told_configs)
		tell(proxy);
	*count = proxy->told_config_count;
	return proxy->told_configs;
}

/* Pixels look the same in both. */
static bool is_alike(const struct wire_config *one, const struct wire_config *other)
{
	return one->red == other->red && one->green == other->green && one->blue == other->blue &&
		one->alpha == other->alpha && one->depth == other->depth &&
		one->stencil == other->stencil && one->samples == other->samples &&
		one->floating == other->floating &&
		(one->renderable & ~other->renderable & (EGL_OPENGL_BIT | EGL_OPENGL_ES2_BIT)) == 0;
}

static const struct wire_config *told_config(const struct proxy *proxy, EGLint id)
{
	for (size_t i = 0; i < proxy->told_config_count; i++)
		if (proxy->told_configs[i].id == id)
			return &proxy->told_configs[i];
	return NULL;
}

EGLConfig told_driver_config(const struct proxy *proxy, EGLint id)
{
	const struct wire_config *told = told_config(proxy, id);
	EGLConfig found = EGL_NO_CONFIG_KHR;
	for (EGLint i = 0; i < proxy->config_count; i++) {
		const struct wire_config config = describe(proxy, proxy->configs[i]);
		const bool same = config.id == id;
		if (told ? !is_alike(told, &config) : !same)
			continue;
		if (same)
			return proxy->configs[i];
		if (found == EGL_NO_CONFIG_KHR)
			found = proxy->configs[i];
	}
	return found;
}
