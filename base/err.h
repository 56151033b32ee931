/*
 * err.h: what went wrong, as one sentence, and the exit status it leads to.
 *
 * A function that can fail ends with `struct err *err` and returns 0 or -1 (or a value and NULL).
 * The error is filled once, where the cause is known; each caller may put one short context in
 * front of it; only main() and the session's loop print it:
 *
 *	checkpoint: image: manifest: No space left on device
 *
 * An err belongs to one thread. It may be NULL wherever the caller does not care. A second
 * err_set() on a filled error is ignored, so that the first cause is the one the user reads.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/scope.h"

#include <stdbool.h>

/* The exit statuses glckpt documents for itself (README, "Exit status"). */
enum err_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,      /* it did not work; the sentence says why */
	STATUS_USAGE = 2,       /* the command line is wrong */
	STATUS_AGAIN = 85,      /* checkpointed: run the same command again */
	STATUS_GLCKPT = 125,    /* glckpt itself failed before the command could run */
	STATUS_NOT_EXEC = 126,  /* the command was found and cannot be executed */
	STATUS_NOT_FOUND = 127, /* the command was not found */
};

#define ERR_TEXT_MAX 2048

struct err {
	int status; /* enum err_status; 0 while nothing is wrong */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT  \
	{         \
		0 \
	}

/* Sets the sentence with STATUS_FAILED. Returns -1, so that callers write `return err_set(...)`. */
int err_set(struct err *err, const char *format, ...) printf_like(2, 3);

/* As err_set(), with ": " and the text of errno behind the sentence. */
int err_errno(struct err *err, const char *format, ...) printf_like(2, 3);

/* As err_set(), with another exit status. */
int err_set_status(struct err *err, int status, const char *format, ...) printf_like(3, 4);

/* Puts a context and ": " in front of a filled error; does nothing to an empty one. Returns -1. */
int err_context(struct err *err, const char *format, ...) printf_like(2, 3);

static inline bool err_is_set(const struct err *err)
{
	return err->status != 0;
}

#endif
