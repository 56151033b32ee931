#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/session/session.h"

static const struct poptOption options[] = {POPT_TABLEEND};

/* How a session ended that nobody answers for any more: what its supervisor left. */
static json_t *read_end(const char *name)
{
	session_wait_gone(name, 10);
	return session_ended(name, NULL);
}

static json_t *await_end(const char *name, struct err *err)
{
	struct err none = ERR_INIT;
	scoped_fd int fd = session_connect(name, &none);
	json_t *ended = NULL;
	if (fd >= 0 && ctl_send(fd, json_pack("{s:s}", "op", "wait"), NULL) == 0)
		ended = ctl_receive(fd, NULL);
	if (!ended)
		ended = read_end(name);
	if (!ended && fd < 0)
		err_set(err, "%s", none.text);
	else if (!ended)
		err_set_status(err, 128 + 9, "the session's supervisor was killed");
	return ended;
}

static int run(const char **arguments, struct err *err)
{
	json_t *ended = await_end(arguments[0], err);
	if (!ended)
		return -1;
	int status = (int)json_integer_value(json_object_get(ended, "status"));
	json_decref(ended);
	session_wait_gone(arguments[0], 10);
	return status;
}

const struct cmd cmd_wait = {
	.name = "wait",
	.arguments = "SESSION",
	.summary = "wait for a session's end, and end with its status",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
