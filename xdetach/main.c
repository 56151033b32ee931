/*
 * glckpt: finds the subcommand, reads its options, runs it, prints the error.
 */
#include "base/log.h"
#include "xdetach/cmd.h"

#include <string.h>

static void print_help(void)
{
	printf("Usage: glckpt COMMAND [OPTION...]\n\n"
	       "Stops OpenGL and X programs, keeps them as a directory, takes them up again.\n\n");
	for (const struct cmd *const *cmd = cmd_all; *cmd; cmd++)
		printf("  %-12s %s\n", (*cmd)->name, (*cmd)->summary);
	printf("\n`glckpt COMMAND --help` tells more of each. Exit status: the command's own for\n"
	       "launch and restore; else 0 done, 1 failed, 2 wrong usage, 85 checkpointed (run it\n"
	       "again), 125 glckpt failed, 126 not executable, 127 not found.\n");
}

static const struct cmd *find(const char *name)
{
	for (const struct cmd *const *cmd = cmd_all; *cmd; cmd++)
		if (!strcmp((*cmd)->name, name))
			return *cmd;
	return NULL;
}

/* Help goes to standard output, and names the details behind the options. */
static void print_command_help(poptContext context, const struct cmd *cmd)
{
	poptPrintHelp(context, stdout, 0);
	if (cmd->details)
		printf("\n%s\n", cmd->details);
}

static int usage_error(const struct cmd *cmd, const char *text, const char *argument)
{
	log_line("%s: %s%s%s; see `glckpt %s --help`", cmd->name, argument, *argument ? ": " : "",
		text, cmd->name);
	return STATUS_USAGE;
}

static int count(const char **arguments)
{
	int number = 0;
	while (arguments && arguments[number])
		number++;
	return number;
}

static int run(const struct cmd *cmd, const char **arguments)
{
	static const char *none[] = {NULL};
	struct err err = ERR_INIT;
	int number = count(arguments);
	if (number < cmd->min_arguments)
		return usage_error(cmd, "an argument is missing", "");
	if (cmd->max_arguments >= 0 && number > cmd->max_arguments)
		return usage_error(cmd, "one argument too many", arguments[cmd->max_arguments]);
	int status = cmd->run(arguments ? arguments : none, &err);
	if (err_is_set(&err))
		log_line("%s: %s", cmd->name, err.text);
	if (status >= 0)
		return status;
	return err_is_set(&err) ? err.status : STATUS_FAILED;
}

static int parse_and_run(const struct cmd *cmd, int argc, const char **argv)
{
	int help = 0;
	const struct poptOption options[] = {
		{NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)cmd->options, 0, "Options:", NULL},
		{"help", '\0', POPT_ARG_NONE, &help, 0, "show this help", NULL},
		POPT_TABLEEND,
	};
	char title[64];
	snprintf(title, sizeof(title), "glckpt %s", cmd->name);
	argv[0] = title;
	/* Behind a command that is to be run all words are its own. */
	unsigned order = cmd->max_arguments < 0 ? POPT_CONTEXT_POSIXMEHARDER : 0;
	poptContext context = poptGetContext(NULL, argc, argv, options, order);
	poptSetOtherOptionHelp(context, cmd->arguments ? cmd->arguments : "");
	int result = poptGetNextOpt(context);
	int status;
	if (result < -1) {
		status = usage_error(
			cmd, poptStrerror(result), poptBadOption(context, POPT_BADOPTION_NOALIAS));
	} else if (help) {
		print_command_help(context, cmd);
		status = STATUS_OK;
	} else {
		status = run(cmd, poptGetArgs(context));
	}
	poptFreeContext(context);
	return status;
}

int main(int argc, char **argv)
{
	log_name("glckpt");
	if (argc < 2) {
		log_line("no command; see `glckpt help`");
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help")) {
		print_help();
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("glckpt " GLCKPT_VERSION);
		return STATUS_OK;
	}
	const struct cmd *cmd = find(argv[1]);
	if (!cmd) {
		log_line("there is no command %s; see `glckpt help`", argv[1]);
		return STATUS_USAGE;
	}
	return parse_and_run(cmd, argc - 1, (const char **)argv + 1);
}
