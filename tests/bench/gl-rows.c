/*
 * Small OpenGL loads, each one kind of work, for `make bench`.
 *
 * gl-rows opens a window, then reads lines "NAME SECONDS" and answers each with "NAME VALUE": how
 * often a second the work was done, or "NAME -" where this GL cannot do it. Every line gets a new
 * context, so that rows do not disturb each other, and a program that stays is measured turn by
 * turn with its rivals. gl-rows --list says which rows there are.
 */
#define GL_GLEXT_PROTOTYPES
#include <GL/glx.h>

#include <GL/glext.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DRAWS 10000
#define GETS 100
#define SIDE 1024 /* of textures and pictures */
#define PIXELS ((size_t)SIDE * SIDE * 4)
#define BUFFER (1 << 20)

struct row {
	const char *name;
	int version;         /* of GL, times ten */
	double work;         /* units a turn */
	bool (*begin)(void); /* false: this GL cannot */
	void (*turn)(unsigned number);
	int width, height;
};

static Display *display;
static Window window;
static unsigned char *pixels;
static GLuint program, buffer, queries[GETS];
static GLint location;

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void swap(void)
{
	glXSwapBuffers(display, window);
}

/* ---- what rows share ---- */

static const float triangle[] = {-1, -1, 1, -1, 0, 1};

struct place {
	float x, y, red, green;
};

static struct place place_of(unsigned i)
{
	return (struct place){(float)(i % 100) * 0.02f - 1, (float)(i / 100) * 0.02f - 1,
		(float)(i & 255) / 255, (float)(i >> 6) / 160};
}

static GLuint shader(GLenum kind, const char *source)
{
	const GLuint made = glCreateShader(kind);
	glShaderSource(made, 1, &source, NULL);
	glCompileShader(made);
	return made;
}

static GLuint link(const char *vertex, const char *fragment)
{
	const GLuint made = glCreateProgram();
	const GLuint parts[] = {
		shader(GL_VERTEX_SHADER, vertex), shader(GL_FRAGMENT_SHADER, fragment)};
	GLint linked = 0;
	for (int i = 0; i < 2; i++) {
		glAttachShader(made, parts[i]);
		glDeleteShader(parts[i]);
	}
	glBindAttribLocation(made, 0, "corner");
	glLinkProgram(made);
	glGetProgramiv(made, GL_LINK_STATUS, &linked);
	return linked ? made : 0;
}

static const char *const plain_vertex =
	"#version 120\nattribute vec2 corner; uniform vec4 place; varying vec4 color;"
	"void main() { color = vec4(place.zw, 0.5, 1.0);"
	"gl_Position = vec4(corner * 0.02 + place.xy, 0, 1); }";
static const char *const plain_fragment =
	"#version 120\nvarying vec4 color; void main() { gl_FragColor = color; }";
static const char *const block_vertex =
	"#version 140\nin vec2 corner; layout(std140) uniform Block { vec4 place; };"
	"out vec4 color; void main() { color = vec4(place.zw, 0.5, 1.0);"
	"gl_Position = vec4(corner * 0.02 + place.xy, 0, 1); }";
static const char *const block_fragment =
	"#version 140\nin vec4 color; out vec4 result; void main() { result = color; }";

static void corners(void)
{
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(triangle), triangle, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
}

static bool with_program(void)
{
	program = link(plain_vertex, plain_fragment);
	glUseProgram(program);
	location = program ? glGetUniformLocation(program, "place") : -1;
	corners();
	return program;
}

static bool with_block(void)
{
	program = link(block_vertex, block_fragment);
	glUseProgram(program);
	corners();
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_UNIFORM_BUFFER, buffer);
	glBufferData(GL_UNIFORM_BUFFER, 256, NULL, GL_DYNAMIC_DRAW);
	if (program)
		glUniformBlockBinding(program, glGetUniformBlockIndex(program, "Block"), 0);
	glBindBufferBase(GL_UNIFORM_BUFFER, 0, buffer);
	return program;
}

static bool with_buffer(void)
{
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, BUFFER, NULL, GL_STREAM_DRAW);
	return true;
}

static bool with_arrays(void)
{
	glEnableClientState(GL_VERTEX_ARRAY);
	glVertexPointer(2, GL_FLOAT, 0, triangle);
	return true;
}

static bool with_list(void)
{
	glNewList(1, GL_COMPILE);
	glBegin(GL_TRIANGLES);
	glVertex2f(-.02f, -.02f);
	glVertex2f(.02f, -.02f);
	glVertex2f(0, .02f);
	glEnd();
	glEndList();
	return true;
}

static bool with_texture(void)
{
	GLuint texture;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glEnable(GL_TEXTURE_2D);
	return true;
}

static bool with_queries(void)
{
	glGenQueries(GETS, queries);
	return with_program();
}

static bool with_nothing(void)
{
	return true;
}

/* ---- the work ---- */

static void clear(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	swap();
}

