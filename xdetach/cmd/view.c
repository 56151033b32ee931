#define _GNU_SOURCE
#include "xdetach/session/view.h"
#include "base/io.h"
#include "xdetach/cmd-listen.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* How long a bridge waits for somebody to come back. */
#define LINGER_S 600

static int option_web, option_port, option_socket, option_look, option_exclusive, option_json;
static char *option_linger;
static struct cmd_listen option_listen;
static int listen_port; /* 0: any */

static const struct poptOption options[] = {
	{"web", '\0', POPT_ARG_NONE, &option_web, 0,
		"print an address for a browser on this machine; it is good once", NULL},
	{"port", '\0', POPT_ARG_NONE, &option_port, 0,
		"print a port and the password, for any VNC viewer", NULL},
	{"socket", '\0', POPT_ARG_NONE, &option_socket, 0,
		"print the path of a Unix socket, for a viewer that takes one", NULL},
	{"view-only", '\0', POPT_ARG_NONE, &option_look, 0,
		"look only: keys, pointer, clipboard and size stay without effect", NULL},
	{"exclusive", '\0', POPT_ARG_NONE, &option_exclusive, 0,
		"let all other viewers go, and void the addresses and passwords they have", NULL},
	CMD_LISTEN_OPTIONS(option_listen),
	{"linger", '\0', POPT_ARG_STRING, &option_linger, 0,
		"stay for viewers to come back (10m unless given)", "TIME"},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON instead of lines", NULL},
	POPT_TABLEEND,
};

static int check_listening(struct err *err)
{
	struct cmd_listen *listen = &option_listen;
	const bool address = listen->address;
	if ((address || listen->certificate || listen->key) && !option_port)
		return err_set_status(err, STATUS_USAGE,
			"--listen is for --port; a browser of another machine gets `glckpt web`");
	listen_port = address ? cmd_listen_cut_port(listen->address, err) : 0;
	if (listen_port < 0 || cmd_listen_check(listen, err) < 0)
		return -1;
	return address && !listen->certificate
		? err_set_status(err, STATUS_USAGE, "--listen goes with --certificate and --key")
		: 0;
}

static int check_options(unsigned *linger, struct err *err)
{
	*linger = LINGER_S;
	if (option_web + option_port + option_socket > 1)
		return err_set_status(
			err, STATUS_USAGE, "one of --web, --port and --socket is enough");
	if (check_listening(err) < 0)
		return -1;
	if (option_web && access("/usr/share/novnc/vnc.html", R_OK) < 0)
		return err_set(err, "noVNC is missing: install the package novnc");
	return option_linger ? cmd_parse_duration(option_linger, linger, err) : 0;
}

static json_t *ask_bridge(const char *name, unsigned linger, struct err *err)
{
	const struct cmd_listen *listen = &option_listen;
	const char *port = listen->certificate ? "secure" : "port";
	const char *way = option_web ? "web" : option_port ? port : "socket";
	json_t *request = json_pack("{s:s, s:s, s:b, s:b, s:s*, s:i, s:s*, s:s*}", "op", "open",
		"way", way, "view_only", option_look, "exclusive", option_exclusive, "listen",
		listen->address, "port", listen_port, "certificate", listen->certificate, "key",
		listen->key);
	return view_ask(name, linger, request, err);
}

/* ---- printing where it is ---- */

static int print_way(json_t *answer, const char *socket, struct err *err)
{
	const char *url = json_string_value(json_object_get(answer, "url"));
	const char *password = json_string_value(json_object_get(answer, "password"));
	if (option_json) {
		json_object_del(answer, "event");
		if (option_socket)
			json_object_set_new(answer, "socket", json_string(socket));
		return cmd_print_json(json_incref(answer), err);
	}
	if (url)
		puts(url);
	else if (password)
		printf("%s::%d\n%s\n", json_string_value(json_object_get(answer, "address")),
			(int)json_integer_value(json_object_get(answer, "port")), password);
	else
		puts(socket);
	return cmd_flush(err);
}

/* ---- opening a viewer ---- */

/* TigerVNC's takes a Unix socket; other viewers go by the name vncviewer as well. */
static char *find_viewer(void)
{
	static const char *const names[] = {"xtigervncviewer", "vncviewer"};
	for (size_t i = 0; i < array_len(names); i++) {
		scoped_free char *program = paths_program(names[i]);
		scoped_free char *real = program ? realpath(program, NULL) : NULL;
		if (real && strstr(real, "tigervnc"))
			return steal_ptr(&program);
	}
	return NULL;
}

static int run_viewer(const char *socket, struct err *err)
{
	const char *display = getenv("DISPLAY");
	if (!display || !*display)
		return err_set(err, "there is no DISPLAY for a viewer; use --web, or --port");
	scoped_free char *viewer = find_viewer();
	if (!viewer)
		return err_set(err,
			"no viewer is installed: install the package tigervnc-viewer, or use "
			"--web or --port");
	/* A socket of this machine is fast: exact pixels cost less than packing them. */
	execl(viewer, viewer, "-Shared", "-AutoSelect=0", "-PreferredEncoding=Raw", "-FullColor",
		"-NoJPEG", option_look ? "-ViewOnly=1" : "-ViewOnly=0", socket, (char *)NULL);
	return err_errno(err, "%s", viewer);
}

static int run(const char **arguments, struct err *err)
{
	unsigned linger;
	if (check_options(&linger, err) < 0)
		return -1;
	json_t *answer = ask_bridge(arguments[0], linger, err);
	scoped_free char *dir = answer ? view_dir(arguments[0], err) : NULL;
	scoped_free char *socket =
		dir ? paths_format(err, "%s/%s", dir, option_look ? "look" : "rfb") : NULL;
	int status = -1;
	if (socket && (option_web || option_port || option_socket || option_json))
		status = print_way(answer, socket, err);
	else if (socket)
		status = run_viewer(socket, err);
	json_decref(answer);
	return status;
}

const struct cmd cmd_view = {
	.name = "view",
	.arguments = "SESSION",
	.summary = "watch a session, and type into it",
	.details =
		"Opens TigerVNC's viewer on your DISPLAY, or prints how to connect. Viewers stay "
		"connected over\ncheckpoints, and over a stop until the session is restored under "
		"the same name on this machine.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
