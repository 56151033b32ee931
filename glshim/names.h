/*
 * names.h: which of a class's names are in use: a bitmap, lowest free name first, as drivers do it.
 *
 * Names of shaders and programs are never given out again: an object lives on under its name while
 * it is attached or in use, and only the driver knows how long. All memory is reserved address
 * space that the kernel fills when it is touched. Thread-safe.
 */
#ifndef GLSHIM_NAMES_H
#define GLSHIM_NAMES_H

#include "wire/gltypes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NAMES_MAX (1u << 24)

struct shim_names {
	_Atomic uint32_t lock;
	uint32_t first_word; /* no word before it has a free name */
	bool once;           /* names are not used again */
	uint64_t *words;
};

/* Address space for `count` classes; false without. */
bool names_init(struct shim_names *names, unsigned count);
void names_finish(struct shim_names *names, unsigned count);

/* One that somebody else chose; and whether a name is in use. */
void names_note(struct shim_names *names, GLuint name);
bool names_has(const struct shim_names *names, GLuint name);

#endif
