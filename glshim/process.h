/*
 * process.h: the application process's side of its proxy: the run directory, the control ring, the
 * heap file. Made at the first use of GL, once for the process; after fork() the child has none and
 * makes its own.
 */
#ifndef GLSHIM_PROCESS_H
#define GLSHIM_PROCESS_H

#include "glshim/call.h"
#include "wire/config.h"

#include <pthread.h>

#define PROCESS_CONFIGS 256

struct process {
	char directory[96];
	char *heap;
	struct shim_context control;
	struct wire_config configs[PROCESS_CONFIGS];
	unsigned config_count;
};

/* The process's connection, made when there is none. NULL: there is no proxy (said once on standard
 * error). Thread-safe. */
struct process *process_get(void);

/* The same without making one. */
struct process *process_have(void);

/* Held while something is sent on the control ring. */
void process_lock(void);
void process_unlock(void);

/* Maps a ring of the run directory. */
bool process_map_ring(struct process *process, const char *name, struct wire_mapping *map);
void process_unmap_ring(struct wire_mapping *map);

/* Whether the proxy still lives. No system call but on a file of the run directory. */
bool process_alive(struct process *process);

/* Starts the writer's side of a freshly mapped ring. */
void process_begin_ring(struct shim_context *self, const struct wire_mapping *map);

/* ---- blocks of the heap file (heap.c) ---- */

/* An offset into the heap file, 0 when there is none left; a block is at least `size` long. */
uint64_t heap_take(size_t size);
void heap_give(uint64_t block, size_t size);
void heap_forget(void);

#endif
