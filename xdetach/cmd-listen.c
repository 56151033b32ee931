#define _GNU_SOURCE
#include "xdetach/cmd-listen.h"

#include <string.h>

static bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

static int make_absolute(char **path, struct err *err)
{
	char *real = realpath(*path, NULL);
	if (!real)
		return err_errno(err, "%s", *path);
	free(*path);
	*path = real;
	return 0;
}

int cmd_listen_check(struct cmd_listen *listen, struct err *err)
{
	static char loopback[] = "127.0.0.1";
	if (!listen->address)
		listen->address = loopback;
	if (!listen->certificate != !listen->key)
		return err_set_status(err, STATUS_USAGE, "--certificate and --key go together");
	if (!is_loopback(listen->address) && !listen->certificate)
		return err_set_status(err, STATUS_USAGE,
			"beyond this machine only with TLS: give --certificate and --key, or let "
			"`ssh -L` carry the port of 127.0.0.1");
	if (!listen->certificate)
		return 0;
	return make_absolute(&listen->certificate, err) < 0 || make_absolute(&listen->key, err) < 0
		? -1
		: 0;
}
