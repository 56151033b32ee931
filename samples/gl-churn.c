/*
 * gl-churn: makes and destroys OpenGL contexts and draws frames, so that somebody can see whether
 * anything is left of them.
 *
 *	gl-churn DIRECTORY CONTEXTS FRAMES
 *
 * Four times it makes a quarter of the contexts and draws a quarter of the frames in one that
 *stays; then it says `mark N` and waits until DIRECTORY/N is there. Each context gets an object of
 *every kind and a frame, every second one shares its objects with the one before, and every fourth
 *one draws in a window or a pbuffer of its own. A frame in the context that stays makes and deletes
 *an object of one kind, turn by turn.
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

static Window open_window(void)
{
	static Colormap colours;
	const Window root = RootWindow(display, visual->screen);
	if (!colours)
		colours = XCreateColormap(display, root, visual->visual, AllocNone);
	XSetWindowAttributes set = {.colormap = colours};
	const Window made = XCreateWindow(display, root, 0, 0, SIDE, SIDE, 0, visual->depth,
		InputOutput, visual->visual, CWColormap | CWBorderPixel, &set);
	XMapWindow(display, made);
	return made;
}

static int open_display(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, None};
	display = XOpenDisplay(NULL);
	visual = display ? glXChooseVisual(display, DefaultScreen(display), wanted) : NULL;
	if (!visual)
		return -1;
	window = open_window();
	return 0;
}

/* ---- objects: each is made and used; in the context that stays it is deleted as well ---- */

static void a_texture(int keep)
{
	GLuint texture;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	if (!keep)
		glDeleteTextures(1, &texture);
}

static void a_buffer(int keep)
{
	GLuint buffer;
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(pixels), pixels, GL_STREAM_DRAW);
	char *to = glMapBuffer(GL_ARRAY_BUFFER, GL_WRITE_ONLY);
	if (to)
		*to = 1;
	glUnmapBuffer(GL_ARRAY_BUFFER);
	if (!keep)
		glDeleteBuffers(1, &buffer);
}

/* Its memory stays mapped until the buffer, or the context, is gone. */
static void a_mapped_buffer(int keep)
{
	const GLbitfield how = GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
	GLuint buffer;
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferStorage(GL_ARRAY_BUFFER, sizeof(pixels), NULL, how);
	char *to = glMapBufferRange(GL_ARRAY_BUFFER, 0, sizeof(pixels), how);
	if (to)
		*to = 1;
	if (!keep)
		glDeleteBuffers(1, &buffer);
}

static GLuint a_shader(GLenum kind, const char *source)
{
	const GLuint made = glCreateShader(kind);
	glShaderSource(made, 1, &source, NULL);
	glCompileShader(made);
	return made;
}

static void a_program(int keep)
{
	const GLuint made = glCreateProgram();
	const GLuint parts[] = {
		a_shader(GL_VERTEX_SHADER, "void main() { gl_Position = vec4(0); }"),
		a_shader(GL_FRAGMENT_SHADER, "uniform vec4 c; void main() { gl_FragColor = c; }")};
	for (int i = 0; i < 2; i++) {
		glAttachShader(made, parts[i]);
		glDeleteShader(parts[i]);
	}
	glLinkProgram(made);
	glUseProgram(made);
	glUniform4f(glGetUniformLocation(made, "c"), 1, 0, 0, 1);
	glUseProgram(0);
	if (!keep)
		glDeleteProgram(made);
}

static void a_framebuffer(int keep)
{
	GLuint framebuffer, renderbuffer;
	glGenFramebuffers(1, &framebuffer);
	glGenRenderbuffers(1, &renderbuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glBindRenderbuffer(GL_RENDERBUFFER, renderbuffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, SIDE, SIDE);
	glFramebufferRenderbuffer(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, renderbuffer);
	glClear(GL_COLOR_BUFFER_BIT);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	if (keep)
		return;
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteRenderbuffers(1, &renderbuffer);
}

static void a_query(int keep)
{
	GLuint query, result;
	glGenQueries(1, &query);
	glBeginQuery(GL_SAMPLES_PASSED, query);
	glEndQuery(GL_SAMPLES_PASSED);
	glGetQueryObjectuiv(query, GL_QUERY_RESULT, &result);
	if (!keep)
		glDeleteQueries(1, &query);
}

static void a_fence(int keep)
{
	GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT, 1000000000);
	if (!keep)
		glDeleteSync(sync);
}

