#include "glshim/configs.h"

#include "glshim/glx.h"
#include "glshim/process.h"

#include <EGL/egl.h>
#include <X11/Xlibint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct glx_screen *screens;

static bool fits_depth(const struct wire_config *config, int depth)
{
	if (config->red != 8 || config->green != 8 || config->blue != 8 || config->floating)
		return false;
	return depth == 24 || (depth == 32 && config->alpha == 8);
}

static bool shown_by(const struct wire_config *config, const XVisualInfo *visual, int depth)
{
	return visual->class == TrueColor && visual->depth == depth && fits_depth(config, depth);
}

static void add(struct glx_screen *screen, const struct wire_config *driver, int depth,
	bool double_buffered)
{
	screen->configs[screen->count++] = (struct glx_config){
		.screen = screen->screen,
		.depth = depth,
		.double_buffered = double_buffered,
		.srgb = driver->red == 8,
		.driver = *driver,
	};
}

static int goodness(const struct glx_config *config)
{
	return (config->double_buffered ? 1000 : 0) + config->driver.depth * 10 +
		config->driver.stencil * 12 - config->driver.samples * 200 + config->driver.alpha;
}

/* Those of windows first, of the usual depth first, the most useful first: programs that look for
 * any config of a visual find that one. */
static int order(const void *one, const void *two)
{
	const struct glx_config *a = one, *b = two;
	if (a->depth != b->depth)
		return !a->depth ? 1 : !b->depth ? -1 : a->depth - b->depth;
	const int better = goodness(b) - goodness(a);
	return better ? better : a->driver.id - b->driver.id;
}

/* A visual of its own for each config as long as there are some, then the first for all others. */
static void give_visuals(struct glx_screen *screen, const XVisualInfo *visuals, int count)
{
	const XVisualInfo *first = NULL;
	int next = 0, depth = 0;
	for (int i = 0; i < screen->count; i++) {
		struct glx_config *config = &screen->configs[i];
		config->id = 0x100 + i;
		if (config->depth != depth)
			next = 0, first = NULL;
		depth = config->depth;
		while (next < count && !shown_by(&config->driver, &visuals[next], depth))
			next++;
		const XVisualInfo *visual = next < count ? &visuals[next++] : first;
		first = first ? first : visual;
		config->visual = visual ? visual->visualid : 0;
		config->visual_class = visual ? visual->class : 0;
	}
}

static bool has_depth(const XVisualInfo *visuals, int count, int depth)
{
	for (int i = 0; i < count; i++)
		if (visuals[i].class == TrueColor && visuals[i].depth == depth)
			return true;
	return false;
}

static void fill(struct glx_screen *screen, const struct process *process)
{
	static const int depths[] = {24, 32};
	XVisualInfo template = {.screen = screen->screen};
	int count = 0;
	XVisualInfo *visuals = XGetVisualInfo(screen->display, VisualScreenMask, &template, &count);
	for (unsigned i = 0; i < process->config_count; i++) {
		const struct wire_config *driver = &process->configs[i];
		bool shown = false;
		for (int d = 0; d < 2; d++)
			if (has_depth(visuals, count, depths[d]) && fits_depth(driver, depths[d])) {
				add(screen, driver, depths[d], true);
				add(screen, driver, depths[d], false);
				shown = shown || depths[d] == 24;
			}
		if (!shown)
			add(screen, driver, 0, true);
	}
	qsort(screen->configs, (size_t)screen->count, sizeof(*screen->configs), order);
	give_visuals(screen, visuals, count);
	XFree(visuals);
}

/* Of a display that was closed: what contexts may still point at goes on to the next display. */
static struct glx_screen *find_closed(int number, unsigned drivers)
{
	struct glx_screen *screen = screens;
	while (screen &&
		(screen->display || screen->screen != number || screen->drivers != drivers))
		screen = screen->next;
	return screen;
}

static struct glx_screen *create(int number, unsigned drivers)
{
	struct glx_screen *screen = calloc(1, sizeof(*screen));
	if (!screen)
		return NULL;
	screen->configs = calloc((size_t)drivers * 5 + 1, sizeof(*screen->configs));
	if (!screen->configs) {
		free(screen);
		return NULL;
	}
	screen->screen = number;
	screen->drivers = drivers;
	screen->next = screens;
	screens = screen;
	return screen;
}

