/*
 * moving-gl WIDTH HEIGHT RATE: pictures that follow from their numbers alone, drawn by OpenGL, RATE
 * a second, in a window at the upper left corner: a ground that changes its colour, a square that
 * wanders, and the number.
 */
#include "tests/bench/moving.h"

#include <GL/glx.h>
#include <stdlib.h>

#define STEP 5

struct show {
	Display *display;
	Window window;
	int width, height;
};

static int open_window(struct show *show)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, None};
	XVisualInfo *visual = glXChooseVisual(show->display, DefaultScreen(show->display), wanted);
	if (!visual)
		return -1;
	Window root = DefaultRootWindow(show->display);
	XSetWindowAttributes attributes = {.override_redirect = True,
		.colormap = XCreateColormap(show->display, root, visual->visual, AllocNone)};
	show->window = XCreateWindow(show->display, root, 0, 0, (unsigned)show->width,
		(unsigned)show->height, 0, visual->depth, InputOutput, visual->visual,
		CWOverrideRedirect | CWColormap, &attributes);
	XMapWindow(show->display, show->window);
	GLXContext context = glXCreateContext(show->display, visual, NULL, True);
	return glXMakeCurrent(show->display, show->window, context) ? 0 : -1;
}

/* A rectangle of one colour; y from above. */
static void fill(const struct show *show, int x, int y, int width, int height, float level)
{
	glScissor(x, show->height - y - height, width, height);
	glClearColor(level, level, 1 - level, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static void draw_number(const struct show *show, uint32_t number)
{
	for (int bit = 0; bit < MOVING_BITS; bit++) {
		float level = moving_bit(number, bit) ? 1 : 0;
		glScissor(bit * MOVING_SQUARE, show->height - MOVING_SQUARE, MOVING_SQUARE,
			MOVING_SQUARE);
		glClearColor(level, level, level, 1);
		glClear(GL_COLOR_BUFFER_BIT);
	}
}

static void draw(const struct show *show, uint32_t number)
{
	const int side = show->height / 4;
	fill(show, 0, 0, show->width, show->height, (float)(number % 200) / 255);
	fill(show, (int)(number * STEP) % (show->width - side),
		(int)(number * STEP) % (show->height - side), side, side, 0.9f);
	draw_number(show, number);
}

int main(int argc, char **argv)
{
	struct show show = {.display = XOpenDisplay(NULL)};
	struct timespec due;
	if (argc != 4 || !show.display)
		return 2;
	show.width = atoi(argv[1]);
	show.height = atoi(argv[2]);
	if (open_window(&show) < 0)
		return 1;
	glEnable(GL_SCISSOR_TEST);
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint32_t number = 1;; number++) {
		draw(&show, number);
		glXSwapBuffers(show.display, show.window);
		moving_wait(&due, atol(argv[3]));
	}
}
