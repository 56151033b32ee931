/*
 * entry.h: the entry point of every name (generated).
 */
#ifndef GLSHIM_ENTRY_H
#define GLSHIM_ENTRY_H

#include "base/scope.h"

#include <stddef.h>

struct shim_entry {
	const char *name;
	void (*function)(void);
};

extern const struct shim_entry shim_entries[];
extern const size_t shim_entry_count;

/* NULL for a name that is not offered. */
void (*shim_entry_find(const char *name))(void);

#endif
