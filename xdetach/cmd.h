/*
 * cmd.h: one subcommand, one file, one struct.
 *
 * Each xdetach/cmd/NAME.c ends in `const struct cmd cmd_NAME`; main() finds it by name, and usage,
 * help and the manual's option list come from its popt table.
 */
#ifndef XDETACH_CMD_H
#define XDETACH_CMD_H

#include "base/err.h"

#include <jansson.h>
#include <popt.h>
#include <stdint.h>

struct cmd {
	const char *name;
	const char *arguments; /* as shown behind the options: "SESSION", "-- command ..." */
	const char *summary;   /* one line for `glckpt help` */
	const char *details;   /* paragraphs for `glckpt NAME --help`, or NULL */
	const struct poptOption *options;
	int min_arguments, max_arguments; /* behind the options; max -1: any number */
	/*
	 * Runs it. `arguments` are what is left behind the options, NULL-terminated. Returns the
	 * exit status, or -1 with the error, whose status is then used.
	 */
	int (*run)(const char **arguments, struct err *err);
};

/* The commands, in the order in which help shows them; NULL-terminated. */
extern const struct cmd *const cmd_all[];

/* Prints `value` on standard output and drops it. */
int cmd_print_json(json_t *value, struct err *err);

/* Flushes standard output; a full disk or a closed pipe is an error. */
int cmd_flush(struct err *err);

/* "90", "90s", "10m", "2h" in seconds, 1 or more. */
int cmd_parse_duration(const char *text, unsigned *seconds, struct err *err);

/* 1536 -> "1.5 KiB"; the text lies in `text`, which is returned. */
const char *cmd_format_bytes(char text[32], double bytes);
const char *cmd_format_duration(char text[32], double seconds);

/* A bar on standard error, where that is a terminal; `done` >= `total` ends the line. */
void cmd_progress(const char *what, uint64_t done, uint64_t total);

#endif
