/*
 * What the shim holds back or answers by itself must not show: writes into buffers that overlap,
 * are repeated, mapped again and read back; errors and state around calls that change none. Prints
 * what it saw; the same text is expected natively and through the proxy.
 */
#define GL_GLEXT_PROTOTYPES
#include <GL/glx.h>

#include <GL/glext.h>
#include <X11/Xlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE 65536

static unsigned char data[SIZE], seen[SIZE];

static void fill(unsigned char value)
{
	memset(data, value, sizeof(data));
}

/* A hash of the bound buffer's contents. */
static void say(const char *what)
{
	uint32_t hash = 2166136261u;
	glGetBufferSubData(GL_ARRAY_BUFFER, 0, SIZE, seen);
	for (int i = 0; i < SIZE; i++)
		hash = (hash ^ seen[i]) * 16777619u;
	printf("%s %08x error 0x%x\n", what, hash, glGetError());
}

static void sub(GLintptr offset, GLsizeiptr size, unsigned char value)
{
	fill(value);
	glBufferSubData(GL_ARRAY_BUFFER, offset, size, data);
}

static void repeated(void)
{
	for (int i = 0; i < 100; i++)
		sub((i % 4) * 4096, 4096, (unsigned char)i);
	say("repeated");
}

static void overlapping(void)
{
	for (int i = 0; i < 20; i++) {
		sub(0, 8192, 1);
		sub(4096, 8192, (unsigned char)(2 + i));
		sub(0, 8192, 3);
		sub(100, 50, (unsigned char)(4 + i));
	}
	say("overlapping");
}

static void two_buffers(const GLuint *buffers)
{
	for (int i = 0; i < 40; i++) {
		glBindBuffer(GL_ARRAY_BUFFER, buffers[i % 2]);
		sub(0, 3000, (unsigned char)i);
	}
	say("second");
	glBindBuffer(GL_ARRAY_BUFFER, buffers[0]);
	say("first");
}

static void *map(GLintptr offset, GLsizeiptr size)
{
	return glMapBufferRange(
		GL_ARRAY_BUFFER, offset, size, GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_RANGE_BIT);
}

static void mapped(void)
{
	for (int i = 0; i < 50; i++) {
		void *to = map(i % 3 ? 0 : 8192, 8192);
		memset(to, i, 8192);
		if (i % 7 == 0)
			glGetError();
		glUnmapBuffer(GL_ARRAY_BUFFER);
		if (i % 5 == 0)
			sub(64, 128, (unsigned char)(i + 1));
	}
	say("mapped");
}

/* Written with what is mapped by then: an error, and nothing changes. */
static void mapped_again_and_written(void)
{
	for (int i = 0; i < 6; i++) {
		memset(map(0, 8192), i, 8192);
		glUnmapBuffer(GL_ARRAY_BUFFER);
	}
	memset(map(0, 8192), 77, 8192);
	sub(0, 16, 99);
	printf("while mapped 0x%x\n", glGetError());
	glUnmapBuffer(GL_ARRAY_BUFFER);
	say("afterwards");
}

/* ---- mapped to be written in part: the rest stays as it is ---- */

static unsigned char *part(GLintptr offset, GLsizeiptr size, GLbitfield more)
{
	return glMapBufferRange(GL_ARRAY_BUFFER, offset, size, GL_MAP_WRITE_BIT | more);
}

static void in_parts(GLbitfield more)
{
	fill(9);
	glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
	for (int i = 0; i < 40; i++) {
		unsigned char *to = part((i % 10) * 512 + 3, 700, more);
		memset(to + i, i, 30);
		glUnmapBuffer(GL_ARRAY_BUFFER);
	}
	say("in parts");
}

static void write_part(int number, unsigned char value, bool flush)
{
	unsigned char *to = part(number * 192, 192, GL_MAP_UNSYNCHRONIZED_BIT);
	if (flush)
		glFlush();
	memset(to, value, 192);
	glUnmapBuffer(GL_ARRAY_BUFFER);
}

/* One behind the other, with gaps, backwards, twice, and with something said in between. */
static void adjoining(void)
{
	fill(4);
	glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
	for (int i = 0; i < SIZE / 192; i++)
		write_part(i, (unsigned char)i, false);
	say("adjoining");
	for (int i = 0; i < 60; i++)
		write_part(i + i / 7, (unsigned char)(i + 50), i % 11 == 5);
	say("with gaps");
	for (int i = 60; i > 0; i--)
		write_part(i % 23, (unsigned char)(i + 90), i % 13 == 7);
	say("backwards");
}

