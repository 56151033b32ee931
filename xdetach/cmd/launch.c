#include "xdetach/cmd.h"
#include "xdetach/session/plan.h"
#include "xdetach/session/start.h"

static int option_detach, option_terminal;
static char *option_image_dir, *option_every;

static const struct poptOption options[] = {
	{"detach", 'd', POPT_ARG_NONE, &option_detach, 0,
		"return when it runs, and print the session's name", NULL},
	{"terminal", 't', POPT_ARG_NONE, &option_terminal, 0, "give it a terminal", NULL},
	{"image-dir", '\0', POPT_ARG_STRING, &option_image_dir, 0,
		"folder for images without a name of their own", "DIR"},
	{"every", '\0', POPT_ARG_STRING, &option_every, 0,
		"take a checkpoint that often; the last two are kept", "TIME"},
	{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)plan_session_options, 0, NULL, NULL},
	POPT_TABLEEND,
};

static int start_plan(struct plan *plan, const struct namespace_clock *clock, struct err *err)
{
	struct start start = {.plan = plan, .clock = *clock, .detach = option_detach};
	int status = start_session(&start, err);
	if (status == 0 && option_detach) {
		puts(plan->session.name);
		status = cmd_flush(err);
	}
	return status;
}

static int prepare_and_start(const char **command, struct err *err)
{
	struct plan_launch launch = {
		.command = command,
		.image_dir = option_image_dir,
		.terminal = option_terminal,
	};
	if (option_every && cmd_parse_duration(option_every, &launch.every_s, err) < 0)
		return -1;
	scoped(plan_finish) struct making making = {0};
	if (plan_launch(&making, &launch, err) < 0)
		return -1;
	return start_plan(&making.plan, &making.clock, err);
}

static int run(const char **arguments, struct err *err)
{
	int status = prepare_and_start(arguments, err);
	if (status < 0 && err->status == STATUS_FAILED)
		err->status = STATUS_GLCKPT;
	return status;
}

const struct cmd cmd_launch = {
	.name = "launch",
	.arguments = "[--] command [argument...]",
	.summary = "run a program under checkpoint control",
	.details = "In the foreground it passes signals on and ends with the program's status, or "
		   "with 85\nwhen the session was checkpointed with --stop. TIME is in seconds, or "
		   "as 90s, 10m, 2h.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = -1,
	.run = run,
};
