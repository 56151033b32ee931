#define _GNU_SOURCE
#include "xdetach/cmd.h"
#include "xdetach/image/image.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int option_json, option_levels;
static char *option_output;

static const struct poptOption options[] = {
	{"output", 'o', POPT_ARG_STRING, &option_output, 0,
		"png: a folder (else this one); export: the file", "PATH"},
	{"levels", '\0', POPT_ARG_NONE, &option_levels, 0,
		"png: all levels of textures, not the first alone", NULL},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON", NULL},
	POPT_TABLEEND,
};

/* ---- what can be asked for ---- */

struct question {
	const char *name;
	bool output, needs_output, levels;
};

static const struct question questions[] = {{"ls", false, false, false}, {"png", true, false, true},
	{"verify", false, false, false}, {"export", true, true, false}};

static const struct question *find(const char *name, struct err *err)
{
	for (size_t i = 0; i < array_len(questions); i++)
		if (!strcmp(questions[i].name, name))
			return &questions[i];
	err_set_status(err, STATUS_USAGE, "'%s' is none of ls, png, verify and export", name);
	return NULL;
}

static int check_options(const struct question *question, struct err *err)
{
	if (question->needs_output && !option_output)
		return err_set_status(err, STATUS_USAGE, "%s: -o FILE is missing", question->name);
	if (option_output && !question->output)
		return err_set_status(err, STATUS_USAGE, "%s writes no files", question->name);
	if (option_levels && !question->levels)
		return err_set_status(err, STATUS_USAGE, "--levels is for png");
	return 0;
}

/* ---- the image ---- */

static char *snapshots_of(const struct image *image, struct err *err)
{
	char *folder = paths_format(err, "%s/gl", image->path);
	const json_t *session = json_object_get(image->manifest, "session");
	const char *mode =
		json_string_value(json_object_get(json_object_get(session, "gl"), "mode"));
	if (folder && access(folder, X_OK) < 0) {
		if (errno == ENOENT && mode && !strcmp(mode, "native"))
			err_set(err, "%s has nothing of OpenGL: its session ran with --gl native",
				image->path);
		else
			err_errno(err, "%s", folder);
		free(folder);
		return NULL;
	}
	return folder;
}

/* Its own program, so that no other command loads a driver. */
static int become_looker(const struct question *question, const char *folder, struct err *err)
{
	scoped_free char *program = paths_helper("glckpt-gl", err);
	const char *argv[8] = {"glckpt-gl", question->name, folder, option_json ? "json" : "text"};
	if (question->output)
		argv[4] = option_output ? option_output : ".";
	if (question->levels)
		argv[5] = option_levels ? "levels" : "first";
	if (!program)
		return -1;
	execv(program, (char **)argv);
	return err_errno(err, "%s", program);
}

static int run(const char **arguments, struct err *err)
{
	struct image image = {0};
	const struct question *question = find(arguments[0], err);
	if (!question || check_options(question, err) < 0)
		return -1;
	if (image_open(&image, arguments[1], err) < 0)
		return -1;
	scoped_free char *folder = snapshots_of(&image, err);
	image_close(&image);
	return folder ? become_looker(question, folder, err) : -1;
}

const struct cmd cmd_gl = {
	.name = "gl",
	.arguments = "ls|png|verify|export IMAGE",
	.summary = "look at what an image keeps of OpenGL",
	.details =
		"ls      lists contexts and objects: kind, name, format, size, label\n"
		"png     writes framebuffers, windows and textures as PNG files\n"
		"verify  builds everything in a new proxy, takes a snapshot of it and compares:\n"
		"        0 the same, 3 something differs and is named, 1 it cannot be built\n"
		"export  writes the calls that make it all as a trace for apitrace",
	.options = options,
	.min_arguments = 2,
	.max_arguments = 2,
	.run = run,
};
