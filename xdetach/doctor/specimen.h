/*
 * specimen.h: a program that holds what is hard to keep, and notices when it was not kept.
 *
 * It is what `glckpt doctor --smoke` launches, checkpoints and restores: a listening TCP socket
 * and a listening Unix socket, a socket pair, a pipe and a pseudo-terminal with bytes under way, a
 * memfd that is mapped and open, SysV shared memory, a timer, a child process, and a connection to
 * the X server where there is one. It counts into a file; every step is checked.
 */
#ifndef XDETACH_SPECIMEN_H
#define XDETACH_SPECIMEN_H

#include "base/err.h"

/*
 * Counts its steps in DIR/count until it is killed, or until something is not as it must be: then
 * it fails with what that is, and DIR/fault holds the same sentence. Never returns 0.
 */
int specimen_run(const char *dir, struct err *err);

/* The number in DIR/count; -1 while there is none. DIR/fault becomes the error. */
int specimen_count(const char *dir, long *count, struct err *err);

#endif
