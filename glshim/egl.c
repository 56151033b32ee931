/*
 * EGL: displays and devices (EGL 1.5, 3.2, 3.3), and the interface to glvnd (glvnd/libeglabi.h).
 */
#include "glshim/egl.h"

#include "glshim/entry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSIONS                                                                               \
	"EGL_EXT_create_context_robustness EGL_EXT_pixel_format_float "                          \
	"EGL_EXT_swap_buffers_with_damage EGL_KHR_config_attribs EGL_KHR_context_flush_control " \
	"EGL_KHR_create_context EGL_KHR_create_context_no_error EGL_KHR_fence_sync "             \
	"EGL_KHR_get_all_proc_addresses EGL_KHR_gl_colorspace EGL_KHR_no_config_context "        \
	"EGL_KHR_surfaceless_context EGL_KHR_swap_buffers_with_damage EGL_KHR_wait_sync "        \
	"EGL_MESA_configless_context EGL_MESA_query_driver EGL_NV_post_sub_buffer"
/* Of what libEGL has of its own, it offers what a vendor has too. */
#define CLIENT_EXTENSIONS                                                      \
	"EGL_EXT_device_base EGL_EXT_device_enumeration EGL_EXT_device_query " \
	"EGL_EXT_platform_base"
#define PLATFORMS                                                            \
	"EGL_EXT_platform_device EGL_EXT_platform_x11 EGL_KHR_platform_x11 " \
	"EGL_MESA_platform_surfaceless"

const __EGLapiExports *egl_exports;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct egl_display *displays;
static __thread EGLint last_error __attribute__((tls_model("initial-exec"))) = EGL_SUCCESS;
static char the_device; /* there is one: whatever the proxy renders with */

/* libEGL asks us for the errors of those functions that it dispatches itself; of extensions it has
 * to be told. */
static void note_error(EGLint error)
{
	last_error = error;
	egl_exports->setEGLError(error);
}

EGLBoolean egl_fail(EGLint error)
{
	note_error(error);
	return EGL_FALSE;
}

EGLBoolean egl_done(void)
{
	note_error(EGL_SUCCESS);
	return EGL_TRUE;
}

static EGLint GetError(void)
{
	const EGLint error = last_error;
	last_error = EGL_SUCCESS;
	return error;
}

static struct egl_display *find(EGLDisplay handle)
{
	pthread_mutex_lock(&lock);
	struct egl_display *display = displays;
	while (display && display != handle)
		display = display->next;
	pthread_mutex_unlock(&lock);
	return display;
}

struct egl_display *egl_display_of(EGLDisplay handle)
{
	struct egl_display *display = find(handle);
	if (!display)
		egl_fail(EGL_BAD_DISPLAY);
	else if (!display->initialized)
		egl_fail(EGL_NOT_INITIALIZED);
	return display && display->initialized ? display : NULL;
}

static EGLDisplay get_display(EGLenum platform, void *native)
{
	pthread_mutex_lock(&lock);
	struct egl_display *display = displays;
	while (display && (display->platform != platform || display->native != native))
		display = display->next;
	if (!display)
		display = calloc(1, sizeof(*display));
	if (display && !display->platform) {
		display->platform = platform;
		display->native = native;
		display->next = displays;
		displays = display;
	}
	pthread_mutex_unlock(&lock);
	return display;
}

static EGLDisplay get_platform_display(EGLenum platform, void *native, const EGLAttrib *attributes)
{
	switch (platform) {
	case EGL_NONE: /* eglGetDisplay */
		return get_display(native || getenv("DISPLAY") ? EGL_PLATFORM_X11_KHR
							       : EGL_PLATFORM_SURFACELESS_MESA,
			native);
	case EGL_PLATFORM_X11_KHR:
	case EGL_PLATFORM_SURFACELESS_MESA:
		return get_display(platform, native);
	case EGL_PLATFORM_DEVICE_EXT:
		return native == &the_device ? get_display(platform, native) : EGL_NO_DISPLAY;
	default:
		return EGL_NO_DISPLAY;
	}
}

static EGLBoolean Initialize(EGLDisplay handle, EGLint *major, EGLint *minor)
{
	struct egl_display *display = find(handle);
	if (!display)
		return egl_fail(EGL_BAD_DISPLAY);
	if (!process_get())
		return egl_fail(EGL_NOT_INITIALIZED);
	if (display->platform == EGL_PLATFORM_X11_KHR && !display->x) {
		display->x = display->native ? display->native : XOpenDisplay(NULL);
		if (!display->x)
			return egl_fail(EGL_NOT_INITIALIZED);
	}
	egl_configs_make(display);
	display->initialized = true;
	if (major)
		*major = 1;
	if (minor)
		*minor = 5;
	return egl_done();
}

static EGLBoolean Terminate(EGLDisplay handle)
{
	struct egl_display *display = find(handle);
	if (!display)
		return egl_fail(EGL_BAD_DISPLAY);
	display->initialized = false;
	return egl_done();
}

