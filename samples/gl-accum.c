/*
 * gl-accum: a square that moves, blurred in the accumulation buffer.
 *
 * A line a frame: `frame N: RED GREEN BLUE ...`, some colours of the picture.
 */
#include <GL/gl.h>
#include <GL/glx.h>
#include <X11/Xlib.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 64
#define FRAMES 12
#define STEPS 4
#define POINTS 16

static Display *display;
static Window window;

static void fail(const char *what)
{
	fprintf(stderr, "gl-accum: %s\n", what);
	exit(1);
}

static void open_window(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, GLX_ACCUM_RED_SIZE, 8,
		GLX_ACCUM_GREEN_SIZE, 8, GLX_ACCUM_BLUE_SIZE, 8, None};
	display = XOpenDisplay(NULL);
	XVisualInfo *visual = display ? glXChooseVisual(display, 0, wanted) : NULL;
	if (!visual)
		fail("no display, or no visual");
	const Window root = DefaultRootWindow(display);
	XSetWindowAttributes attributes = {
		.colormap = XCreateColormap(display, root, visual->visual, AllocNone)};
	window = XCreateWindow(display, root, 0, 0, SIZE, SIZE, 0, visual->depth, InputOutput,
		visual->visual, CWColormap, &attributes);
	XMapWindow(display, window);
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	if (!context || !glXMakeCurrent(display, window, context))
		fail("no context");
}

/* Some colours of the picture. */
static void say(int frame)
{
	printf("frame %d:", frame);
	for (int i = 0; i < POINTS; i++) {
		unsigned char p[4];
		const int at = i * (SIZE / POINTS) + 1;
		glReadPixels(at, i % 2 ? at : SIZE / 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, p);
		printf(" %d %d %d", p[0], p[1], p[2]);
	}
	printf("\n");
}

static void draw(int at)
{
	const float x = (float)at / (FRAMES * STEPS) - 0.9f;
	glClearColor(0.1f, 0.2f, 0.3f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glColor3f(1, 0.6f, (float)(at % 6) / 5);
	glRectf(x, -0.5f, x + 0.8f, 0.5f);
}

/* Each frame uses what the one before has left in the buffer. */
static void blur(int frame)
{
	if (frame % 4 == 0) {
		glClearAccum(0.25f, 0, -0.125f, 1);
		glClear(GL_ACCUM_BUFFER_BIT);
	}
	glAccum(GL_MULT, 0.5f);
	for (int step = 0; step < STEPS; step++) {
		draw(frame * STEPS + step);
		glAccum(GL_ACCUM, 0.5f / STEPS);
	}
	if (frame % 3 == 0) {
		glEnable(GL_SCISSOR_TEST);
		glScissor(SIZE / 4, SIZE / 4, SIZE / 2, SIZE / 2);
		glAccum(GL_ADD, 0.1f);
		glDisable(GL_SCISSOR_TEST);
	}
	glColorMask(GL_TRUE, GL_TRUE, frame % 2 == 0, GL_TRUE);
	glAccum(GL_RETURN, 1);
	glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
}

int main(void)
{
	open_window();
	for (int frame = 0; frame < FRAMES; frame++) {
		blur(frame);
		say(frame);
		glXSwapBuffers(display, window);
	}
	return glGetError() != GL_NO_ERROR;
}
