#include "xdetach/batch/scheduler.h"

#include "xdetach/paths.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void describe(struct scheduler *scheduler)
{
	const char *node = getenv("SLURMD_NODENAME");
	const char *array = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID");
	char name[64];
	if (array && task)
		snprintf(name, sizeof(name), "%s_%s", array, task);
	else
		snprintf(name, sizeof(name), "%s", scheduler->job);
	snprintf(scheduler->who, sizeof(scheduler->who), "job %s, restart %ld%s%s: ", name,
		scheduler->start, node ? ", on " : "", node ? node : "");
}

void scheduler_init(struct scheduler *scheduler)
{
	const char *count = getenv("SLURM_RESTART_COUNT");
	*scheduler = (struct scheduler){.job = getenv("SLURM_JOB_ID")};
	if (count)
		scheduler->start = strtol(count, NULL, 10);
	if (scheduler->job)
		describe(scheduler);
}

static void exec_scontrol(const char *program, const char *job)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(program, "scontrol", "requeue", job, (char *)NULL);
	_exit(STATUS_NOT_EXEC);
}

int scheduler_requeue(const struct scheduler *scheduler, struct err *err)
{
	int status;
	if (!scheduler->job)
		return err_set(err, "there is no SLURM_JOB_ID: not a job of Slurm");
	scoped_free char *program = paths_program("scontrol");
	if (!program)
		return err_set(err, "scontrol: not found in $PATH");
	pid_t pid = fork();
	if (pid == 0)
		exec_scontrol(program, scheduler->job);
	if (pid < 0)
		return err_errno(err, "fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return err_set(err, "scontrol requeue %s failed", scheduler->job);
	return 0;
}
