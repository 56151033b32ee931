/*
 * gl-kept: draws from objects that are made once, and prints a hash of every frame.
 *
 *	gl-kept [FRAMES-A-SECOND [list]]
 *
 * At the start it makes a texture that is uploaded, one that the GPU draws into, a vertex buffer,
 * a program with a uniform, and never touches their contents again: whoever throws the driver away
 * and makes it anew has to bring all of them back. The frames repeat every 8th, so a line
 *
 *	frame N hash H
 *
 * has one of 8 hashes, which depend on N mod 8 alone. With `list` it uses what no snapshot
 * keeps yet, a display list that was compiled from pixels in a buffer.
 */
#define GL_GLEXT_PROTOTYPES
#include <GL/gl.h>
#include <GL/glext.h>
#include <GL/glx.h>
#include <X11/Xlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SIZE 256
#define PHASES 8

static const char vertex_source[] =
	"#version 130\n"
	"in vec2 place; out vec2 at; uniform float turn;\n"
	"void main() { at = place; float s = sin(turn), c = cos(turn);\n"
	"gl_Position = vec4(mat2(c, s, -s, c) * place * 0.7, 0.0, 1.0); }\n";

static const char fragment_source[] =
	"#version 130\n"
	"in vec2 at; uniform sampler2D loaded, drawn;\n"
	"void main() { gl_FragColor = mix(texture2D(loaded, at), texture2D(drawn, at), 0.5); }\n";

static void fail(const char *what)
{
	fprintf(stderr, "gl-kept: %s\n", what);
	exit(1);
}

static Display *open_window(Window *window)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, None};
	Display *display = XOpenDisplay(NULL);
	XVisualInfo *visual = display ? glXChooseVisual(display, 0, wanted) : NULL;
	if (!visual)
		fail("no display, or no visual");
	Window root = DefaultRootWindow(display);
	XSetWindowAttributes attributes = {
		.colormap = XCreateColormap(display, root, visual->visual, AllocNone)};
	*window = XCreateWindow(display, root, 0, 0, SIZE, SIZE, 0, visual->depth, InputOutput,
		visual->visual, CWColormap, &attributes);
	XMapWindow(display, *window);
	GLXContext context = glXCreateContext(display, visual, NULL, True);
	if (!context || !glXMakeCurrent(display, *window, context))
		fail("no context");
	return display;
}

static GLuint make_shader(GLenum type, const char *source)
{
	GLuint shader = glCreateShader(type);
	GLint good = 0;
	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
	if (!good)
		fail("a shader does not compile");
	return shader;
}

/* The shaders are deleted at once: the program alone is left of them. */
static GLuint make_program(void)
{
	GLuint program = glCreateProgram();
	GLuint vertex = make_shader(GL_VERTEX_SHADER, vertex_source);
	GLuint fragment = make_shader(GL_FRAGMENT_SHADER, fragment_source);
	glAttachShader(program, vertex);
	glAttachShader(program, fragment);
	glBindAttribLocation(program, 0, "place");
	glLinkProgram(program);
	glDeleteShader(vertex);
	glDeleteShader(fragment);
	glUseProgram(program);
	glUniform1i(glGetUniformLocation(program, "loaded"), 0);
	glUniform1i(glGetUniformLocation(program, "drawn"), 1);
	return program;
}

static void make_texture(GLenum unit, const void *pixels, GLuint *name)
{
	glGenTextures(1, name);
	glActiveTexture(unit);
	glBindTexture(GL_TEXTURE_2D, *name);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, SIZE, SIZE, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
}

static void load_texture(void)
{
	static uint32_t pixels[SIZE * SIZE];
	GLuint name;
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		pixels[i] = i * 2654435761u | 0xff000000u;
	make_texture(GL_TEXTURE0, pixels, &name);
}

/* Only the GPU knows what is in this one. */
static void draw_texture(void)
{
	GLuint name, framebuffer;
	make_texture(GL_TEXTURE1, NULL, &name);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, name, 0);
	glEnable(GL_SCISSOR_TEST);
	for (int i = 0; i < 16; i++) {
		glScissor(i * 16, i * 7, 90, 60);
		glClearColor((float)i / 16, 1 - (float)i / 16, (float)(i % 4) / 4, 1);
		glClear(GL_COLOR_BUFFER_BIT);
	}
	glDisable(GL_SCISSOR_TEST);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
}

static void make_vertices(void)
{
	static const float corners[] = {-1, -1, 1, -1, -1, 1, 1, 1};
	GLuint name;
	glGenBuffers(1, &name);
	glBindBuffer(GL_ARRAY_BUFFER, name);
	glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
}

static uint32_t hash_frame(void)
{
	static uint8_t pixels[SIZE * SIZE * 4];
	uint32_t hash = 2166136261u;
	glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	for (size_t i = 0; i < sizeof(pixels); i++)
		hash = (hash ^ pixels[i]) * 16777619u;
	return hash;
}

static void compile_list(void)
{
	GLuint buffer;
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_PIXEL_UNPACK_BUFFER, buffer);
	glBufferData(GL_PIXEL_UNPACK_BUFFER, 4, NULL, GL_STATIC_DRAW);
	glNewList(1, GL_COMPILE);
	glDrawPixels(1, 1, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glEndList();
	glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
}

static void draw_frame(unsigned frame, GLint turn)
{
	glClearColor(0.1f, 0.2f, 0.3f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glUniform1f(turn, (float)(frame % PHASES) * 0.4f);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	printf("frame %u hash %08x\n", frame, hash_frame());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	Window window;
	double rate = argc > 1 ? atof(argv[1]) : 20;
	Display *display = open_window(&window);
	GLint turn = glGetUniformLocation(make_program(), "turn");
	load_texture();
	draw_texture();
	make_vertices();
	if (argc > 2)
		compile_list();
	for (unsigned frame = 0;; frame++) {
		struct timespec pause = {.tv_nsec = (long)(1e9 / (rate > 1.1 ? rate : 1.1))};
		draw_frame(frame, turn);
		glXSwapBuffers(display, window);
		nanosleep(&pause, NULL);
	}
}
