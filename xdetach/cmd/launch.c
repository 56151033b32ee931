#define _GNU_SOURCE
#include "xdetach/cmd.h"
#include "xdetach/environment.h"
#include "xdetach/paths.h"
#include "xdetach/start.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int option_detach, option_terminal, option_no_display;
static char *option_name, *option_image_dir, *option_every;
static const char *option_gl = "native", *option_xserver = "xvfb", *option_geometry = "1280x800";
static char **option_keep_env;

static const struct poptOption options[] = {
	{"detach", 'd', POPT_ARG_NONE, &option_detach, 0,
		"return when it runs, and print the session's name", NULL},
	{"terminal", 't', POPT_ARG_NONE, &option_terminal, 0, "give it a terminal", NULL},
	{"name", '\0', POPT_ARG_STRING, &option_name, 0, "name of the session", "NAME"},
	{"image-dir", '\0', POPT_ARG_STRING, &option_image_dir, 0,
		"folder for images without a name of their own", "DIR"},
	{"every", '\0', POPT_ARG_STRING, &option_every, 0,
		"take a checkpoint that often; the last two are kept", "TIME"},
	{"gl", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_gl, 0,
		"where OpenGL runs: native (in the program)", "MODE"},
	{"xserver", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_xserver, 0,
		"private X server: xvfb or xvnc", "KIND"},
	{"geometry", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_geometry, 0,
		"size of its screen", "WxH"},
	{"no-display", '\0', POPT_ARG_NONE, &option_no_display, 0, "no X server", NULL},
	{"keep-env", '\0', POPT_ARG_ARGV, &option_keep_env, 0,
		"pass this variable though it may point outside (repeatable)", "NAME"},
	POPT_TABLEEND,
};

/* ---- the command ---- */

static int check_file(const char *path, struct err *err)
{
	struct stat st;
	if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return err_set_status(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXEC, "%s: %s",
		path, errno == ENOENT ? "no such file" : "cannot be executed");
}

/* What env(1) would say, before anything is started. */
static int check_command(const char *command, struct err *err)
{
	if (strchr(command, '/'))
		return check_file(command, err);
	scoped_free char *path = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	char *rest = path;
	for (char *dir; path && (dir = strsep(&rest, ":"));) {
		scoped_free char *file = paths_format(err, "%s/%s", *dir ? dir : ".", command);
		if (file && check_file(file, NULL) == 0 && access(file, X_OK) == 0)
			return 0;
	}
	return err_set_status(err, STATUS_NOT_FOUND,
		"%s: not found in $PATH; is its package installed?", command);
}

/* ---- the plan ---- */

static int parse_options(struct plan *plan, struct err *err)
{
	if (strcmp(option_gl, "native"))
		return err_set_status(err, STATUS_USAGE, "'%s' is no GL mode: native", option_gl);
	if (option_every && cmd_parse_duration(option_every, &plan->every_s, err) < 0)
		return -1;
	if (xserver_parse_kind(&plan->xserver, option_no_display ? "none" : option_xserver, err) <
			0 ||
		xserver_parse_geometry(&plan->xserver, option_geometry, err) < 0)
		return -1;
	plan->terminal = option_terminal;
	plan->fail = getenv("GLCKPT_FAIL");
	return 0;
}

static char *choose_image_dir(struct err *err)
{
	if (!option_image_dir)
		return paths_image_dir(err);
	if (option_image_dir[0] == '/')
		return paths_format(err, "%s", option_image_dir);
	scoped_free char *here = get_current_dir_name();
	if (!here) {
		err_errno(err, "the current folder");
		return NULL;
	}
	return paths_format(err, "%s/%s", here, option_image_dir);
}

static json_t *words_of(const char **command)
{
	json_t *words = json_array();
	for (; *command; command++)
		json_array_append_new(words, json_string(*command));
	return words;
}

static json_t *describe(const struct plan *plan, const char **command)
{
	scoped_free char *here = get_current_dir_name();
	json_t *description = json_object();
	json_object_set_new(description, "name", json_string(plan->session.name));
	json_object_set_new(description, "command", words_of(command));
	json_object_set_new(description, "cwd", json_string(here ? here : "/"));
	json_object_set_new(description, "terminal", json_boolean(plan->terminal));
	json_object_set_new(description, "display", xserver_to_json(&plan->xserver));
	json_object_set_new(description, "gl", json_pack("{s:s}", "mode", option_gl));
	json_object_set_new(description, "generation", json_integer(0));
	json_object_set_new(description, "parent", json_null());
	json_object_set_new(description, "image_dir", json_string(plan->image_dir));
	json_object_set_new(description, "every_s", json_integer(plan->every_s));
	return description;
}

static const char *base_name(const char *command)
{
	const char *slash = strrchr(command, '/');
	return slash ? slash + 1 : command;
}

static int start_plan(struct plan *plan, struct err *err)
{
	struct start start = {.plan = plan, .detach = option_detach};
	int status = start_session(&start, err);
	if (status == 0 && option_detach) {
		puts(plan->session.name);
		status = cmd_flush(err);
	}
	return status;
}

extern char **environ;

static int make_and_start(struct plan *plan, const char **command, struct err *err)
{
	const struct environment_display display = {plan->xserver.number};
	plan->command = (char **)command;
	plan->description = describe(plan, command);
	plan->environment =
		environment_make(environ, &display, (const char *const *)option_keep_env, err);
	int status = -1;
	if (plan->environment && plan->description)
		status = start_plan(plan, err);
	else
		session_release(&plan->session);
	environment_free(plan->environment);
	json_decref(plan->description);
	return status;
}

static int prepare_and_start(const char **command, struct err *err)
{
	struct plan plan = {0};
	if (parse_options(&plan, err) < 0 || check_command(command[0], err) < 0 ||
		xserver_choose(&plan.xserver, err) < 0)
		return -1;
	scoped_free char *image_dir = choose_image_dir(err);
	plan.image_dir = image_dir;
	if (!image_dir)
		return -1;
	if (session_claim(&plan.session, option_name, base_name(command[0]), err) < 0)
		return -1;
	int status = make_and_start(&plan, command, err);
	session_finish(&plan.session);
	return status;
}

static int run(const char **arguments, struct err *err)
{
	int status = prepare_and_start(arguments, err);
	if (status < 0 && err->status == STATUS_FAILED)
		err->status = STATUS_GLCKPT;
	return status;
}

const struct cmd cmd_launch = {
	.name = "launch",
	.arguments = "[--] command [argument...]",
	.summary = "run a program under checkpoint control",
	.details = "In the foreground it passes signals on and ends with the program's status, or "
		   "with 85\nwhen the session was checkpointed with --stop. TIME is in seconds, or "
		   "as 90s, 10m, 2h.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = -1,
	.run = run,
};
