#define _GNU_SOURCE
#include "xdetach/cmd-listen.h"

#include <string.h>

static bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

int cmd_listen_parse_port(const char *text, struct err *err)
{
	char *end;
	long port = strtol(text, &end, 10);
	if (*end || end == text || port < 1 || port > 65535)
		return err_set_status(err, STATUS_USAGE, "'%s' is no port", text);
	return (int)port;
}

/* Where the port's colon is: an address of IPv6 has several of its own, unless in brackets. */
static char *find_port(char *address)
{
	char *colon = strchr(address, ':');
	if (address[0] == '[')
		colon = strstr(address, "]:") ? strstr(address, "]:") + 1 : NULL;
	else if (colon && strchr(colon + 1, ':'))
		colon = NULL;
	return colon;
}

int cmd_listen_cut_port(char *address, struct err *err)
{
	char *colon = find_port(address);
	int port = colon ? cmd_listen_parse_port(colon + 1, err) : 0;
	if (colon)
		*colon = '\0';
	size_t length = strlen(address);
	if (length > 1 && address[0] == '[' && address[length - 1] == ']') {
		memmove(address, address + 1, length - 2);
		address[length - 2] = '\0';
	}
	return port;
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
