/*
 * configs.h: GLX's configs and visuals, made of the driver's configs and the X server's visuals.
 *
 * The X server needs no GLX, and may have one visual for all configs. A visual that a program chose
 * by glXChooseVisual stands for the config that answered; any other for the best of those that have
 * it.
 */
#ifndef GLSHIM_CONFIGS_H
#define GLSHIM_CONFIGS_H

#include "wire/config.h"

#include <GL/glx.h>
#include <stdbool.h>

struct glx_config {
	int id;
	int screen;
	VisualID visual; /* 0: pbuffers only */
	int visual_class;
	int depth; /* of the windows it is for; 0: pbuffers only */
	bool double_buffered;
	bool srgb;
	struct wire_config driver;
};

struct glx_screen {
	struct glx_screen *next;
	Display *display; /* NULL: it was closed */
	int screen;
	unsigned drivers; /* configs of the driver that there is room for */
	struct glx_config *configs;
	int count;
	struct {
		VisualID visual;
		const struct glx_config *config;
	} chosen[64];
	unsigned chosen_count;
};

/* The configs of a screen, made at first use; NULL without a proxy. Thread-safe. */
struct glx_screen *configs_screen(Display *display, int screen);

/* The bits a colour of its accumulation buffer, which the proxy keeps itself. */
int configs_accum(const struct glx_config *config);

/* The value of a GLX attribute; false for an attribute that is none. */
bool configs_attribute(const struct glx_config *config, int name, int *value);

/* Those that match, best first, as an array for XFree; `fb`: attributes as of glXChooseFBConfig. */
const struct glx_config **configs_choose(
	struct glx_screen *screen, const int *attributes, bool fb, int *count);

/* What a visual stands for. */
const struct glx_config *configs_of_visual(struct glx_screen *screen, VisualID visual);
void configs_note_choice(struct glx_screen *screen, const struct glx_config *config);

XVisualInfo *configs_visual_info(const struct glx_screen *screen, VisualID visual);

#endif
