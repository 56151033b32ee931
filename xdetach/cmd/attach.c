#include "xdetach/cmd.h"
#include "xdetach/session/view.h"

static const struct poptOption options[] = {POPT_TABLEEND};

static int run(const char **arguments, struct err *err)
{
	json_t *answer = view_ask(arguments[0], 0, json_pack("{s:s}", "op", "attach"), err);
	json_decref(answer);
	return answer ? 0 : -1;
}

const struct cmd cmd_attach = {
	.name = "attach",
	.arguments = "SESSION",
	.summary = "let viewers see a session again that was detached",
	.details = "Nothing has to be done after a checkpoint or a restore: that goes by itself.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
