#include "xdetach/fail.h"

#include <signal.h>
#include <string.h>

static const char *chosen;

void fail_choose(const char *point)
{
	chosen = point;
}

int fail_here(const char *point, struct err *err)
{
	size_t length = strlen(point);
	if (!chosen || strncmp(chosen, point, length))
		return 0;
	if (!strcmp(chosen + length, ":kill")) {
		raise(SIGKILL);
		_exit(128 + SIGKILL); /* PID 1 of a namespace cannot kill itself */
	}
	if (chosen[length])
		return 0;
	return err_set(err, "forced to fail at %s", point);
}