/* Each copy sees what was written up to then, and nothing that came later. */
static void seen_between(GLuint other)
{
	fill(5);
	glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
	glBindBuffer(GL_COPY_WRITE_BUFFER, other);
	glBufferData(GL_COPY_WRITE_BUFFER, SIZE, data, GL_STREAM_COPY);
	for (int i = 0; i < 60; i++) {
		memset(part(0, 1024, 0), i + 1, 1000);
		glUnmapBuffer(GL_ARRAY_BUFFER);
		glCopyBufferSubData(
			GL_ARRAY_BUFFER, GL_COPY_WRITE_BUFFER, 0, (i % 60) * 1024, 1024);
	}
	glBindBuffer(GL_ARRAY_BUFFER, other);
	say("seen between");
}

/* Written by others in between: by a copy on the GPU, by glBufferSubData, by a new store. */
static void written_by_others(const GLuint *buffers)
{
	glBindBuffer(GL_ARRAY_BUFFER, buffers[0]);
	fill(1);
	glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
	for (int i = 0; i < 30; i++) {
		memset(part(100 * i, 200, GL_MAP_UNSYNCHRONIZED_BIT), i, 150);
		glUnmapBuffer(GL_ARRAY_BUFFER);
		if (i == 10)
			sub(0, 5000, 77);
		if (i == 15)
			glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
		if (i == 20)
			memset(map(64, 128), 3, 128), glUnmapBuffer(GL_ARRAY_BUFFER);
		if (i == 25)
			glCopyBufferSubData(GL_COPY_WRITE_BUFFER, GL_ARRAY_BUFFER, 0, 2000, 3000);
	}
	say("by others");
}

static void kept_while_mapped(void)
{
	GLint mapped = -1;
	void *pointer = NULL;
	for (int i = 0; i < 4; i++) {
		const unsigned char *to = part(i * 8 + 1, 64, 0);
		glGetBufferParameteriv(GL_ARRAY_BUFFER, GL_BUFFER_MAPPED, &mapped);
		glGetBufferPointerv(GL_ARRAY_BUFFER, GL_BUFFER_MAP_POINTER, &pointer);
		printf("mapped %d here %d aligned %d", mapped, pointer == to,
			(int)(((uintptr_t)to - (uintptr_t)(i * 8 + 1)) % 64));
		printf(" again %d error 0x%x", part(0, 8, 0) == NULL, glGetError());
		printf(" beyond %d", glUnmapBuffer(GL_ARRAY_BUFFER));
		printf(" %d error 0x%x\n", part(SIZE - 4, 8, 0) == NULL, glGetError());
	}
	say("kept");
}

static void errors(GLint location)
{
	for (int i = 0; i < 6; i++) {
		glUniform4f(location, 1, 0, 0, 1);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		printf("good 0x%x\n", glGetError());
		glDrawArrays(GL_TRIANGLES, 0, i == 3 ? -1 : 3);
		printf("then 0x%x\n", glGetError());
		glUniform2f(location, 1, 0);
		printf("wrong 0x%x\n", glGetError());
		glDrawArrays(0x1234, 0, 3);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		printf("mode 0x%x\n", glGetError());
		if (i == 4)
			glUseProgram(0);
		glUniform4f(location, 1, 0, 0, 1);
		printf("program 0x%x\n", glGetError());
	}
}

static void states(GLuint program, GLint location)
{
	GLint value = -1;
	glUseProgram(program);
	for (int i = 0; i < 8; i++) {
		glUniform4f(location, 0, 1, 0, 1);
		glGetIntegerv(GL_CURRENT_PROGRAM, &value);
		printf("program %d", value == (GLint)program);
		glDrawArrays(GL_TRIANGLES, 0, 3);
		glGetIntegerv(GL_DEPTH_FUNC, &value);
		printf(" depth 0x%x", value);
		glDepthFunc(i % 2 ? GL_LESS : GL_ALWAYS);
		glGetIntegerv(GL_DEPTH_FUNC, &value);
		printf(" now 0x%x", value);
		glGetIntegerv(0x9999, &value);
		printf(" error 0x%x\n", glGetError());
	}
}

