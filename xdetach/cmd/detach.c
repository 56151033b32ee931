#include "xdetach/cmd.h"
#include "xdetach/session/view.h"

static const struct poptOption options[] = {POPT_TABLEEND};

static int run(const char **arguments, struct err *err)
{
	json_t *answer = view_ask(arguments[0], 0, json_pack("{s:s}", "op", "detach"), err);
	json_decref(answer);
	return answer ? 0 : -1;
}

const struct cmd cmd_detach = {
	.name = "detach",
	.arguments = "SESSION",
	.summary = "let viewers go of a session, until it is attached again",
	.details = "Viewers stay connected and see the last picture. Checkpoints do this by "
		   "themselves; by hand it\nis for other programs that are to dump the session's "
		   "processes.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
