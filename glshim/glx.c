/*
 * GLX: what a display offers, and the interface to glvnd (glvnd/libglxabi.h).
 */
#include "glshim/glx.h"

#include "base/scope.h"
#include "glshim/entry.h"

#include <GL/glxext.h>
#include <glvnd/libglxabi.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSIONS                                                                                 \
	"GLX_ARB_context_flush_control GLX_ARB_create_context GLX_ARB_create_context_no_error "    \
	"GLX_ARB_create_context_profile GLX_ARB_create_context_robustness GLX_ARB_fbconfig_float " \
	"GLX_ARB_framebuffer_sRGB GLX_ARB_get_proc_address GLX_ARB_multisample "                   \
	"GLX_EXT_create_context_es2_profile GLX_EXT_create_context_es_profile "                    \
	"GLX_EXT_framebuffer_sRGB GLX_EXT_no_config_context GLX_EXT_swap_control "                 \
	"GLX_EXT_texture_from_pixmap GLX_EXT_visual_info GLX_EXT_visual_rating "                   \
	"GLX_MESA_copy_sub_buffer GLX_MESA_query_renderer GLX_MESA_swap_control "                  \
	"GLX_OML_swap_method GLX_SGIS_multisample GLX_SGIX_fbconfig "                              \
	"GLX_SGIX_pbuffer GLX_SGIX_visual_select_group GLX_SGI_swap_control"

static XVisualInfo *ChooseVisual(Display *display, int number, int *attributes)
{
	struct glx_screen *screen = configs_screen(display, number);
	int count;
	if (!screen)
		return NULL;
	const struct glx_config **found = configs_choose(screen, attributes, false, &count);
	if (!found)
		return NULL;
	const struct glx_config *config = found[0];
	free(found);
	configs_note_choice(screen, config);
	return configs_visual_info(screen, config->visual);
}

static int GetConfig(Display *display, XVisualInfo *visual, int attribute, int *value)
{
	struct glx_screen *screen = configs_screen(display, visual->screen);
	const struct glx_config *config =
		screen ? configs_of_visual(screen, visual->visualid) : NULL;
	if (!config) {
		*value = 0;
		return attribute == GLX_USE_GL ? 0 : GLX_BAD_VISUAL;
	}
	return configs_attribute(config, attribute, value) ? 0 : GLX_BAD_ATTRIBUTE;
}

static GLXFBConfig *ChooseFBConfig(Display *display, int number, const int *attributes, int *count)
{
	struct glx_screen *screen = configs_screen(display, number);
	*count = 0;
	return screen ? (GLXFBConfig *)configs_choose(screen, attributes, true, count) : NULL;
}

static GLXFBConfig *GetFBConfigs(Display *display, int number, int *count)
{
	struct glx_screen *screen = configs_screen(display, number);
	const struct glx_config **all =
		screen ? calloc((size_t)screen->count + 1, sizeof(*all)) : NULL;
	*count = 0;
	for (int i = 0; all && i < screen->count; i++)
		all[(*count)++] = &screen->configs[i];
	return (GLXFBConfig *)all;
}

static int GetFBConfigAttrib(Display *display, GLXFBConfig config, int attribute, int *value)
{
	return configs_attribute((const struct glx_config *)config, attribute, value)
		? 0
		: GLX_BAD_ATTRIBUTE;
}

static XVisualInfo *GetVisualFromFBConfig(Display *display, GLXFBConfig handle)
{
	const struct glx_config *config = (const struct glx_config *)handle;
	struct glx_screen *screen = configs_screen(display, config->screen);
	if (!screen || !config->visual)
		return NULL;
	configs_note_choice(screen, config);
	return configs_visual_info(screen, config->visual);
}

static GLXFBConfig GetFBConfigFromVisualSGIX(Display *display, XVisualInfo *visual)
{
	struct glx_screen *screen = configs_screen(display, visual->screen);
	return screen ? (GLXFBConfig)configs_of_visual(screen, visual->visualid) : NULL;
}

static const char *QueryServerString(Display *display, int screen, int name)
{
	switch (name) {
	case GLX_VENDOR:
		return "glckpt";
	case GLX_VERSION:
		return "1.4";
	case GLX_EXTENSIONS:
		return EXTENSIONS;
	default:
		return NULL;
	}
}

static const char *GetClientString(Display *display, int name)
{
	return QueryServerString(display, 0, name);
}

static const char *QueryExtensionsString(Display *display, int screen)
{
	return EXTENSIONS;
}

const struct glx_function glx_query_functions[] = {
	GLX_FUNCTION(ChooseVisual),
	GLX_FUNCTION(GetConfig),
	GLX_FUNCTION(ChooseFBConfig),
	GLX_FUNCTION(GetFBConfigs),
	GLX_FUNCTION(GetFBConfigAttrib),
	GLX_FUNCTION(GetVisualFromFBConfig),
	GLX_FUNCTION(GetFBConfigFromVisualSGIX),
	GLX_FUNCTION(QueryServerString),
	GLX_FUNCTION(GetClientString),
	GLX_FUNCTION(QueryExtensionsString),
	{"glXGetFBConfigAttribSGIX", (void (*)(void))GetFBConfigAttrib},
	{"glXChooseFBConfigSGIX", (void (*)(void))ChooseFBConfig},
	{"glXGetVisualFromFBConfigSGIX", (void (*)(void))GetVisualFromFBConfig},
	{0},
};

static void (*find_in(const struct glx_function *functions, const char *name))(void)
{
	for (; functions->name; functions++)
		if (!strcmp(functions->name, name))
			return functions->function;
	return NULL;
}

static void (*find_glx(const char *name))(void)
{
	static const struct glx_function *const tables[] = {glx_query_functions,
		glx_context_functions, glx_drawable_functions, glx_font_functions,
		glx_renderer_functions, glx_texture_functions};
	void (*found)(void) = NULL;
	for (size_t i = 0; !found && i < array_len(tables); i++)
		found = find_in(tables[i], name);
	return found;
}

/* ---- glvnd ---- */

static const __GLXapiExports *libglx;
static __GLXvendorInfo *ourselves;

void glx_own_context(Display *display, GLXContext context)
{
	if (context)
		libglx->addVendorContextMapping(display, context, ourselves);
}

void glx_own_drawable(Display *display, GLXDrawable drawable)
{
	if (drawable)
		libglx->addVendorDrawableMapping(display, drawable, ourselves);
}

static void *get_proc_address(const GLubyte *name)
{
	void (*found)(void) = find_glx((const char *)name);
	if (!found)
		found = shim_entry_find((const char *)name);
	return (void *)(uintptr_t)found;
}

/* Extensions of GLX that libGLX does not dispatch: all take the current context or a drawable that
 * only this vendor can have made. */
static void *get_dispatch_address(const GLubyte *name)
{
	return (void *)(uintptr_t)find_glx((const char *)name);
}

static void set_dispatch_index(const GLubyte *name, int index)
{
}

static Bool is_screen_supported(Display *display, int screen)
{
	return True;
}

__attribute__((visibility("default"))) Bool __glx_Main(uint32_t version,
	const __GLXapiExports *exports, __GLXvendorInfo *vendor, __GLXapiImports *imports)
{
	if (GLX_VENDOR_ABI_GET_MAJOR_VERSION(version) != GLX_VENDOR_ABI_MAJOR_VERSION)
		return False;
	libglx = exports;
	ourselves = vendor;
	imports->isScreenSupported = is_screen_supported;
	imports->getProcAddress = get_proc_address;
	imports->getDispatchAddress = get_dispatch_address;
	imports->setDispatchIndex = set_dispatch_index;
	return True;
}
