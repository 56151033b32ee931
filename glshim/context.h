/*
 * context.h: contexts and surfaces as the program's side knows them; GLX and EGL are thin above it.
 *
 * A context is current to one thread at most. Contexts that share objects form a group; what one of
 * them says is kept in order with what the others have said before (context_order).
 */
#ifndef GLSHIM_CONTEXT_H
#define GLSHIM_CONTEXT_H

#include "glshim/call.h"
#include "glshim/names.h"
#include "glshim/process.h"

#define GROUP_MAPPINGS 1024

/* A mapped buffer, as the program sees it. */
struct shim_mapping {
	GLuint buffer; /* 0: a free entry */
	GLbitfield access;
	GLintptr offset;
	GLsizeiptr length;
	uint64_t block;
	bool unwaited; /* mapped without asking the proxy */
	bool shadowed; /* the block is a place in the buffer's copy (shadow.h) */
};

#define GROUP_BUFFERS 1024 /* remembered by the low bits of their names */

/* What is known of a buffer's store, from the call that made it. */
struct shim_store {
	GLuint buffer; /* 0: nothing is known */
	GLsizeiptr size;
	GLbitfield flags; /* of glBufferStorage */
	bool mutable_store;

	/* shadow.h's: */
	bool shadowless;   /* no copy is made any more */
	unsigned waits;    /* mappings that a copy would have been good for */
	uint64_t shadow;   /* the copy; 0: none */
	uint64_t unmapped; /* the ring's position where the copy was last to be read */
};

struct shim_group {
	_Atomic uint32_t links; /* programs linked so far: what is known of older ones is void */
	_Atomic bool compiles;  /* display lists have been made */
	_Atomic uint32_t references;
	pthread_mutex_t lock; /* what follows */
	struct shim_context *contexts;
	struct shim_names names[NAMES_SHARED];
	struct shim_names shaders; /* which of the programs' names are shaders */
	struct shim_names written; /* which buffers may be written by others (shadow.h) */
	struct shim_store stores[GROUP_BUFFERS];
	struct shim_mapping mappings[GROUP_MAPPINGS];
	unsigned mapping_count;
};

/* Where a buffer's store is kept, if it is known at all. */
static inline struct shim_store *shim_store_slot(struct shim_group *group, GLuint buffer)
{
	return &group->stores[buffer % GROUP_BUFFERS];
}

struct surface {
	unsigned number; /* in the proxy */
	int kind;        /* as glproxy's surface_kind: 1 pbuffer, 2 window, 3 pixmap */
	unsigned flags;
	uint32_t drawable;
	unsigned width, height; /* of a pbuffer */
	_Atomic uint32_t references;
	struct shim_context *owner; /* current to this context */

	/* EGL's pbuffers as textures: a copy, made when the surface is bound and made anew when a
	 * context turns away from it. */
	bool bound;
	GLuint texture;
	GLint level;
	GLenum format;
};

struct context {
	struct shim_context shim;
	char own_names[sizeof(struct shim_names) * NAMES_CLASSES];
	_Atomic uint32_t current; /* to some thread */
	bool doomed;              /* destroyed when it is no longer current */
	int config;               /* of the driver; -1: none */
	int api_version;          /* 0: desktop GL; else the major version of ES */
	struct surface *draw;
	struct surface *read;
	void *tag; /* GLX's or EGL's own, from the heap: goes with the context */
};

/* The context that is current where none is. */
struct shim_context *context_none(void);

/* `attributes` are EGL's, closed by EGL_NONE; `count` counts all of them. NULL with an EGL error in
 * `reason`. */
struct context *context_create(struct context *share, int config, unsigned api,
	const int *attributes, unsigned count, unsigned *reason);

/* Destroys it, now or when it is no longer current. */
void context_destroy(struct context *context);

/* The calling thread's context; NULL for none. */
struct context *context_current(void);

/* 0, or an EGL error. NULL surfaces: none; context NULL: the thread's context is let go. */
unsigned context_make_current(struct context *context, struct surface *draw, struct surface *read);

/* The last context of a group goes, and with it buffers that are mapped (buffer.c). */
void buffers_finish(struct shim_context *self);

/* What other contexts of the group have said so far is executed before what this one says next. */
void context_order(struct shim_context *self);

struct surface *surface_create(int kind, int config, unsigned flags, unsigned width,
	unsigned height, const char *display, uint32_t drawable);

/* Of the program's hands; a context that is current with it keeps it until it lets go. */
void surface_destroy(struct surface *surface);

/* Binds a surface to the current context's texture; copies one into a pixmap. False where the
 * current context cannot read it. */
bool surface_bind(struct surface *surface, int level, unsigned format);
bool surface_to_pixmap(const struct surface *surface, const char *display, uint32_t pixmap);

/* Shows the current context's picture in its window; width 0: all of it. */
void surface_swap(struct surface *surface, int x, int y, int width, int height);

#endif
