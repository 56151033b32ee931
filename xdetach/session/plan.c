#define _GNU_SOURCE
#include "xdetach/session/plan.h"

#include "xdetach/cmd.h"
#include "xdetach/paths.h"
#include "xdetach/session/environment.h"
#include "xdetach/session/gl-driver.h"
#include "xdetach/session/gl.h"
#include "xdetach/session/restore.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int option_no_display;
static char *option_name;
static const char *option_gl = "proxy", *option_gl_journal = "off";
static const char *option_gl_profile = GL_PROFILE_NATIVE;
static const char *option_xserver = "xvfb", *option_geometry = "1280x800";
static char **option_keep_env;

const struct poptOption plan_session_options[] = {
	{"name", '\0', POPT_ARG_STRING, &option_name, 0, "name of the session", "NAME"},
	{"gl", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_gl, 0,
		"where OpenGL runs: proxy (outside the program) or native (in it)", "MODE"},
	{"gl-journal", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_gl_journal, 0,
		"what another proxy has when one dies: off (none), uploads or all", "MODE"},
	{"gl-profile", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_gl_profile, 0,
		"the OpenGL it is shown: native, or portable-3.3 or -4.5, which other drivers have",
		"NAME"},
	{"xserver", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_xserver, 0,
		"private X server: xvfb or xvnc", "KIND"},
	{"geometry", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_geometry, 0,
		"size of its screen", "WxH"},
	{"no-display", '\0', POPT_ARG_NONE, &option_no_display, 0, "no X server", NULL},
	{"keep-env", '\0', POPT_ARG_ARGV, &option_keep_env, 0,
		"pass this variable though it may point outside (repeatable)", "NAME"},
	POPT_TABLEEND,
};

const char *plan_session_name(void)
{
	return option_name;
}

void plan_finish(struct making *making)
{
	session_finish(&making->plan.session);
	environment_free(making->environment);
	json_decref(making->plan.description);
	free(making->image_dir);
}

char *plan_image_dir(const char *given, struct err *err)
{
	if (!given)
		return paths_image_dir(err);
	if (given[0] == '/')
		return paths_format(err, "%s", given);
	scoped_free char *here = get_current_dir_name();
	if (!here) {
		err_errno(err, "the current folder");
		return NULL;
	}
	return paths_format(err, "%s/%s", here, given);
}

static int set_image_dir(struct making *making, const char *given, struct err *err)
{
	making->image_dir = plan_image_dir(given, err);
	making->plan.image_dir = making->image_dir;
	return making->image_dir ? 0 : -1;
}

/* ---- a launch: the command ---- */

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

/* ---- a launch: the plan ---- */

static int read_session_options(struct plan *plan, struct err *err)
{
	plan->gl_proxy = !strcmp(option_gl, "proxy");
	plan->gl_journal = option_gl_journal;
	plan->gl_profile = option_gl_profile;
	if (!plan->gl_proxy && strcmp(option_gl, "native"))
		return err_set_status(
			err, STATUS_USAGE, "'%s' is no GL mode: native or proxy", option_gl);
	if (!gl_journal_is_mode(option_gl_journal))
		return err_set_status(err, STATUS_USAGE, "'%s' is no journal: off, uploads or all",
			option_gl_journal);
	if (!gl_profile_is_name(option_gl_profile))
		return err_set_status(err, STATUS_USAGE,
			"'%s' is no profile of OpenGL: native, portable-3.3 or portable-4.5",
			option_gl_profile);
	if (xserver_parse_kind(&plan->xserver, option_no_display ? "none" : option_xserver, err) <
		0)
		return -1;
	return xserver_parse_geometry(&plan->xserver, option_geometry, err);
}

static json_t *words_of(const char **command)
{
	json_t *words = json_array();
	for (; *command; command++)
		json_array_append_new(words, json_string(*command));
	return words;
}

