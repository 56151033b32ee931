/*
 * query.h: results of queries (OpenGL 4.6, 4.2). Whoever asks for one soon asks for the next: with
 * the result that is waited for, those come along that are there already, and are remembered until
 * their query begins again.
 *
 * What begins a query may stand in a display list, unseen by us: once lists are compiled, nothing
 * is remembered any more. Belongs to a context, whose queries nobody shares.
 */
#ifndef GLSHIM_QUERY_H
#define GLSHIM_QUERY_H

#include "wire/gltypes.h"

#include <stdbool.h>
#include <stdint.h>

#define QUERIES_ENDED 128  /* remembered, a power of two */
#define QUERIES_RUNNING 16 /* at a time, a target each */

struct shim_query {
	GLuint id; /* 0: none */
	bool known;
	GLuint value;
};

struct shim_queries {
	struct {
		GLenum target;
		GLuint id;
	} running[QUERIES_RUNNING];
	uint32_t next; /* how many have ended */
	uint32_t hint; /* the one to be asked for next, most likely */
	struct shim_query ended[QUERIES_ENDED];
};

#endif
