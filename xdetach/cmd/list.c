#include "base/io.h"
#include "xdetach/cmd.h"
#include "xdetach/session/session.h"
#include "xdetach/session/view.h"

#include <string.h>

static int option_json;

static const struct poptOption options[] = {
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON", NULL},
	POPT_TABLEEND,
};

static void collect(const char *name, json_t *status, void *data)
{
	json_object_del(status, "event");
	json_array_append(data, status);
}

static void print_command(const json_t *words)
{
	size_t i;
	json_t *word;
	json_array_foreach (words, i, word)
		printf("%s%s", i ? " " : "", json_string_value(word));
	putchar('\n');
}

static void print_line(const json_t *status)
{
	char uptime[32], memory[32], display[16] = "-";
	const json_t *screen = json_object_get(status, "display");
	if (json_is_object(screen))
		snprintf(display, sizeof(display), ":%d",
			(int)json_integer_value(json_object_get(screen, "number")));
	printf("%-20s %-13s %8s %10s %8s %3d  ", json_string_value(json_object_get(status, "name")),
		json_string_value(json_object_get(status, "state")),
		cmd_format_duration(uptime, json_number_value(json_object_get(status, "uptime_s"))),
		cmd_format_bytes(memory, json_number_value(json_object_get(status, "memory"))),
		display, (int)json_integer_value(json_object_get(status, "generation")));
	print_command(json_object_get(status, "command"));
}

static int run(const char **arguments, struct err *err)
{
	json_t *sessions = json_array();
	view_clear_up();
	if (session_each(collect, sessions, err) < 0) {
		json_decref(sessions);
		return -1;
	}
	if (option_json)
		return cmd_print_json(sessions, err);
	size_t i;
	json_t *status;
	if (json_array_size(sessions))
		printf("%-20s %-13s %8s %10s %8s %3s  %s\n", "NAME", "STATE", "UP", "MEMORY",
			"DISPLAY", "GEN", "COMMAND");
	json_array_foreach (sessions, i, status)
		print_line(status);
	json_decref(sessions);
	return cmd_flush(err);
}

const struct cmd cmd_list = {
	.name = "list",
	.summary = "show the sessions that run",
	.options = options,
	.max_arguments = 0,
	.run = run,
};
