/*
 * action.h: what a button does, done by a `glckpt` of its own.
 *
 * What a user could type is what runs, so that the page does exactly what the command does and says
 * what it says; a server with many threads neither forks sessions nor is held up by one. In its own
 * process group: Ctrl-C at the server leaves a restore that is under way alone. Any thread.
 */
#ifndef XDETACH_WEB_ACTION_H
#define XDETACH_WEB_ACTION_H

#include "base/buf.h"
#include "base/err.h"

#define ACTION_WORDS 10

/* Runs `glckpt WORDS...` (NULL-terminated) to its end. What it printed goes into `out`; what it
 * said when it failed is the error. `glckpt`: its path. */
int action_run(const char *glckpt, const char *const *words, struct buf *out, struct err *err);

#endif
