/*
 * glckpt-web GLCKPT LISTEN PORT CERTIFICATE KEY FORMAT [IMAGE-DIR...]: the farm page (server.h).
 *
 * For `glckpt web`, which becomes it. "" is no certificate, no key; FORMAT is "json" or "line". A
 * program of its own, so that no other command loads an HTTP server and a TLS library.
 */
#define _GNU_SOURCE
#include "base/log.h"
#include "xdetach/web/server.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int print_address(struct server *server, bool as_json, struct err *err)
{
	scoped_free char *url = server_address(server, err);
	json_t *object = url ? json_pack("{s:s}", "url", url) : NULL;
	if (!object)
		return -1;
	if (as_json)
		json_dumpf(object, stdout, JSON_INDENT(2));
	else
		fputs(url, stdout);
	putchar('\n');
	json_decref(object);
	return fflush(stdout) == 0 ? 0 : err_errno(err, "standard output");
}

static const char *given(const char *argument)
{
	return *argument ? argument : NULL;
}

int main(int argc, char **argv)
{
	static struct server server;
	struct err err = ERR_INIT;
	sigset_t signals;
	int number;
	log_name("glckpt");
	if (argc < 7) {
		log_line("started by `glckpt web`");
		return STATUS_USAGE;
	}
	const struct server_options options = {.glckpt = argv[1],
		.listen = argv[2],
		.port = argv[3],
		.certificate = given(argv[4]),
		.key = given(argv[5]),
		.dirs = (const char *const *)argv + 7};
	block_signals(&signals);
	if (server_start(&server, &options, &err) < 0 ||
		print_address(&server, !strcmp(argv[6], "json"), &err) < 0) {
		log_line("web: %s", err.text);
		return err.status;
	}
	sigwait(&signals, &number);
	/* Connections and their threads end with the process. */
	_exit(STATUS_OK);
}
