#define _GNU_SOURCE
#include "xdetach/batch/run.h"
#include "xdetach/cmd.h"
#include "xdetach/session/plan.h"

#include <string.h>

static int option_keep_image, option_node_tmp, option_requeue, option_again = STATUS_AGAIN;
static char *option_image, *option_every, *option_notice_file;
static const char *option_grace = "30s";
static char **option_notice;

static const struct poptOption options[] = {
	{"image", '\0', POPT_ARG_STRING, &option_image, 0, "the job's own folder for its images",
		"DIR"},
	{"every", '\0', POPT_ARG_STRING, &option_every, 0,
		"take an image that often, too; the last two are kept", "TIME"},
	{"grace", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_grace, 0,
		"what is left after a notice", "TIME"},
	{"notice", '\0', POPT_ARG_ARGV, &option_notice, 0,
		"a notice besides TERM and USR1: INT, HUP or USR2 (repeatable)", "SIGNAL"},
	{"notice-file", '\0', POPT_ARG_STRING, &option_notice_file, 0,
		"a notice, too, as soon as FILE is there", "FILE"},
	{"again-status", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &option_again, 0,
		"exit status when it is to be started again", "STATUS"},
	{"requeue", '\0', POPT_ARG_NONE, &option_requeue, 0, "have Slurm requeue the job then",
		NULL},
	{"keep-image", '\0', POPT_ARG_NONE, &option_keep_image, 0,
		"keep the last images when the command has ended", NULL},
	{"node-tmp", '\0', POPT_ARG_NONE, &option_node_tmp, 0,
		"leave TMPDIR alone, which else is in DIR and comes along", NULL},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)plan_session_options, 0, NULL, NULL},
	POPT_TABLEEND,
};

static int add_notice(sigset_t *notices, const char *name, struct err *err)
{
	static const int allowed[] = {SIGINT, SIGHUP, SIGUSR2};
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < array_len(allowed); i++) {
		if (strcmp(name, sigabbrev_np(allowed[i])))
			continue;
		sigaddset(notices, allowed[i]);
		return 0;
	}
	return err_set_status(err, STATUS_USAGE, "'%s' cannot be a notice: INT, HUP or USR2", name);
}

static int read_notices(sigset_t *notices, struct err *err)
{
	sigemptyset(notices);
	sigaddset(notices, SIGTERM);
	sigaddset(notices, SIGUSR1);
	for (char **name = option_notice; name && *name; name++)
		if (add_notice(notices, *name, err) < 0)
			return -1;
	return 0;
}

/* No time at all is a grace as well. */
static int read_grace(unsigned *seconds, struct err *err)
{
	const char *unit = option_grace + strspn(option_grace, "0");
	if (unit > option_grace && (!*unit || (strchr("smh", *unit) && !unit[1]))) {
		*seconds = 0;
		return 0;
	}
	return cmd_parse_duration(option_grace, seconds, err);
}

static int read_options(struct run_options *run, struct err *err)
{
	if (!option_image)
		return err_set_status(err, STATUS_USAGE, "--image DIR is missing");
	if (option_again < 1 || option_again > 255)
		return err_set_status(
			err, STATUS_USAGE, "%d cannot be an exit status: 1 to 255", option_again);
	if (option_every && cmd_parse_duration(option_every, &run->every_s, err) < 0)
		return -1;
	if (read_grace(&run->grace_s, err) < 0)
		return -1;
	run->dir = option_image;
	run->again_status = option_again;
	run->keep_image = option_keep_image;
	run->requeue = option_requeue;
	run->node_tmp = option_node_tmp;
	run->notice_file = option_notice_file;
	return read_notices(&run->notices, err);
}

static int run(const char **arguments, struct err *err)
{
	struct run_options run = {.command = arguments};
	int status = read_options(&run, err);
	if (status == 0)
		status = run_job(&run, err);
	if (status < 0 && err->status == STATUS_FAILED)
		err->status = STATUS_GLCKPT;
	return status;
}

const struct cmd cmd_run = {
	.name = "run",
	.arguments = "--image=DIR [--] command [argument...]",
	.summary = "run a batch job that loses nothing when it is preempted",
	.details =
		"Takes up the newest sound image in DIR, else launches the command. SIGTERM or "
		"SIGUSR1 lead\nto a last image in DIR, if the grace suffices for one, and to "
		"status 85: start the same\ncommand again, here or elsewhere. When the command "
		"ends by itself its images are removed\nand its status is passed on; killed by a "
		"signal, they stay. What it does it says on standard\nerror. Give --every where "
		"a node may die, or the grace be short. TIME is in seconds, or as\n90s, 10m, 2h. "
		"Job scripts for your scheduler: docs/farms.md.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = -1,
	.run = run,
};