static void immediate(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct place p = place_of(i);
		glColor4f(p.red, p.green, 0.5f, 1);
		glBegin(GL_TRIANGLES);
		glVertex2f(p.x - .02f, p.y - .02f);
		glVertex2f(p.x + .02f, p.y - .02f);
		glVertex2f(p.x, p.y + .02f);
		glEnd();
	}
	swap();
}

static void arrays(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct place p = place_of(i);
		glLoadIdentity();
		glTranslatef(p.x, p.y, 0);
		glScalef(.02f, .02f, 1);
		glColor4f(p.red, p.green, .5f, 1);
		glDrawArrays(GL_TRIANGLES, 0, 3);
	}
	swap();
}

static void lists(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct place p = place_of(i);
		glLoadIdentity();
		glTranslatef(p.x, p.y, 0);
		glColor4f(p.red, p.green, .5f, 1);
		glCallList(1);
	}
	swap();
}

static void textured_quad(void)
{
	glBegin(GL_QUADS);
	for (int i = 0; i < 4; i++) {
		const float x = i == 1 || i == 2, y = i >= 2;
		glTexCoord2f(x, y);
		glVertex2f(2 * x - 1, 2 * y - 1);
	}
	glEnd();
}

static void upload(unsigned number)
{
	pixels[number & 1023]++;
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	textured_quad();
	swap();
}

static void readback(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	glReadPixels(0, 0, SIDE, SIDE, GL_BGRA, GL_UNSIGNED_BYTE, pixels);
}

static void draws(bool locate, bool check)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct place p = place_of(i);
		if (locate)
			location = glGetUniformLocation(program, "place");
		glUniform4fv(location, 1, &p.x);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		if (check)
			glGetError();
	}
	swap();
}

static void plain_draws(unsigned number)
{
	draws(false, false);
}

static void located_draws(unsigned number)
{
	draws(true, false);
}

static void checked_draws(unsigned number)
{
	draws(false, true);
}

static void block_draws(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (unsigned i = 0; i < DRAWS; i++) {
		const struct place p = place_of(i);
		glBufferSubData(GL_UNIFORM_BUFFER, 0, sizeof(p), &p);
		glDrawArrays(GL_TRIANGLES, 0, 3);
	}
	swap();
}

static void get_error(unsigned number)
{
	for (int i = 0; i < GETS; i++)
		glGetError();
}

static void get_integer(unsigned number)
{
	GLint values[4];
	for (int i = 0; i < GETS; i++)
		glGetIntegerv(GL_VIEWPORT, values);
}

/* As toolkits do it: a get after each change. */
static void draw_and_get(unsigned number)
{
	glClear(GL_COLOR_BUFFER_BIT);
	for (int i = 0; i < GETS; i++) {
		GLint bound;
		glUniform4f(location, 0, 0, 1, 1);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		glGetIntegerv(GL_ARRAY_BUFFER_BINDING, &bound);
	}
	swap();
}

static void generate(unsigned number)
{
	GLuint names[GETS];
	for (int i = 0; i < GETS; i++)
		glGenTextures(1, &names[i]);
	glDeleteTextures(GETS, names);
}

static void sub_data(unsigned number)
{
	for (int i = 0; i < 256; i++)
		glBufferSubData(GL_ARRAY_BUFFER, (i & 15) * 65536, 65536, pixels);
}

static void map(unsigned number)
{
	for (int i = 0; i < 16; i++) {
		void *to = glMapBufferRange(GL_ARRAY_BUFFER, 0, BUFFER,
			GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT);
		if (to)
			memcpy(to, pixels, BUFFER);
		glUnmapBuffer(GL_ARRAY_BUFFER);
	}
}

static void map_small(unsigned number)
{
	for (int i = 0; i < 1000; i++) {
		void *to = glMapBufferRange(GL_ARRAY_BUFFER, i * 256, 256,
			GL_MAP_WRITE_BIT | GL_MAP_UNSYNCHRONIZED_BIT);
		if (to)
			memcpy(to, pixels, 256);
		glUnmapBuffer(GL_ARRAY_BUFFER);
	}
}

static void query(unsigned number)
{
	for (int i = 0; i < GETS; i++) {
		glBeginQuery(GL_SAMPLES_PASSED, queries[i]);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		glEndQuery(GL_SAMPLES_PASSED);
	}
	for (int i = 0; i < GETS; i++) {
		GLuint result;
		glGetQueryObjectuiv(queries[i], GL_QUERY_RESULT, &result);
	}
	swap();
}

static void fence(unsigned number)
{
	for (int i = 0; i < 10; i++) {
		glDrawArrays(GL_TRIANGLES, 0, 3);
		GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT, 1000000000);
		glDeleteSync(sync);
	}
}

static void programs(unsigned number)
{
	char source[200];
	snprintf(source, sizeof(source),
		"#version 120\nvarying vec4 color; void main() { gl_FragColor = color * %u.5; }",
		number);
	const GLuint made = link(plain_vertex, source);
	glUseProgram(made);
	glUseProgram(0);
	glDeleteProgram(made);
}

