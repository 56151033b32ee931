/*
 * scheduler.h: the batch system around `glckpt run`, as far as it shows in the environment.
 *
 * Slurm is known: SLURM_JOB_ID, SLURM_RESTART_COUNT (unset at the first start), SLURMD_NODENAME,
 * SLURM_ARRAY_JOB_ID and SLURM_ARRAY_TASK_ID. Elsewhere nothing is known, and nothing needed.
 */
#ifndef XDETACH_SCHEDULER_H
#define XDETACH_SCHEDULER_H

#include "base/err.h"

struct scheduler {
	const char *job; /* borrowed from the environment; NULL: no scheduler that is known */
	long start;      /* how often the job was started before */
	char who[160];   /* "job 17, restart 1, on node7: " to begin a line with, or "" */
};

void scheduler_init(struct scheduler *scheduler);

/* Has the job put back into the queue: `scontrol requeue`. */
int scheduler_requeue(const struct scheduler *scheduler, struct err *err);

#endif