static int display_closed(Display *display, XExtCodes *codes)
{
	glx_drawables_gone(display);
	pthread_mutex_lock(&lock);
	for (struct glx_screen *screen = screens; screen; screen = screen->next)
		if (screen->display == display)
			screen->display = NULL;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* Before a display has a screen here: that we hear of its end. */
static void watch(Display *display)
{
	const struct glx_screen *screen = screens;
	while (screen && screen->display != display)
		screen = screen->next;
	const XExtCodes *codes = screen ? NULL : XAddExtension(display);
	if (codes)
		XESetCloseDisplay(display, codes->extension, display_closed);
}

static struct glx_screen *make(Display *display, int number)
{
	const struct process *process = process_get();
	if (!process)
		return NULL;
	struct glx_screen *screen = find_closed(number, process->config_count);
	if (!screen)
		screen = create(number, process->config_count);
	if (!screen)
		return NULL;
	watch(display);
	screen->display = display;
	screen->count = 0;
	screen->chosen_count = 0;
	fill(screen, process);
	return screen;
}

struct glx_screen *configs_screen(Display *display, int number)
{
	pthread_mutex_lock(&lock);
	struct glx_screen *screen = screens;
	while (screen && (screen->display != display || screen->screen != number))
		screen = screen->next;
	if (!screen)
		screen = make(display, number);
	pthread_mutex_unlock(&lock);
	return screen;
}

static int drawable_types(const struct glx_config *config)
{
	return GLX_PBUFFER_BIT | (config->visual ? GLX_WINDOW_BIT | GLX_PIXMAP_BIT : 0);
}

int configs_accum(const struct glx_config *config)
{
	return config->driver.floating ? 0 : 16;
}

bool configs_attribute(const struct glx_config *config, int name, int *value)
{
	const struct wire_config *c = &config->driver;
	const bool shown = config->visual != 0;
	switch (name) {
	case GLX_USE_GL:
	case GLX_RGBA:
		*value = 1;
		break;
	case GLX_FBCONFIG_ID:
		*value = config->id;
		break;
	case GLX_SCREEN:
		*value = config->screen;
		break;
	case GLX_VISUAL_ID:
		*value = (int)config->visual;
		break;
	case GLX_BUFFER_SIZE:
		*value = c->red + c->green + c->blue + c->alpha;
		break;
	case GLX_DOUBLEBUFFER:
		*value = config->double_buffered;
		break;
	case GLX_RED_SIZE:
		*value = c->red;
		break;
	case GLX_GREEN_SIZE:
		*value = c->green;
		break;
	case GLX_BLUE_SIZE:
		*value = c->blue;
		break;
	case GLX_ALPHA_SIZE:
		*value = c->alpha;
		break;
	case GLX_DEPTH_SIZE:
		*value = c->depth;
		break;
	case GLX_STENCIL_SIZE:
		*value = c->stencil;
		break;
	case GLX_ACCUM_RED_SIZE:
	case GLX_ACCUM_GREEN_SIZE:
	case GLX_ACCUM_BLUE_SIZE:
	case GLX_ACCUM_ALPHA_SIZE:
		*value = configs_accum(config);
		break;
	case GLX_SAMPLES:
		*value = c->samples;
		break;
	case GLX_SAMPLE_BUFFERS:
		*value = c->samples > 0;
		break;
	case GLX_RENDER_TYPE:
		*value = c->floating ? GLX_RGBA_FLOAT_BIT_ARB : GLX_RGBA_BIT;
		break;
	case GLX_DRAWABLE_TYPE:
		*value = drawable_types(config);
		break;
	case GLX_SWAP_METHOD_OML:
		*value = GLX_SWAP_UNDEFINED_OML;
		break;
	case GLX_X_RENDERABLE:
		*value = shown;
		break;
	case GLX_X_VISUAL_TYPE:
		*value = config->visual ? GLX_TRUE_COLOR : GLX_NONE;
		break;
	case GLX_CONFIG_CAVEAT:
	case GLX_TRANSPARENT_TYPE:
		*value = GLX_NONE;
		break;
	case GLX_MAX_PBUFFER_WIDTH:
	case GLX_MAX_PBUFFER_HEIGHT:
		*value = 8192;
		break;
	case GLX_MAX_PBUFFER_PIXELS:
		*value = 8192 * 8192;
		break;
	case GLX_FRAMEBUFFER_SRGB_CAPABLE_ARB:
		*value = config->srgb;
		break;
	case GLX_BIND_TO_TEXTURE_RGB_EXT:
		*value = shown;
		break;
	case GLX_BIND_TO_TEXTURE_RGBA_EXT:
		*value = shown && c->alpha > 0;
		break;
	case GLX_BIND_TO_TEXTURE_TARGETS_EXT:
		*value = shown ? GLX_TEXTURE_1D_BIT_EXT | GLX_TEXTURE_2D_BIT_EXT |
				GLX_TEXTURE_RECTANGLE_BIT_EXT
			       : 0;
		break;
	case GLX_Y_INVERTED_EXT:
		*value = shown;
		break;
	case GLX_LEVEL:
	case GLX_STEREO:
	case GLX_AUX_BUFFERS:
	case GLX_TRANSPARENT_INDEX_VALUE:
	case GLX_TRANSPARENT_RED_VALUE:
	case GLX_TRANSPARENT_GREEN_VALUE:
	case GLX_TRANSPARENT_BLUE_VALUE:
	case GLX_TRANSPARENT_ALPHA_VALUE:
	case GLX_BIND_TO_MIPMAP_TEXTURE_EXT:
	case GLX_OPTIMAL_PBUFFER_WIDTH_SGIX:
	case GLX_OPTIMAL_PBUFFER_HEIGHT_SGIX:
	case GLX_VISUAL_SELECT_GROUP_SGIX:
		*value = 0;
		break;
	default:
		return false;
	}
	return true;
}

/* ---- choosing (GLX 1.4, 3.3.3) ---- */

/* In glXChooseVisual's list these stand alone. */
static bool is_flag(int name)
{
	return name == GLX_USE_GL || name == GLX_RGBA || name == GLX_DOUBLEBUFFER ||
		name == GLX_STEREO;
}

static bool at_least(int name)
{
	switch (name) {
	case GLX_BUFFER_SIZE:
	case GLX_AUX_BUFFERS:
	case GLX_RED_SIZE:
	case GLX_GREEN_SIZE:
	case GLX_BLUE_SIZE:
	case GLX_ALPHA_SIZE:
	case GLX_DEPTH_SIZE:
	case GLX_STENCIL_SIZE:
	case GLX_ACCUM_RED_SIZE:
	case GLX_ACCUM_GREEN_SIZE:
	case GLX_ACCUM_BLUE_SIZE:
	case GLX_ACCUM_ALPHA_SIZE:
	case GLX_SAMPLE_BUFFERS:
	case GLX_SAMPLES:
	case GLX_MAX_PBUFFER_WIDTH:
	case GLX_MAX_PBUFFER_HEIGHT:
	case GLX_MAX_PBUFFER_PIXELS:
		return true;
	default:
		return false;
	}
}

static bool fits(const struct glx_config *config, int name, int wanted)
{
	int value;
	if (!configs_attribute(config, name, &value))
		return false;
	if (wanted == (int)GLX_DONT_CARE)
		return true;
	if (name == GLX_RENDER_TYPE || name == GLX_DRAWABLE_TYPE)
		return (value & wanted) == wanted;
	return at_least(name) ? value >= wanted : value == wanted;
}

struct wishes {
	int red, green, blue, alpha, depth, stencil, double_buffered, drawable, rgba;
};

static void wish(struct wishes *wishes, int name, int value)
{
	switch (name) {
	case GLX_RED_SIZE:
		wishes->red = value;
		break;
	case GLX_GREEN_SIZE:
		wishes->green = value;
		break;
	case GLX_BLUE_SIZE:
		wishes->blue = value;
		break;
	case GLX_ALPHA_SIZE:
		wishes->alpha = value;
		break;
	case GLX_DEPTH_SIZE:
		wishes->depth = value;
		break;
	case GLX_DOUBLEBUFFER:
		wishes->double_buffered = value;
		break;
	case GLX_DRAWABLE_TYPE:
		wishes->drawable = value;
		break;
	case GLX_RGBA:
		wishes->rgba = value;
		break;
	default:
		break;
	}
}

static bool matches(
	const struct glx_config *config, const int *attributes, bool fb, struct wishes *wishes)
{
	for (const int *at = attributes; at && *at;) {
		const int name = *at++;
		const int value = !fb && is_flag(name) ? 1 : *at++;
		wish(wishes, name, value);
		if ((name == GLX_FBCONFIG_ID || name == GLX_LEVEL) && value == (int)GLX_DONT_CARE)
			continue;
		if (name == GLX_MAX_PBUFFER_WIDTH || name == GLX_MAX_PBUFFER_HEIGHT ||
			name == GLX_MAX_PBUFFER_PIXELS || name == GLX_VISUAL_ID)
			continue;
		if (!fits(config, name, value))
			return false;
	}
	/* Defaults that exclude. */
	if (fb && wishes->drawable == -1 && !config->visual)
		return false;
	if (!fb)
		return config->visual && wishes->rgba == 1 &&
			config->double_buffered == (wishes->double_buffered == 1);
	return true;
}

/* Colour bits that were asked for: more of them is better. */
static int colour_bits(const struct glx_config *config, const struct wishes *wishes)
{
	return (wishes->red > 0 ? config->driver.red : 0) +
		(wishes->green > 0 ? config->driver.green : 0) +
		(wishes->blue > 0 ? config->driver.blue : 0) +
		(wishes->alpha > 0 ? config->driver.alpha : 0);
}

static int total_bits(const struct glx_config *config)
{
	return config->driver.red + config->driver.green + config->driver.blue +
		config->driver.alpha;
}

/* Negative when a comes before b. */
static int compare(
	const struct glx_config *a, const struct glx_config *b, const struct wishes *wishes)
{
	const int keys[][2] = {
		{colour_bits(b, wishes), colour_bits(a, wishes)},
		{total_bits(a), total_bits(b)},
		{b->double_buffered, a->double_buffered},
		{a->driver.samples, b->driver.samples},
		{b->driver.depth * (wishes->depth > 0 ? 1 : -1),
			a->driver.depth * (wishes->depth > 0 ? 1 : -1)},
		{a->driver.stencil, b->driver.stencil},
		{a->id, b->id},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static void sort(const struct glx_config **configs, int count, const struct wishes *wishes)
{
	for (int i = 1; i < count; i++) {
		const struct glx_config *moving = configs[i];
		int at = i;
		while (at > 0 && compare(moving, configs[at - 1], wishes) < 0) {
			configs[at] = configs[at - 1];
			at--;
		}
		configs[at] = moving;
	}
}

const struct glx_config **configs_choose(
	struct glx_screen *screen, const int *attributes, bool fb, int *count)
{
	const struct glx_config **found = calloc((size_t)screen->count + 1, sizeof(*found));
	struct wishes wishes = {0};
	*count = 0;
	for (int i = 0; found && i < screen->count; i++) {
		wishes = (struct wishes){.drawable = -1, .double_buffered = -1};
		if (matches(&screen->configs[i], attributes, fb, &wishes))
			found[(*count)++] = &screen->configs[i];
	}
	if (found && *count)
		sort(found, *count, &wishes);
	else {
		free(found);
		found = NULL;
	}
	return found;
}

/* ---- visuals ---- */

void configs_note_choice(struct glx_screen *screen, const struct glx_config *config)
{
	pthread_mutex_lock(&lock);
	unsigned i = 0;
	while (i < screen->chosen_count && screen->chosen[i].visual != config->visual)
		i++;
	if (i < sizeof(screen->chosen) / sizeof(screen->chosen[0])) {
		screen->chosen[i].visual = config->visual;
		screen->chosen[i].config = config;
		if (i == screen->chosen_count)
			screen->chosen_count++;
	}
	pthread_mutex_unlock(&lock);
}

/* The best one that a visual can show, for windows of visuals that no config has. */
static const struct glx_config *best_shown(struct glx_screen *screen, VisualID visual)
{
	XVisualInfo *info = configs_visual_info(screen, visual);
	const struct glx_config *best = NULL;
	for (int i = 0; info && !best && i < screen->count; i++)
		if (shown_by(&screen->configs[i].driver, info, screen->configs[i].depth))
			best = &screen->configs[i];
	if (info)
		XFree(info);
	return best;
}

const struct glx_config *configs_of_visual(struct glx_screen *screen, VisualID visual)
{
	for (unsigned i = 0; i < screen->chosen_count; i++)
		if (screen->chosen[i].visual == visual)
			return screen->chosen[i].config;
	for (int i = 0; i < screen->count; i++)
		if (screen->configs[i].visual == visual)
			return &screen->configs[i];
	return best_shown(screen, visual);
}

XVisualInfo *configs_visual_info(const struct glx_screen *screen, VisualID visual)
{
	XVisualInfo template = {.visualid = visual, .screen = screen->screen};
	int count;
	return XGetVisualInfo(screen->display, VisualIDMask | VisualScreenMask, &template, &count);
}
