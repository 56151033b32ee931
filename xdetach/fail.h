/*
 * fail.h: every failure point of launch, checkpoint and restore can be forced by name.
 *
 * GLCKPT_FAIL=NAME (for `glckpt launch`, `checkpoint` and `restore`) makes the point called NAME
 * fail as if the system had; GLCKPT_FAIL=NAME:kill ends the process there as kill -9 would. The
 * tests go through all of FAIL_POINTS.
 */
#ifndef XDETACH_FAIL_H
#define XDETACH_FAIL_H

#include "base/err.h"

/* In the order in which they are met. */
#define FAIL_POINTS                                                                          \
	"launch-namespace", "launch-stub", "checkpoint-begin", "checkpoint-freezing",        \
		"checkpoint-frozen", "checkpoint-dumped", "checkpoint-stored",               \
		"checkpoint-publish", "restore-namespace", "restore-begin", "restore-files", \
		"restore-serve", "restore-done"

/* Chooses the point to fail at: the value of GLCKPT_FAIL, or NULL for none. Borrowed. */
void fail_choose(const char *point);

/* -1 with the error set where this point was chosen, else 0. */
int fail_here(const char *point, struct err *err);

#endif
