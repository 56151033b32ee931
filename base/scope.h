/*
 * scope.h: locals that clean up after themselves.
 *
 * A local marked with one of these attributes is released when its scope ends, on every path.
 * Giving the value away is written steal_fd(&fd) or steal_ptr(&p), so that the place where an
 * owner changes can be read off the line. Descriptors start at -1, pointers at NULL.
 */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define scoped(finish) __attribute__((cleanup(finish)))
#define scoped_fd scoped(scope_close_fd)
#define scoped_free scoped(scope_free)
#define scoped_file scoped(scope_close_file)
#define scoped_dir scoped(scope_close_dir)

/* Marks printf-like functions: `text` and `first` count from 1. */
#define printf_like(text, first) __attribute__((__format__(__printf__, text, first)))

#define array_len(a) (sizeof(a) / sizeof((a)[0]))

static inline void scope_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void scope_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void scope_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void scope_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Hands over the descriptor; the local holds nothing afterwards. */
static inline int steal_fd(int *fd)
{
	int given = *fd;
	*fd = -1;
	return given;
}

static inline void *steal_pointer(void *pointer)
{
	void *given = *(void **)pointer;
	*(void **)pointer = NULL;
	return given;
}

/* Hands over the pointer, keeping its type; the local is NULL afterwards. */
#define steal_ptr(p) ((__typeof__(*(p)))steal_pointer(p))

#endif
