/*
 * cmd-listen.h: the options of commands that can let in other machines: --listen, --certificate and
 * --key. Beyond the loopback interface only with TLS.
 */
#ifndef XDETACH_CMD_LISTEN_H
#define XDETACH_CMD_LISTEN_H

#include "base/err.h"

struct cmd_listen {
	char *address, *certificate, *key; /* NULL: not given */
};

/* For the table of options; `listen` is a struct cmd_listen. */
#define CMD_LISTEN_OPTIONS(listen)                                                    \
	{"listen", '\0', POPT_ARG_STRING, &(listen).address, 0,                       \
		"listen on this address, not on 127.0.0.1", "ADDRESS"},               \
		{"certificate", '\0', POPT_ARG_STRING, &(listen).certificate, 0,      \
			"use TLS, with this certificate", "FILE"},                    \
	{                                                                             \
		"key", '\0', POPT_ARG_STRING, &(listen).key, 0, "and its key", "FILE" \
	}

/* Cuts ":PORT" from "ADDRESS:PORT" or "[ADDRESS]:PORT", where there is one: the port, 0 where there
 * is none, -1 with an error. */
int cmd_listen_cut_port(char *address, struct err *err);

/* A port from 1 to 65535, or -1 with an error. */
int cmd_listen_parse_port(const char *text, struct err *err);

/* Refuses what does not go together or is not safe. Makes the paths absolute; the address is there
 * afterwards. */
int cmd_listen_check(struct cmd_listen *listen, struct err *err);

#endif
