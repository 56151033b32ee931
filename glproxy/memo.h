/*
 * memo.h: what a snapshot needs and the driver does not tell again: the sources a program was
 * linked from, whose shaders may have been changed, detached or deleted since; and what was said
 * about the next link.
 *
 * A memo belongs to a share group; any thread of it may call. Names are the program's.
 */
#ifndef GLPROXY_MEMO_H
#define GLPROXY_MEMO_H

#include "base/buf.h"
#include "glproxy/exec.h"

struct memo_shader {
	GLenum type;
	char *source;
};

/* glBindAttribLocation, glBindFragDataLocationIndexed: they count from the next link on. */
struct memo_wish {
	char *name;
	bool output;
	GLuint place;
	GLuint index; /* of an output */
};

struct memo_program {
	GLuint name; /* 0: free */
	bool linked;
	GLint status;  /* of the link */
	bool doubtful; /* was linked, and a later link failed */
	size_t count;
	struct memo_shader *shaders;
	size_t wish_count;
	struct memo_wish *wishes;
	char *varyings; /* glTransformFeedbackVaryings: names, one behind the other; or NULL */
	size_t varyings_size;
	GLsizei varying_count;
	GLenum varying_mode;
};

struct memo {
	pthread_mutex_t lock;
	struct memo_program *programs;
	size_t count;

	/* The program's names of programs and shaders that were deleted and may still be there:
	 * used by a context, attached to a program. */
	GLuint *deleted;
	size_t deleted_count, deleted_room;
	size_t look_at; /* so many, and they are looked through */
};

struct memo *memo_create(void);
void memo_destroy(struct memo *memo);

/* Called after glLinkProgram. */
void memo_linked(struct exec *x, GLuint driver);

/* Called after a program or shader was deleted: what has gone is forgotten, its name too; now, or
 * with one of those to come. */
void memo_deleted(struct exec *x, GLuint driver);

/* NULL for a program of which nothing is known. All threads stand still. */
const struct memo_program *memo_find(const struct memo *memo, GLuint name);

#endif
