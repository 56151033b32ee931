/*
 * gl-churn: makes and destroys OpenGL contexts and draws frames, so that somebody can see whether
 * anything is left of them.
 *
 *	gl-churn DIRECTORY CONTEXTS FRAMES
 *
 * Four times it makes a quarter of the contexts, each with a texture, a buffer and a frame, and
 *draws a quarter of the frames in one that stays; then it says `mark N` and waits until DIRECTORY/N
 *is there.
 */
#define GL_GLEXT_PROTOTYPES
#include <GL/glx.h>

#include <GL/glext.h>
#include <X11/Xlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define QUARTERS 4
#define SIDE 64

static Display *display;
static Window window;
static XVisualInfo *visual;
static unsigned char pixels[SIDE * SIDE * 4];

static int open_window(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, None};
	display = XOpenDisplay(NULL);
	visual = display ? glXChooseVisual(display, DefaultScreen(display), wanted) : NULL;
	if (!visual)
		return -1;
	const Window root = RootWindow(display, visual->screen);
	XSetWindowAttributes set = {
		.colormap = XCreateColormap(display, root, visual->visual, AllocNone)};
	window = XCreateWindow(display, root, 0, 0, SIDE, SIDE, 0, visual->depth, InputOutput,
		visual->visual, CWColormap | CWBorderPixel, &set);
	XMapWindow(display, window);
	return 0;
}

static void objects(void)
{
	GLuint texture, buffer;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(pixels), pixels, GL_STREAM_DRAW);
	void *to = glMapBuffer(GL_ARRAY_BUFFER, GL_WRITE_ONLY);
	if (to)
		*(char *)to = 1;
	glUnmapBuffer(GL_ARRAY_BUFFER);
}

static void frame(void)
{
	glClear(GL_COLOR_BUFFER_BIT);
	glXSwapBuffers(display, window);
}

static void one_context(void)
{
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	glXMakeCurrent(display, window, context);
	objects();
	frame();
	glXMakeCurrent(display, None, NULL);
	glXDestroyContext(display, context);
}

static void wait_for(const char *directory, int number)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%d", directory, number);
	printf("mark %d\n", number);
	fflush(stdout);
	while (access(path, F_OK) < 0)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 4 || open_window() < 0)
		return 1;
	const int contexts = atoi(argv[2]) / QUARTERS, frames = atoi(argv[3]) / QUARTERS;
	GLXContext stays = glXCreateContext(display, visual, NULL, True);
	for (int quarter = 1; quarter <= QUARTERS; quarter++) {
		for (int i = 0; i < contexts; i++)
			one_context();
		glXMakeCurrent(display, window, stays);
		for (int i = 0; i < frames; i++)
			frame();
		glFinish();
		glXMakeCurrent(display, None, NULL);
		wait_for(argv[1], quarter);
	}
	return 0;
}
