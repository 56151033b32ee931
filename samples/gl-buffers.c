/*
 * gl-buffers: draws to the front and the back buffer of a window, and says after each step what is
 * in the two and in the window.
 *
 *	gl-buffers [--slow]
 *
 * A line a step: `STEP: front COLOUR back COLOUR depth D window COLOUR`. What is drawn to the front
 * buffer is in the window, so these two are the same, but for drivers (llvmpipe is one) whose front
 * buffer knows nothing of swaps: steps that end with one say so. With --slow it takes a tenth of a
 * second a step and begins again at the end, until it is ended.
 */
#define GL_GLEXT_PROTOTYPES
#include <GL/gl.h>
#include <GL/glext.h>
#include <GL/glx.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE 64

static Display *display;
static Window window;
static bool slow;

static void fail(const char *what)
{
	fprintf(stderr, "gl-buffers: %s\n", what);
	exit(1);
}

static void open_window(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, GLX_DEPTH_SIZE, 24, None};
	display = XOpenDisplay(NULL);
	XVisualInfo *visual = display ? glXChooseVisual(display, 0, wanted) : NULL;
	if (!visual)
		fail("no display, or no visual");
	const Window root = DefaultRootWindow(display);
	XSetWindowAttributes attributes = {.event_mask = ExposureMask,
		.colormap = XCreateColormap(display, root, visual->visual, AllocNone)};
	window = XCreateWindow(display, root, 0, 0, SIZE, SIZE, 0, visual->depth, InputOutput,
		visual->visual, CWColormap | CWEventMask, &attributes);
	XMapWindow(display, window);
	XEvent event;
	XWindowEvent(display, window, ExposureMask, &event);
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	if (!context || !glXMakeCurrent(display, window, context))
		fail("no context");
}

static unsigned colour_of(GLenum buffer)
{
	unsigned char p[4] = {0};
	GLint before;
	glGetIntegerv(GL_READ_BUFFER, &before);
	glReadBuffer(buffer);
	glReadPixels(SIZE / 2, SIZE / 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, p);
	glReadBuffer((GLenum)before);
	return (unsigned)(p[0] << 16 | p[1] << 8 | p[2]);
}

static unsigned colour_shown(void)
{
	glFinish();
	XSync(display, False);
	XImage *image = XGetImage(display, window, SIZE / 2, SIZE / 2, 1, 1, AllPlanes, ZPixmap);
	if (!image)
		fail("the window has no picture");
	const unsigned long pixel = XGetPixel(image, 0, 0);
	XDestroyImage(image);
	return (unsigned)pixel & 0xffffffu;
}

static void say(const char *step)
{
	GLfloat depth = -1;
	glReadPixels(SIZE / 2, SIZE / 2, 1, 1, GL_DEPTH_COMPONENT, GL_FLOAT, &depth);
	printf("%s: front %06x back %06x depth %.3f window %06x\n", step, colour_of(GL_FRONT),
		colour_of(GL_BACK), (double)depth, colour_shown());
	fflush(stdout);
	if (slow)
		nanosleep(&(struct timespec){0, 100000000}, NULL);
}

static void clear(unsigned colour, double depth)
{
	glClearColor((float)(colour >> 16 & 255) / 255, (float)(colour >> 8 & 255) / 255,
		(float)(colour & 255) / 255, 1);
	glClearDepth(depth);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
}

/* In the middle, at depth 0.5: hidden where the depth buffer is nearer. */
static void square(float red, float green, float blue)
{
	glEnable(GL_DEPTH_TEST);
	glColor3f(red, green, blue);
	glRectf(-0.5f, -0.5f, 0.5f, 0.5f);
	glDisable(GL_DEPTH_TEST);
}

static GLuint make_list(void)
{
	const GLuint list = glGenLists(1);
	glNewList(list, GL_COMPILE);
	glDrawBuffer(GL_FRONT);
	glEndList();
	return list;
}

static void both_buffers(void)
{
	glDrawBuffer(GL_BACK);
	clear(0x102030, 1);
	glXSwapBuffers(display, window);
	say("swapped");
	clear(0x405060, 1);
	say("back cleared");
	glDrawBuffer(GL_FRONT);
	clear(0x708090, 0.75);
	say("front cleared");
	square(1, 0, 0);
	say("front square");
	glDrawBuffer(GL_BACK);
	square(0, 1, 0);
	say("back square, not nearer");
	clear(0x0a0b0c, 0.25);
	glDrawBuffer(GL_FRONT);
	square(0, 0, 1);
	say("front square, hidden");
	glXSwapBuffers(display, window);
	say("swapped while drawing to the front");
	glDrawBuffer(GL_FRONT_AND_BACK);
	clear(0xa0b0c0, 1);
	say("both cleared");
}

static void remembered(GLuint list)
{
	glDrawBuffer(GL_BACK);
	glPushAttrib(GL_COLOR_BUFFER_BIT);
	glDrawBuffer(GL_FRONT);
	clear(0x111111, 1);
	glPopAttrib();
	clear(0x222222, 1);
	say("attributes popped");
	glCallList(list);
	clear(0x333333, 1);
	say("front by a list");
	glDrawBuffer(GL_BACK);
}

static void copied(void)
{
	glDrawBuffer(GL_FRONT);
	clear(0x445566, 0.125);
	glDrawBuffer(GL_BACK);
	clear(0, 0.5);
	glReadBuffer(GL_FRONT);
	glWindowPos2i(0, 0);
	glCopyPixels(0, 0, SIZE, SIZE, GL_COLOR);
	say("front copied to back");
	glReadBuffer(GL_BACK);
}

int main(int argc, char **argv)
{
	slow = argc > 1 && !strcmp(argv[1], "--slow");
	open_window();
	const GLuint list = make_list();
	do {
		both_buffers();
		remembered(list);
		copied();
	} while (slow);
	return glGetError() != GL_NO_ERROR;
}
