/*
 * told.h: what a program has been told of its OpenGL, and is told ever after.
 *
 * A program reads strings, extensions, limits and configs, and relies on them from then on. So each
 * kind of context (its API and attributes) is told them once, as the profile has it (profile.h),
 * when the first of the kind is made current; and is told the same by later proxies, on other
 * drivers too, since what was told is in every snapshot. told_check() says beforehand whether a
 * driver can keep that word.
 *
 * Limits that are not in the profile's table, and the lists of compressed and binary formats, are
 * the driver's own.
 */
#ifndef GLPROXY_TOLD_H
#define GLPROXY_TOLD_H

#include "glproxy/context.h"
#include "glproxy/profile.h"
#include "glproxy/snapshot_record.h"

#define TOLD_TEXTS 4 /* GL_VENDOR, GL_RENDERER, GL_VERSION, GL_SHADING_LANGUAGE_VERSION */

struct told_limit {
	GLenum pname;
	uint32_t reserved;
	double values[2];
};

/* What contexts of one kind are told. */
struct told {
	struct told *next;
	EGLenum api;
	EGLint *attributes; /* up to EGL_NONE */
	size_t attributes_size;
	char *texts[TOLD_TEXTS];
	char *extensions;          /* each with a space behind it */
	char *driver;              /* who told it: renderer and version */
	struct told_limit *limits; /* in the order of their names */
	size_t limit_count;
};

struct told *told_create(EGLenum api, const void *attributes, size_t size);
void told_destroy(struct told *told); /* takes NULL */

/* Asks the driver, whose context is current, and forgets its errors. */
void told_ask(struct told *told, const struct driver *gl);

/* Gives it to the proxy; under its lock where there are other threads. */
void told_add(struct proxy *proxy, struct told *told);

/* Frees what a proxy has. */
void told_finish(struct proxy *proxy);

/* What a context is told; its thread calls. NULL: what the driver says. */
const struct told *told_of(struct context *context);

/* ... what it has been told; NULL: nothing. Takes NULL: objects looked at without a context. */
const struct told *told_known(struct context *context);

/* Whether the driver, current with a context, is another than the one that told it. */
bool told_by_another(const struct told *told, const struct driver *gl);

/* ---- answers; `told` may be NULL ---- */

/* Of glGetString, or NULL where it is the driver's to answer. */
const char *told_text(const struct told *told, GLenum name);

/* The version that was told, as 45. */
GLint told_version(const struct told *told);

/* An extension by its number, not ended: `length`; NULL behind the last. */
const char *told_extension(const struct told *told, GLint index, size_t *length);
GLint told_extension_count(const struct told *told);

/* Of glGet; false where it is the driver's to answer. */
bool told_limit(const struct told *told, GLenum pname, double values[2]);

/* ---- configs (told_config.c) ---- */

/* What the program is told of configs. The array is the proxy's. */
const struct wire_config *told_configs(struct proxy *proxy, size_t *count);

/* The driver's config for one that was told: the same, or one just like it. */
EGLConfig told_driver_config(const struct proxy *proxy, EGLint id);

/* ---- snapshots (told_snapshot.c, told_check.c) ---- */

/* Appends records of all that was told; they come first in a snapshot. */
void told_put(const struct proxy *proxy, struct buf *image);

/* Takes such a record over; 0, also for other records, or -1. */
int told_adopt(struct proxy *proxy, uint32_t tag, struct span record, struct err *err);

/* Whether the driver here can keep the word that the snapshots in a folder gave: 0, or -1 with a
 * sentence that says what it lacks. */
int told_check(const char *directory, struct err *err);

/* Prints, as JSON, by which profile and driver the programs of snapshots were told. */
int told_print(const char *directory, struct err *err);

/* Prints, as JSON, the driver here and the profiles that it can keep. */
int told_describe(struct err *err);

#endif
