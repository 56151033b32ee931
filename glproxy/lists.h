/*
 * lists.h: display lists as the messages they were compiled from, and primitives that are held back
 * until they are whole. A driver tells neither again.
 *
 * A list's log is a stream (snapshot_stream.h): the messages that GL put into the list, and the
 * pixel store where their data depend on it. Executing it between glNewList and glEndList makes the
 * list again. A list that is being compiled belongs to its context; glEndList gives it to the share
 * group. Once a snapshot was taken in between it is kept *apart*: the driver no longer compiles,
 * and the list is made at its glEndList.
 *
 * Between glBegin and glEnd a driver answers nothing, not even which state it has. So what comes
 * from glBegin on is held, and executed at the glEnd, or at the first message that does not belong
 * there.
 *
 * The logs of a share group may be used by any of its threads; what is open, by its own alone.
 */
#ifndef GLPROXY_LISTS_H
#define GLPROXY_LISTS_H

#include "glproxy/snapshot_stream.h"

struct lists;

struct list_open {
	GLuint name;
	GLenum mode;
	bool apart;     /* the driver does not compile it */
	bool replaying; /* its log is being executed */
	bool stored;    /* the log says what the pixel store is */
	struct wire_pixels store;
	struct stream log;
	const char *lost; /* why the log is not the whole list; NULL: it is */
};

/* NULL without memory. */
struct lists *lists_create(void);
void lists_destroy(struct lists *lists);
void lists_clear(struct lists *lists);

/* The message at hand, before it is executed: true when that is not to happen now. */
bool lists_keep(struct exec *x);

/* The message at hand is a glBegin at the present position: where everything up to the glEnd is in
 * the ring before `end`, and is plain, executes it at once; how many bytes that was. 0: nothing was
 * done. */
size_t lists_whole_primitive(struct exec *x, uint64_t end);

static inline bool lists_compiling(const struct exec *x)
{
	return x->list && x->list->mode == GL_COMPILE;
}

/* Forgets what is open. */
void lists_close(struct exec *x);

/* The driver stops compiling, for a snapshot; the context is current. */
void lists_set_apart(struct exec *x);

/* GL_LIST_INDEX or GL_LIST_MODE of a list that is kept apart. */
bool lists_answer(const struct exec *x, GLenum pname, GLint *value);

/* Writes the lists of the share group; what is open in the context. */
void take_lists(struct take *t);
void take_open(struct take *t);

#endif
