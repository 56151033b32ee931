/*
 * names.h: the program's object names and the driver's.
 *
 * The program's name is what the shim gave out or the program brought along; the driver's is what
 * the driver's glGen* returned. A name that was never given out maps to a number the driver never
 * generates, so that the driver itself decides what using such a name means (OpenGL's compatibility
 * profile makes an object, the core profile an error).
 *
 * Readers of several threads need no lock; writers lock inside. Pages live as long as the table.
 */
#ifndef GLPROXY_NAMES_H
#define GLPROXY_NAMES_H

#include "wire/gltypes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define NAMES_PAGE 4096u

struct names {
	_Atomic(_Atomic(GLuint) *) to_driver[NAMES_PAGE];
	_Atomic(_Atomic(GLuint) *) to_program[NAMES_PAGE];
	pthread_mutex_t lock;
};

/* NULL without memory. */
struct names *names_create(void);
void names_destroy(struct names *names);

GLuint names_to_driver(struct names *names, GLuint program);
GLuint names_to_program(struct names *names, GLuint driver);

/* Notes that the program's name is the driver's. A driver's 0 is ignored: the call failed. */
void names_bind(struct names *names, GLuint program, GLuint driver);

/* The program's next name behind `after` that the driver has a name for; 0: there is none. */
GLuint names_next(struct names *names, GLuint after);

/* The program's name for the driver's; 0 where there is none. */
GLuint names_known(struct names *names, GLuint driver);

/* Whether the program brought the name along; it need not be an object's. */
bool names_foreign(GLuint driver);

/* Forgets all names. Nobody else may look at the table. */
void names_clear(struct names *names);

void names_drop(struct names *names, GLuint program);

#endif
