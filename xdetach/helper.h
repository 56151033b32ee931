/*
 * helper.h: a helper of ours that goes on in the background, and says first how it began.
 *
 * It belongs to nobody: neither to the command that starts it nor to its session, terminal or job.
 * Its standard streams are /dev/null (with GLCKPT_DEBUG it keeps standard error), its working
 * folder is the command's. Of other descriptors it has its report, HELPER_REPORT_FD, where it
 * writes one word or one sentence, and closes it; and HELPER_LOCK_FD, the lock of its folder, where
 * it has one (base/lockdir.h).
 */
#ifndef XDETACH_HELPER_H
#define XDETACH_HELPER_H

#include "base/err.h"

#include <sys/types.h>

#define HELPER_REPORT_FD 3
#define HELPER_LOCK_FD 4

struct helper {
	pid_t pid;
	char report[ERR_TEXT_MAX]; /* "" where it ended without one */
};

/* Starts `program` (paths_helper()) and waits for its report. `argv` ends with NULL. `lock` is -1
 * or the caller's, whose folder is the helper's from then on. */
int helper_start(struct helper *helper, const char *program, const char *const *argv, int lock,
	struct err *err);

#endif
