/*
 * log.h: what a process says about itself, on standard error.
 *
 * A line is `NAME: text` or, below the warnings, `NAME: debug: text`. Lines are written with one
 * write(2) each, so that processes sharing a log do not mix within a line. Thread-safe. errno is
 * kept. Debug lines appear where GLCKPT_DEBUG is set in the environment.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/scope.h"

/* Names the process in its lines; `name` must outlive every line. Call once, before threads. */
void log_name(const char *name);

void log_line(const char *format, ...) printf_like(1, 2);
void log_debug(const char *format, ...) printf_like(1, 2);

#endif