static json_t *describe_launch(const struct plan *plan, const char **command)
{
	scoped_free char *here = get_current_dir_name();
	json_t *description = json_object();
	json_object_set_new(description, "name", json_string(plan->session.name));
	json_object_set_new(description, "command", words_of(command));
	json_object_set_new(description, "cwd", json_string(here ? here : "/"));
	json_object_set_new(description, "terminal", json_boolean(plan->terminal));
	json_object_set_new(description, "display", xserver_to_json(&plan->xserver));
	json_object_set_new(description, "gl",
		json_pack("{s:s, s:s, s:s}", "mode", option_gl, "journal", option_gl_journal,
			"profile", option_gl_profile));
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

extern char **environ;

static int set_environment(struct making *making, struct err *err)
{
	struct plan *plan = &making->plan;
	scoped_free char *shim = plan->gl_proxy ? paths_helper("libGLX_glckpt.so.0", err) : NULL;
	if (plan->gl_proxy && !shim)
		return -1;
	char *slash = shim ? strrchr(shim, '/') : NULL;
	if (slash)
		*slash = '\0';
	const struct environment_session session = {plan->xserver.number, shim};
	making->environment =
		environment_make(environ, &session, (const char *const *)option_keep_env, err);
	plan->environment = making->environment;
	return making->environment ? 0 : -1;
}

int plan_launch(struct making *making, const struct plan_launch *options, struct err *err)
{
	struct plan *plan = &making->plan;
	const char **command = options->command;
	*making = (struct making){.plan.session.lock_fd = -1};
	plan->terminal = options->terminal;
	plan->every_s = options->every_s;
	plan->fail = getenv("GLCKPT_FAIL");
	plan->command = (char **)command;
	if (read_session_options(plan, err) < 0 || check_command(command[0], err) < 0 ||
		xserver_choose(&plan->xserver, err) < 0 ||
		set_image_dir(making, options->image_dir, err) < 0 ||
		set_environment(making, err) < 0 ||
		session_claim(&plan->session, option_name, base_name(command[0]), err) < 0)
		return -1;
	plan->description = describe_launch(plan, command);
	return 0;
}

/* ---- a restore ---- */

static json_t *describe_restore(const struct image *image, const struct plan *plan)
{
	json_t *was = json_object_get(image->manifest, "session");
	json_t *description = json_deep_copy(was);
	json_int_t generation = json_integer_value(json_object_get(was, "generation"));
	json_object_set_new(description, "name", json_string(plan->session.name));
	json_object_set_new(description, "generation", json_integer(generation + 1));
	json_object_set(description, "parent", json_object_get(image->manifest, "id"));
	json_object_set_new(description, "image_dir", json_string(plan->image_dir));
	json_object_set_new(description, "every_s", json_integer(plan->every_s));
	return description;
}

static int set_restore_dir(
	struct making *making, const struct plan_restore *options, struct err *err)
{
	const char *path = options->image->path, *slash = strrchr(path, '/');
	if (options->image_dir)
		return set_image_dir(making, options->image_dir, err);
	making->image_dir = paths_format(err, "%.*s", (int)(slash - path), path);
	making->plan.image_dir = making->image_dir;
	return making->image_dir ? 0 : -1;
}

static int read_image(struct making *making, const struct plan_restore *options, struct err *err)
{
	struct plan *plan = &making->plan;
	const json_t *session = json_object_get(options->image->manifest, "session");
	const json_t *engine = json_object_get(options->image->manifest, "engine");
	plan->terminal = json_is_true(json_object_get(session, "terminal"));
	plan->every_s = options->every_s
		? *options->every_s
		: (unsigned)json_integer_value(json_object_get(session, "every_s"));
	if (options->terminal && !plan->terminal)
		return err_set(err,
			"the image's session has no terminal (it was not launched "
			"with -t)");
	xserver_from_json(&plan->xserver, json_object_get(session, "display"));
	making->clock.monotonic_ns = json_integer_value(json_object_get(engine, "monotonic_ns"));
	making->clock.boottime_ns = json_integer_value(json_object_get(engine, "boottime_ns"));
	return 0;
}

/* The name the session had, unless another has it now. */
static int claim(struct making *making, const struct plan_restore *options, struct err *err)
{
	const json_t *session = json_object_get(options->image->manifest, "session");
	const char *was = json_string_value(json_object_get(session, "name"));
	return session_claim(&making->plan.session, options->name, was ? was : "restored", err);
}

static void show_progress(uint64_t done, uint64_t total, void *data)
{
	cmd_progress("verifying", done, total);
}

static void take_gl(struct plan *plan, const struct image *image)
{
	const json_t *session = json_object_get(image->manifest, "session");
	const json_t *gl = json_object_get(session, "gl");
	const char *mode = json_string_value(json_object_get(gl, "mode"));
	plan->gl_proxy = mode && !strcmp(mode, "proxy");
	const char *journal = json_string_value(json_object_get(gl, "journal"));
	plan->gl_journal = journal && gl_journal_is_mode(journal) ? journal : "off";
	const char *profile = json_string_value(json_object_get(gl, "profile"));
	plan->gl_profile = profile && gl_profile_is_name(profile) ? profile : GL_PROFILE_NATIVE;
}

int plan_restore(struct making *making, const struct plan_restore *options, struct err *err)
{
	const struct restore_wanted wanted = {options->image, options->files, options->gl_lacking};
	*making = (struct making){.plan.session.lock_fd = -1};
	making->plan.image = options->image;
	making->plan.files = options->files;
	take_gl(&making->plan, options->image);
	making->plan.fail = getenv("GLCKPT_FAIL");
	if (set_restore_dir(making, options, err) < 0 || read_image(making, options, err) < 0 ||
		restore_check(&wanted, show_progress, NULL, err) < 0 ||
		claim(making, options, err) < 0)
		return -1;
	making->plan.description = describe_restore(options->image, &making->plan);
	return 0;
}
