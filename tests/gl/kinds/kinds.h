/*
 * kinds.h: small programs, one for each kind of what OpenGL keeps. Each stops in the middle of
 * using it, goes on, and says what came of it.
 *
 * begin() and end() run with the kind's own context current, drawing to a pbuffer of KIND_SIZE.
 * Between the two is the moment at which a proxy may be replaced. What is said must not depend on
 * whether it was.
 */
#ifndef TESTS_GL_KINDS_H
#define TESTS_GL_KINDS_H

#define GL_GLEXT_PROTOTYPES
#include <GL/gl.h>
#include <GL/glext.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIND_SIZE 64

/* What a kind wants. */
enum {
	KIND_CORE = 1,    /* a core profile */
	KIND_SAMPLES = 2, /* a window with several samples a pixel */
	KIND_SINGLE = 4,  /* a window with one buffer */
	KIND_ALONE = 8    /* that it is named: no other context can be made current in the middle */
};

struct kind {
	const char *name;
	void (*begin)(void);
	void (*end)(void);
	unsigned wants;
};

/* One array a file, ended by an entry without a name. */
extern const struct kind kinds_query[], kinds_program[], kinds_stack[], kinds_debug[], kinds_open[],
	kinds_texture[], kinds_feedback[], kinds_attribute[], kinds_remains[], kinds_told[];

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says a hash of the framebuffer's colours. */
void say_picture(const char *what);

void fail(const char *what);

/* Linked, of these sources; NULL for none. Ends the test where they do not compile. */
GLuint make_program(const char *vertex, const char *fragment);

/* Draws a rectangle of window coordinates in a colour; compatibility profiles. */
void fill(int left, int bottom, int right, int top, float red, float green, float blue);

#endif
