/*
 * memory.h: memory that can be shared with the private X server (a memfd, because a session has an
 * IPC namespace of its own).
 *
 * Its size is sealed: the session cannot take it away from under the bridge. All zeros at first.
 */
#ifndef VNC_MEMORY_H
#define VNC_MEMORY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct memory {
	uint8_t *bytes; /* NULL: none */
	size_t size;
	int fd;
};

int memory_init(struct memory *memory, size_t size, struct err *err);
void memory_finish(struct memory *memory);

#endif
