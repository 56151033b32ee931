/*
 * context.h: one GL context of the client: the driver's context, the ring it is fed by, the thread
 * that executes it.
 *
 * Contexts that share objects are in one group. A context holds its group and the surfaces it is
 * current with. Created and destroyed by the control thread; everything else happens in the
 * context's own thread.
 */
#ifndef GLPROXY_CONTEXT_H
#define GLPROXY_CONTEXT_H

#include "glproxy/exec.h"
#include "glproxy/proxy.h"

#include <stdatomic.h>

/* A buffer the program has mapped: the driver's mapping, and the block of the heap file that the
 * program sees. */
struct mapping {
	GLuint buffer; /* the driver's name; 0: a free entry */
	char *driver;  /* the driver's pointer, to byte `offset` of the buffer */
	char *block;
	char *shadow; /* persistent mappings: what both sides had when they were last the same */
	GLintptr offset;
	GLsizeiptr length;
	GLbitfield access;
};

struct debug;
struct feedbacks;
struct lists;
struct memo;
struct queries;
struct views;

struct sync_entry {
	uint64_t handle;
	GLsync sync;
};

struct group {
	_Atomic unsigned references;
	struct names *names[NAMES_SHARED];
	pthread_mutex_t lock; /* what follows */
	struct mapping *mappings;
	size_t mapping_count;
	_Atomic unsigned mapped;
	_Atomic unsigned persistent; /* mappings that are used while mapped */
	struct sync_entry *syncs;
	size_t sync_count;
	uint64_t used[EXEC_USED]; /* what contexts that are gone have used (exec.h) */
	struct memo *memo;        /* what the driver does not tell again (memo.h) */
	struct lists *lists;      /* display lists (lists.h) */
	struct views *views;      /* textures that share storage (views.h) */
};

struct context {
	struct exec exec;
	unsigned id;
	char file[24];
	struct wire_mapping ring;
	EGLContext egl;
	EGLSurface own;    /* EGL_NO_SURFACE, or a pbuffer of this context alone */
	EGLContext helper; /* front.c's, to move colours; EGL_NO_CONTEXT before it is needed */
	EGLenum api;
	EGLint config;
	EGLint *attributes;      /* as the context was asked for, up to EGL_NONE */
	GLint version;           /* 45, 30, ...: of the driver's context */
	const struct told *told; /* told.h; the proxy's */
	bool core;               /* has no fixed function; known while a snapshot is taken */
	struct group *group;
	struct surface *draw;
	struct surface *read;
	pthread_t thread;
	bool stopped;
	bool parked; /* live.h; under its lock */
	bool gone;
	bool current;
	bool cannot_invert; /* the driver cannot read pictures top row first */
	bool front;         /* the program has named the front buffer, and may come back to it */
	GLenum draws;       /* GL_DRAW_BUFFER and GL_READ_BUFFER of the default framebuffer, */
	GLenum reads;       /* ... kept by front.c; 0 (none) before the first drawable */
	bool renewed;       /* the driver's context is new and has not seen its window yet */
	pthread_mutex_t debug_lock;
	struct debug_message *debug_messages;
	struct queries *queries;     /* what drivers that are gone have counted (queries.h) */
	struct feedbacks *feedbacks; /* what was captured (feedback.h) */
	struct debug *debug;         /* what debug output heeds (debug.h) */
	GLbitfield attribs[16];      /* what each glPushAttrib saved (stacks.h) */
	unsigned attrib_count;
	GLuint64 feedback_room;
	GLuint *feedback; /* selection and feedback buffers of the driver */
};

/* Makes a context; its ring's file is ring-ID. NULL with `reason` (an EGL error) on failure. */
struct context *context_create(struct proxy *proxy, struct context *share, EGLint config,
	EGLenum api, const EGLint *attributes, EGLint *reason);

/* A context of an earlier process, over the ring's file that is there; no driver's context and no
 * thread yet. Same group as `share` where that is given. NULL with a sentence. */
struct context *context_adopt(
	struct proxy *proxy, unsigned id, struct context *share, struct err *err);

/* Makes the driver's context as it was asked for; `share` is of the same group. */
bool context_open(struct context *context, const struct context *share);
bool context_start(struct context *context);

/* Closes the ring and waits until the thread has executed what is in it. */
void context_stop(struct context *context);

/* Stops and frees; takes NULL. */
void context_destroy(struct context *context);

/*
 * In the context's thread. NULL surfaces are none. GLX lets a window be current to several threads,
 * and to contexts of other configs, where EGL does not: such a context draws in a pbuffer of its
 * own and shows that in the window.
 */
bool context_make_current(struct context *context, struct surface *draw, struct surface *read);

/* A window changed its size: the context goes on with pbuffers of the new one. `ask`: ask the X
 * server now. */
void context_follow(struct context *context, bool ask);
void context_release(struct context *context);

/* Binds the driver's context with no thread's drawables but its own, for a snapshot. Which buffers
 * of the window it names a context without a drawable keeps as well, and tells none but one: a
 * context that once had a drawable gets a stand-in. */
bool context_bind_alone(const struct context *context);

/* Binds the driver's surfaces that the context's drawables and buffers stand for. */
bool context_bind(struct context *context);

/* Reads of the default framebuffer are from this surface of the driver until context_bind(); not
 * for contexts that draw in a pbuffer of their own. */
void context_read_from(struct context *context, EGLSurface surface);

/* Waits until another ring's reader has come to a position. */
void context_await(struct exec *x, unsigned ring, uint64_t position);

#endif
