/*
 * cmd.h: one subcommand, one file, one struct.
 *
 * Each xdetach/cmd/NAME.c ends in `const struct cmd cmd_NAME`; main() finds it by name, and usage,
 * help and the manual's option list come from its popt table.
 */
#ifndef XDETACH_CMD_H
#define XDETACH_CMD_H

#include "base/err.h"

#include <popt.h>

struct cmd {
	const char *name;
	const char *arguments; /* as shown behind the options: "SESSION", "-- command ..." */
	const char *summary;   /* one line for `glckpt help` */
	const char *details;   /* paragraphs for `glckpt NAME --help`, or NULL */
	const struct poptOption *options;
	/*
	 * Runs it. `arguments` are what is left behind the options, NULL-terminated. Returns the
	 * exit status; a failure fills `err`, whose status is then used when the result is
	 * negative.
	 */
	int (*run)(const char **arguments, struct err *err);
};

#endif