static GLuint program(GLint *location)
{
	const char *sources[] = {"uniform vec4 color; attribute vec2 corner; varying vec4 c;"
				 "void main() { c = color; gl_Position = vec4(corner, 0, 1); }",
		"varying vec4 c; void main() { gl_FragColor = c; }"};
	const GLenum kinds[] = {GL_VERTEX_SHADER, GL_FRAGMENT_SHADER};
	const GLuint made = glCreateProgram();
	for (int i = 0; i < 2; i++) {
		const GLuint shader = glCreateShader(kinds[i]);
		glShaderSource(shader, 1, &sources[i], NULL);
		glCompileShader(shader);
		glAttachShader(made, shader);
	}
	glBindAttribLocation(made, 0, "corner");
	glLinkProgram(made);
	glUseProgram(made);
	*location = glGetUniformLocation(made, "color");
	return made;
}

/* Results are asked for in and out of order, twice, and after their queries began again. */
static void queries(void)
{
	GLuint ids[100], value;
	GLint there;
	glGenQueries(100, ids);
	for (int turn = 0; turn < 3; turn++) {
		for (int i = turn * 10; i < 100; i++) {
			glBeginQuery(GL_SAMPLES_PASSED, ids[i]);
			glScissor(0, 0, i % 7, i % 5 + turn);
			glRecti(-1, -1, 1, 1);
			glEndQuery(GL_SAMPLES_PASSED);
		}
		uint32_t hash = 2166136261u;
		for (int i = 0; i < 150; i++) {
			value = 4711;
			glGetQueryObjectuiv(ids[i * 7 % 100 ^ i / 50], GL_QUERY_RESULT, &value);
			hash = (hash ^ value) * 16777619u;
		}
		glGetQueryObjectiv(ids[99], GL_QUERY_RESULT_AVAILABLE, &there);
		printf("queries %08x there %d error 0x%x\n", hash, there, glGetError());
	}
	glBeginQuery(GL_SAMPLES_PASSED, ids[3]);
	value = 4711;
	glGetQueryObjectuiv(ids[3], GL_QUERY_RESULT, &value);
	printf("running %u error 0x%x", value, glGetError());
	glEndQuery(GL_SAMPLES_PASSED);
	glDeleteQueries(1, &ids[4]);
	glGetQueryObjectuiv(ids[4], GL_QUERY_RESULT, &value);
	printf(" deleted %u error 0x%x\n", value, glGetError());
}

/* Calls that GL refuses, or takes less of: nobody looks at the rest. */
static void memory_that_is_not_there(GLint location)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(two + 4096, 4096);
	glUniform4fv(location, 100000, (const GLfloat *)(const void *)two);
	printf("too many 0x%x\n", glGetError());
	glBufferData(0x1234, 1 << 20, two + 4096, GL_STATIC_DRAW);
	printf("no target 0x%x\n", glGetError());
	munmap(two, 4096);
}

static int open_context(void)
{
	int wanted[] = {GLX_RGBA, GLX_DOUBLEBUFFER, GLX_RED_SIZE, 8, None};
	Display *display = XOpenDisplay(NULL);
	XVisualInfo *info = display ? glXChooseVisual(display, 0, wanted) : NULL;
	if (!info)
		return -1;
	XSetWindowAttributes set = {.colormap = XCreateColormap(display, RootWindow(display, 0),
					    info->visual, AllocNone)};
	const Window window = XCreateWindow(display, RootWindow(display, 0), 0, 0, 64, 64, 0,
		info->depth, InputOutput, info->visual, CWColormap | CWBorderPixel, &set);
	XMapWindow(display, window);
	return glXMakeCurrent(display, window, glXCreateContext(display, info, NULL, True)) ? 0
											    : -1;
}

int main(void)
{
	GLuint buffers[2];
	GLint location;
	if (open_context() < 0)
		return 1;
	glGenBuffers(2, buffers);
	for (int i = 1; i >= 0; i--) {
		glBindBuffer(GL_ARRAY_BUFFER, buffers[i]);
		glBufferData(GL_ARRAY_BUFFER, SIZE, data, GL_STREAM_DRAW);
	}
	repeated();
	overlapping();
	two_buffers(buffers);
	mapped();
	mapped_again_and_written();
	in_parts(0);
	in_parts(GL_MAP_UNSYNCHRONIZED_BIT);
	adjoining();
	seen_between(buffers[1]);
	written_by_others(buffers);
	kept_while_mapped();
	const GLuint made = program(&location);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	errors(location);
	states(made, location);
	memory_that_is_not_there(location);
	glEnable(GL_SCISSOR_TEST);
	glUseProgram(0);
	queries();
	return 0;
}
