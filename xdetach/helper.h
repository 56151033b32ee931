/*
 * helper.h: a helper of ours that goes on in the background, and says first how it began.
 *
 * It belongs to nobody: neither to the command that starts it nor to its session, terminal or job.
 * Its standard streams are /dev/null (with GLCKPT_DEBUG it keeps standard error), its working
 * folder is the command's. Of other descriptors it has its report alone, HELPER_REPORT_FD: it
 * writes one word or one sentence there, and closes it.
 */
#ifndef XDETACH_HELPER_H
#define XDETACH_HELPER_H

#include "base/err.h"

#include <sys/types.h>

#define HELPER_REPORT_FD 3

struct helper {
	pid_t pid;
	char report[ERR_TEXT_MAX]; /* "" where it ended without one */
};

/* Starts `program` (paths_helper()) and waits for its report. `argv` ends with NULL. */
int helper_start(
	struct helper *helper, const char *program, const char *const *argv, struct err *err);

#endif