#define MIB(bytes) ((double)(bytes) / (1 << 20))

static const struct row rows[] = {
	{"clear-200x200", 11, 1, with_nothing, clear, 200, 200},
	{"clear-800x600", 11, 1, with_nothing, clear, 800, 600},
	{"immediate", 11, DRAWS, with_nothing, immediate, 200, 200},
	{"client-arrays", 11, DRAWS, with_arrays, arrays, 200, 200},
	{"display-lists", 11, DRAWS, with_list, lists, 200, 200},
	{"texture-upload", 11, MIB(PIXELS), with_texture, upload, 200, 200},
	{"readback", 11, MIB(PIXELS), with_nothing, readback, SIDE, SIDE},
	{"draws", 20, DRAWS, with_program, plain_draws, 200, 200},
	{"block-draws", 31, DRAWS, with_block, block_draws, 200, 200},
	{"get-error", 11, GETS, with_nothing, get_error, 200, 200},
	{"get-integer", 11, GETS, with_nothing, get_integer, 200, 200},
	{"draw-get", 20, GETS, with_program, draw_and_get, 200, 200},
	{"gen-textures", 11, GETS, with_nothing, generate, 200, 200},
	{"uniform-location", 20, DRAWS, with_program, located_draws, 200, 200},
	{"draw-get-error", 20, DRAWS, with_program, checked_draws, 200, 200},
	{"sub-data", 20, MIB(256 * 65536), with_buffer, sub_data, 200, 200},
	{"map", 30, MIB(16 * BUFFER), with_buffer, map, 200, 200},
	{"map-small", 30, 1000, with_buffer, map_small, 200, 200},
	{"query", 20, GETS, with_queries, query, 200, 200},
	{"fence", 32, 10, with_program, fence, 200, 200},
	{"program", 20, 1, with_nothing, programs, 200, 200},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- measuring ---- */

static XVisualInfo *visual(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, GLX_GREEN_SIZE, 8,
		GLX_BLUE_SIZE, 8, GLX_DEPTH_SIZE, 16, None};
	return glXChooseVisual(display, DefaultScreen(display), wanted);
}

static void open_window(const XVisualInfo *info, const struct row *row)
{
	const Window root = RootWindow(display, info->screen);
	XSetWindowAttributes set = {.override_redirect = True,
		.colormap = XCreateColormap(display, root, info->visual, AllocNone)};
	window = XCreateWindow(display, root, 0, 0, (unsigned)row->width, (unsigned)row->height, 0,
		info->depth, InputOutput, info->visual,
		CWColormap | CWBorderPixel | CWOverrideRedirect, &set);
	XMapWindow(display, window);
	XSync(display, False);
}

static int version(void)
{
	int major = 0, minor = 0;
	const char *text = (const char *)glGetString(GL_VERSION);
	if (text)
		sscanf(text, "%d.%d", &major, &minor);
	return major * 10 + minor;
}

static void no_interval(void)
{
	int (*set)(int) = (int (*)(int))glXGetProcAddress((const GLubyte *)"glXSwapIntervalMESA");
	if (set)
		set(0);
}

/* Warm, then as many turns as fit. */
static double rate(const struct row *row, double seconds)
{
	unsigned turns = 0;
	row->turn(turns);
	row->turn(turns);
	glFinish();
	const double begun = now();
	while (now() < begun + seconds)
		row->turn(turns++);
	glFinish();
	return turns * row->work / (now() - begun);
}

static void measure(const struct row *row, double seconds)
{
	XVisualInfo *info = visual();
	open_window(info, row);
	GLXContext context = glXCreateContext(display, info, NULL, True);
	glXMakeCurrent(display, window, context);
	no_interval();
	glViewport(0, 0, row->width, row->height);
	if (version() < row->version || !row->begin())
		printf("%s -\n", row->name);
	else
		printf("%s %.6g\n", row->name, rate(row, seconds));
	fflush(stdout);
	for (GLenum error; (error = glGetError());)
		fprintf(stderr, "gl-rows: %s: error 0x%x\n", row->name, error);
	glXMakeCurrent(display, None, NULL);
	glXDestroyContext(display, context);
	XDestroyWindow(display, window);
	XFree(info);
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static int list(void)
{
	for (size_t i = 0; i < ROWS; i++)
		puts(rows[i].name);
	return 0;
}

int main(int argc, char **argv)
{
	char name[64];
	double seconds;
	if (argc > 1 && !strcmp(argv[1], "--list"))
		return list();
	display = XOpenDisplay(NULL);
	pixels = aligned_alloc(4096, PIXELS);
	if (!display || !pixels)
		return 1;
	for (size_t i = 0; i < PIXELS; i++)
		pixels[i] = (unsigned char)(i * 7);
	while (scanf("%63s %lf", name, &seconds) == 2) {
		const struct row *row = find(name);
		if (!row)
			return 2;
		measure(row, seconds);
	}
	return 0;
}
