#define _GNU_SOURCE
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/session/session.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

static char *option_signal, *option_grace;

static const struct poptOption options[] = {
	{"signal", '\0', POPT_ARG_STRING, &option_signal, 0,
		"only send this signal (TERM, USR1, 10, ...)", "SIGNAL"},
	{"grace", '\0', POPT_ARG_STRING, &option_grace, 0,
		"from SIGTERM to SIGKILL (10s unless given)", "TIME"},
	POPT_TABLEEND,
};

static int parse_signal(const char *text, struct err *err)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	if (isdigit((unsigned char)*text) && atoi(text) > 0 && atoi(text) < NSIG)
		return atoi(text);
	for (int number = 1; number < NSIG; number++) {
		const char *known = sigabbrev_np(number);
		if (known && !strcasecmp(known, name))
			return number;
	}
	return err_set_status(err, STATUS_USAGE, "'%s' is no signal", text);
}

static json_t *request(struct err *err)
{
	unsigned grace = 10;
	if (option_grace && cmd_parse_duration(option_grace, &grace, err) < 0)
		return NULL;
	if (!option_signal)
		return json_pack("{s:s, s:i}", "op", "kill", "grace_s", (int)grace);
	int number = parse_signal(option_signal, err);
	if (number < 0)
		return NULL;
	return json_pack("{s:s, s:i}", "op", "signal", "signal", number);
}

static int run(const char **arguments, struct err *err)
{
	json_t *message = request(err);
	if (!message)
		return -1;
	scoped_fd int fd = session_connect(arguments[0], err);
	if (fd < 0) {
		json_decref(message);
		return -1;
	}
	json_t *answer = ctl_call(fd, message, err);
	if (!answer)
		return -1;
	json_decref(answer);
	if (option_signal)
		return 0;
	/* The end of the connection is the session's. */
	while ((answer = ctl_receive(fd, NULL)))
		json_decref(answer);
	session_wait_gone(arguments[0], 10);
	return 0;
}

const struct cmd cmd_kill = {
	.name = "kill",
	.arguments = "SESSION",
	.summary = "end a session, or send its program a signal",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