static void a_list(int keep)
{
	const GLuint list = glGenLists(1);
	glNewList(list, GL_COMPILE);
	glRectf(-1, -1, 1, 1);
	glEndList();
	glCallList(list);
	if (!keep)
		glDeleteLists(list, 1);
}

static void an_array(int keep)
{
	GLuint array, sampler;
	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	glBindVertexArray(0);
	glGenSamplers(1, &sampler);
	glSamplerParameteri(sampler, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	if (keep)
		return;
	glDeleteVertexArrays(1, &array);
	glDeleteSamplers(1, &sampler);
}

static void (*const kinds[])(int keep) = {a_texture, a_buffer, a_mapped_buffer, a_program,
	a_framebuffer, a_query, a_fence, a_list, an_array};

#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static void frame(GLXDrawable drawable)
{
	glClear(GL_COLOR_BUFFER_BIT);
	glXSwapBuffers(display, drawable);
}

/* ---- contexts ---- */

static GLXFBConfig config(void)
{
	int wanted[] = {GLX_DOUBLEBUFFER, True, GLX_RED_SIZE, 8, GLX_DRAWABLE_TYPE,
		GLX_WINDOW_BIT | GLX_PBUFFER_BIT, None};
	int count = 0;
	GLXFBConfig *found = glXChooseFBConfig(display, DefaultScreen(display), wanted, &count);
	const GLXFBConfig first = count ? found[0] : NULL;
	XFree(found);
	return first;
}

static void in_context(GLXContext context, GLXDrawable drawable)
{
	glXMakeCurrent(display, drawable, context);
	for (int kind = 0; kind < KINDS; kind++)
		kinds[kind](1);
	frame(drawable);
	glXMakeCurrent(display, None, NULL);
}

static void in_pbuffer(void)
{
	int size[] = {GLX_PBUFFER_WIDTH, SIDE, GLX_PBUFFER_HEIGHT, SIDE, None};
	const GLXFBConfig which = config();
	GLXContext context = glXCreateNewContext(display, which, GLX_RGBA_TYPE, NULL, True);
	const GLXPbuffer pbuffer = glXCreatePbuffer(display, which, size);
	in_context(context, pbuffer);
	glXDestroyPbuffer(display, pbuffer);
	glXDestroyContext(display, context);
}

static void in_window(void)
{
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	const Window own = open_window();
	in_context(context, own);
	glXDestroyContext(display, context);
	XDestroyWindow(display, own);
}

/* Closed with a window left on it. */
static void on_another_display(void)
{
	Display *const before = display;
	display = XOpenDisplay(NULL);
	if (display) {
		GLXContext context = glXCreateContext(display, visual, NULL, True);
		in_context(context, open_window());
		glXDestroyContext(display, context);
		XCloseDisplay(display);
	}
	display = before;
}

static void one_context(void)
{
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	in_context(context, window);
	glXDestroyContext(display, context);
}

static void two_that_share(void)
{
	GLXContext one = glXCreateContext(display, visual, NULL, True);
	GLXContext other = glXCreateContext(display, visual, one, True);
	in_context(one, window);
	in_context(other, window);
	glXDestroyContext(display, one);
	glXDestroyContext(display, other);
}

static void four_contexts(int number)
{
	two_that_share();
	one_context();
	if (number % 3 == 0)
		in_window();
	else if (number % 3 == 1)
		in_pbuffer();
	else
		on_another_display();
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

static void draw_frames(GLXContext context, int frames)
{
	glXMakeCurrent(display, window, context);
	for (int i = 0; i < frames; i++) {
		kinds[i % KINDS](0);
		frame(window);
	}
	glFinish();
	glXMakeCurrent(display, None, NULL);
}

int main(int argc, char **argv)
{
	if (argc != 4 || open_display() < 0)
		return 1;
	const int contexts = atoi(argv[2]) / QUARTERS, frames = atoi(argv[3]) / QUARTERS;
	GLXContext stays = glXCreateContext(display, visual, NULL, True);
	for (int quarter = 1; quarter <= QUARTERS; quarter++) {
		for (int i = 0; i < contexts; i += 4)
			four_contexts(i / 4);
		draw_frames(stays, frames);
		wait_for(argv[1], quarter);
	}
	return 0;
}