static const char *QueryString(EGLDisplay handle, EGLint name)
{
	if (handle == EGL_NO_DISPLAY && name == EGL_EXTENSIONS)
		return CLIENT_EXTENSIONS;
	if (!egl_display_of(handle))
		return NULL;
	egl_done();
	switch (name) {
	case EGL_VENDOR:
		return "glckpt";
	case EGL_VERSION:
		return "1.5";
	case EGL_CLIENT_APIS:
		return "OpenGL OpenGL_ES ";
	case EGL_EXTENSIONS:
		return EXTENSIONS;
	default:
		egl_fail(EGL_BAD_PARAMETER);
		return NULL;
	}
}

/* ---- devices ---- */

static EGLBoolean QueryDevicesEXT(EGLint size, EGLDeviceEXT *devices, EGLint *count)
{
	if (!count || (devices && size <= 0))
		return egl_fail(EGL_BAD_PARAMETER);
	if (devices && size > 0)
		devices[0] = &the_device;
	*count = 1;
	return egl_done();
}

static const char *QueryDeviceStringEXT(EGLDeviceEXT device, EGLint name)
{
	if (device != &the_device)
		egl_fail(EGL_BAD_DEVICE_EXT);
	else if (name != EGL_EXTENSIONS)
		egl_fail(EGL_BAD_PARAMETER);
	else
		egl_done();
	return device == &the_device && name == EGL_EXTENSIONS ? "EGL_MESA_device_software" : NULL;
}

static EGLBoolean QueryDeviceAttribEXT(EGLDeviceEXT device, EGLint name, EGLAttrib *value)
{
	return egl_fail(device == &the_device ? EGL_BAD_ATTRIBUTE : EGL_BAD_DEVICE_EXT);
}

static EGLBoolean QueryDisplayAttribEXT(EGLDisplay handle, EGLint name, EGLAttrib *value)
{
	if (!egl_display_of(handle))
		return EGL_FALSE;
	if (name != EGL_DEVICE_EXT)
		return egl_fail(EGL_BAD_ATTRIBUTE);
	*value = (EGLAttrib)(uintptr_t)&the_device;
	return egl_done();
}

/* ---- EGL_MESA_query_driver: the driver that the program has is this one, without an option ----
 */

static const char *GetDisplayDriverName(EGLDisplay handle)
{
	if (!egl_display_of(handle))
		return NULL;
	egl_done();
	return "glckpt";
}

static char *GetDisplayDriverConfig(EGLDisplay handle)
{
	if (!egl_display_of(handle))
		return NULL;
	egl_done();
	return strdup("<?xml version=\"1.0\" standalone=\"yes\"?><driinfo></driinfo>");
}

const struct egl_function egl_display_functions[] = {
	EGL_FUNCTION(GetError),
	EGL_FUNCTION(Initialize),
	EGL_FUNCTION(Terminate),
	EGL_FUNCTION(QueryString),
	EGL_FUNCTION(QueryDevicesEXT),
	EGL_FUNCTION(QueryDeviceStringEXT),
	EGL_FUNCTION(QueryDeviceAttribEXT),
	EGL_FUNCTION(QueryDisplayAttribEXT),
	EGL_FUNCTION(GetDisplayDriverName),
	EGL_FUNCTION(GetDisplayDriverConfig),
	{0},
};

/* ---- glvnd ---- */

static void (*find_egl(const char *name))(void)
{
	const struct egl_function *const tables[] = {egl_display_functions, egl_config_functions,
		egl_context_functions, egl_surface_functions, egl_sync_functions};
	for (size_t i = 0; i < array_len(tables); i++)
		for (const struct egl_function *at = tables[i]; at->name; at++)
			if (!strcmp(at->name, name))
				return at->function;
	return NULL;
}

static void *get_proc_address(const char *name)
{
	void (*found)(void) = find_egl(name);
	return (void *)(uintptr_t)(found ? found : shim_entry_find(name));
}

/* Extensions that libEGL does not dispatch: this vendor's displays are the only ones. */
static void *get_dispatch_address(const char *name)
{
	return (void *)(uintptr_t)find_egl(name);
}

static void set_dispatch_index(const char *name, int index)
{
}

static EGLBoolean supports_api(EGLenum api)
{
	return api == EGL_OPENGL_API || api == EGL_OPENGL_ES_API;
}

static const char *vendor_string(int name)
{
	return name == __EGL_VENDOR_STRING_PLATFORM_EXTENSIONS ? PLATFORMS : NULL;
}

__attribute__((visibility("default"))) EGLBoolean __egl_Main(uint32_t version,
	const __EGLapiExports *exports, __EGLvendorInfo *vendor, __EGLapiImports *imports)
{
	if (EGL_VENDOR_ABI_GET_MAJOR_VERSION(version) != EGL_VENDOR_ABI_MAJOR_VERSION)
		return EGL_FALSE;
	egl_exports = exports;
	imports->getPlatformDisplay = get_platform_display;
	imports->getSupportsAPI = supports_api;
	imports->getVendorString = vendor_string;
	imports->getProcAddress = get_proc_address;
	imports->getDispatchAddress = get_dispatch_address;
	imports->setDispatchIndex = set_dispatch_index;
	return EGL_TRUE;
}
