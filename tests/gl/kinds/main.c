/*
 * kinds [--3.3] [--stop | --wait FILE] [NAME ...]: begins each kind (all, without a name), each
 * with a context of its own, of OpenGL 4.5 or 3.3, comes to the moment, and ends each.
 *
 * The moment: with --stop the program stops itself (SIGSTOP) until somebody continues it; with
 * --wait it makes FILE and waits until that is gone. Pictures are kept in $KINDS_PICTURES, if set.
 */
#include "kinds.h"

#include <GL/glx.h>
#include <X11/Xlib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 128

/* The last one's last kind is within glBegin, where no other context can be made current. */
static const struct kind *const tables[] = {kinds_query, kinds_program, kinds_stack, kinds_debug,
	kinds_texture, kinds_feedback, kinds_attribute, kinds_remains, kinds_told, kinds_open};
static const char *present;
static int major = 4, minor = 5;

struct place {
	const struct kind *kind;
	GLXContext context;
	Window window;
};

void fail(const char *what)
{
	fprintf(stderr, "kinds: %s: %s\n", present ? present : "main", what);
	exit(1);
}

void say(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("%s: ", present);
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
}

/* As a file, for who compares with a tolerance. */
static void keep_picture(const uint8_t *pixels)
{
	static unsigned number;
	char path[4096];
	const char *folder = getenv("KINDS_PICTURES");
	snprintf(path, sizeof(path), "%s/%s-%u.ppm", folder ? folder : "", present, number++);
	FILE *file = folder ? fopen(path, "wb") : NULL;
	if (!file)
		return;
	fprintf(file, "P6 %d %d 255\n", KIND_SIZE, KIND_SIZE);
	for (size_t i = 0; i < KIND_SIZE * KIND_SIZE; i++)
		fwrite(pixels + i * 4, 1, 3, file);
	fclose(file);
}

void say_picture(const char *what)
{
	static uint8_t pixels[KIND_SIZE * KIND_SIZE * 4];
	uint32_t hash = 2166136261u;
	memset(pixels, 0, sizeof(pixels));
	glReadPixels(0, 0, KIND_SIZE, KIND_SIZE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	for (size_t i = 0; i < sizeof(pixels); i++)
		hash = (hash ^ pixels[i]) * 16777619u;
	keep_picture(pixels);
	say("%s %08x", what, hash);
}

static void attach(GLuint program, GLenum type, const char *source)
{
	GLint good = 0;
	if (!source)
		return;
	GLuint shader = glCreateShader(type);
	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
	if (!good)
		fail("a shader does not compile");
	glAttachShader(program, shader);
	glDeleteShader(shader);
}

GLuint make_program(const char *vertex, const char *fragment)
{
	GLint good = 0;
	GLuint program = glCreateProgram();
	attach(program, GL_VERTEX_SHADER, vertex);
	attach(program, GL_FRAGMENT_SHADER, fragment);
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good)
		fail("a program does not link");
	return program;
}

void fill(int left, int bottom, int right, int top, float red, float green, float blue)
{
	const float half = KIND_SIZE / 2;
	glColor3f(red, green, blue);
	glRectf((float)left / half - 1, (float)bottom / half - 1, (float)right / half - 1,
		(float)top / half - 1);
}

static Window open_window(Display *display, GLXFBConfig config)
{
	XVisualInfo *visual = glXGetVisualFromFBConfig(display, config);
	const Window root = DefaultRootWindow(display);
	XSetWindowAttributes attributes = {
		.colormap = XCreateColormap(display, root, visual->visual, AllocNone)};
	const Window window =
		XCreateWindow(display, root, 0, 0, KIND_SIZE, KIND_SIZE, 0, visual->depth,
			InputOutput, visual->visual, CWColormap | CWBorderPixel, &attributes);
	XFree(visual);
	return window;
}

static struct place open_place(Display *display, const struct kind *kind)
{
	const int wanted[] = {GLX_SAMPLES, kind->wants & KIND_SAMPLES ? 4 : 0, GLX_DOUBLEBUFFER,
		True, GLX_RED_SIZE, 8, GLX_GREEN_SIZE, 8, GLX_BLUE_SIZE, 8, GLX_DEPTH_SIZE, 24,
		GLX_STENCIL_SIZE, 8, None};
	const int version[] = {GLX_CONTEXT_MAJOR_VERSION_ARB, major, GLX_CONTEXT_MINOR_VERSION_ARB,
		minor, GLX_CONTEXT_PROFILE_MASK_ARB,
		kind->wants & KIND_CORE ? GLX_CONTEXT_CORE_PROFILE_BIT_ARB
					: GLX_CONTEXT_COMPATIBILITY_PROFILE_BIT_ARB,
		None};
	int count = 0;
	PFNGLXCREATECONTEXTATTRIBSARBPROC create =
		(PFNGLXCREATECONTEXTATTRIBSARBPROC)glXGetProcAddressARB(
			(const GLubyte *)"glXCreateContextAttribsARB");
	GLXFBConfig *configs = glXChooseFBConfig(display, DefaultScreen(display), wanted, &count);
	if (!count)
		fail("no config");
	struct place place = {.kind = kind,
		.window = open_window(display, configs[0]),
		.context = create(display, configs[0], NULL, True, version)};
	XFree(configs);
	if (!place.context)
		fail("no context");
	return place;
}

static void use(Display *display, const struct place *place)
{
	present = place->kind->name;
	if (!glXMakeCurrent(display, place->window, place->context))
		fail("cannot be made current");
}

static bool is_wanted(const struct kind *kind, char **names)
{
	bool any = false;
	for (; *names; names++) {
		any = true;
		if (!strcmp(kind->name, *names))
			return true;
	}
	return !any && !(kind->wants & KIND_ALONE);
}

static void moment(bool stop, const char *file)
{
	if (stop)
		raise(SIGSTOP);
	FILE *made = file ? fopen(file, "w") : NULL;
	if (made)
		fclose(made);
	while (made && !access(file, F_OK))
		nanosleep(&(struct timespec){0, 5000000}, NULL);
}

static void finish(Display *display, const struct place *place)
{
	use(display, place);
	place->kind->end();
	say("error 0x%x", glGetError());
}

int main(int argc, char **argv)
{
	static struct place places[MOST];
	size_t count = 0;
	Display *display = XOpenDisplay(NULL);
	if (!display)
		fail("no display");
	char **names = argv + 1;
	if (*names && !strcmp(*names, "--3.3")) {
		major = minor = 3;
		names++;
	}
	const bool stop = *names && !strcmp(*names, "--stop");
	const char *file = *names && !strcmp(*names, "--wait") ? names[1] : NULL;
	names += stop ? 1 : file ? 2 : 0;
	for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct kind *kind = tables[table]; kind->name; kind++)
			if (is_wanted(kind, names) && count < MOST) {
				places[count] = open_place(display, kind);
				use(display, &places[count++]);
				glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT |
					GL_STENCIL_BUFFER_BIT);
				kind->begin();
			}
	moment(stop, file);
	for (size_t i = count; i-- > 0;)
		finish(display, &places[i]);
	printf("%zu kinds\n", count);
	return 0;
}
