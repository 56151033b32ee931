/*
 * glckpt-gl: what is behind `glckpt gl`: looks at the snapshots of an image.
 *
 *	glckpt-gl ls FOLDER json|text
 *	glckpt-gl png FOLDER json|text OUT first|levels
 *	glckpt-gl verify FOLDER json|text
 *	glckpt-gl export FOLDER json|text FILE
 *
 * FOLDER is IMAGE/gl. Started by `glckpt gl` alone, which says what is wrong with its arguments.
 */
#define _GNU_SOURCE
#include "base/log.h"
#include "glproxy/confine.h"
#include "glproxy/look/look.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIFFERS 3

struct request {
	const char *folder;
	bool json;
	const char *const *more; /* further arguments */
	char **names;            /* of the snapshots there */
	size_t count;
};

static int is_snapshot(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot && !strcmp(dot, ".glsnap");
}

static int find_snapshots(struct request *request, struct err *err)
{
	struct dirent **entries;
	const int count = scandir(request->folder, &entries, is_snapshot, versionsort);
	if (count < 0)
		return err_errno(err, "%s", request->folder);
	request->names = calloc((size_t)count + 1, sizeof(*request->names));
	for (int i = 0; i < count; i++) {
		if (request->names)
			request->names[request->count++] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return request->names ? 0 : err_set(err, "out of memory");
}

static struct snapshot_place place_of(const struct request *request, size_t index)
{
	return (struct snapshot_place){.directory = request->folder, .name = request->names[index]};
}

static int print_json(json_t *said, struct err *err)
{
	const int status = json_dumpf(said, stdout, JSON_INDENT(2));
	json_decref(said);
	putchar('\n');
	return status || fflush(stdout) ? err_errno(err, "standard output") : 0;
}

static int end_text(struct err *err)
{
	return fflush(stdout) || ferror(stdout) ? err_errno(err, "standard output") : 0;
}

/* ---- ls ---- */

static int list(const struct request *request, struct err *err)
{
	json_t *all = json_array();
	for (size_t i = 0; i < request->count; i++) {
		const struct snapshot_place place = place_of(request, i);
		json_t *said = look_describe(&place, err);
		if (!said)
			return err_context(err, "%s", request->names[i]);
		if (!request->json)
			look_print(said);
		json_array_append_new(all, said);
	}
	if (request->json)
		return print_json(all, err);
	json_decref(all);
	return end_text(err);
}

/* ---- png ---- */

static void print_pictures(const struct look_pictures *pictures)
{
	size_t i;
	json_t *each;
	json_array_foreach (pictures->files, i, each)
		printf("%s\n", json_string_value(json_object_get(each, "file")));
	json_array_foreach (pictures->skipped, i, each)
		log_line("gl: left out: %s", json_string_value(each));
}

static int pictures_of(const struct request *request, struct err *err)
{
	struct look_pictures pictures = {.directory = request->more[0],
		.levels = !strcmp(request->more[1], "levels"),
		.files = json_array(),
		.skipped = json_array()};
	if (mkdir(pictures.directory, 0777) && errno != EEXIST)
		return err_errno(err, "%s", pictures.directory);
	for (size_t i = 0; i < request->count; i++) {
		char prefix[32] = "";
		const struct snapshot_place place = place_of(request, i);
		if (request->count > 1)
			snprintf(prefix, sizeof(prefix), "%.*s-",
				(int)strcspn(request->names[i], "."), request->names[i]);
		pictures.prefix = prefix;
		if (look_png(&place, &pictures, err))
			return err_context(err, "%s", request->names[i]);
	}
	if (request->json)
		return print_json(json_pack("{s:o, s:o}", "files", pictures.files, "left_out",
					  pictures.skipped),
			err);
	print_pictures(&pictures);
	return end_text(err);
}

/* ---- verify ---- */

static int verify(const struct request *request, struct err *err)
{
	json_t *all = json_array(), *sentence;
	size_t at;
	for (size_t i = 0; i < request->count; i++) {
		const struct snapshot_place place = place_of(request, i);
		json_t *said = look_verify(&place, err);
		if (!said)
			return err_context(err, "%s", request->names[i]);
		json_array_extend(all, said);
		json_decref(said);
	}
	const bool same = !json_array_size(all);
	if (request->json)
		return print_json(json_pack("{s:b, s:o}", "same", same, "differences", all), err)
			? -1
			: same ? 0
			       : DIFFERS;
	json_array_foreach (all, at, sentence)
		puts(json_string_value(sentence));
	if (same)
		puts("rebuilt, and the same");
	json_decref(all);
	return end_text(err) ? -1 : same ? 0 : DIFFERS;
}

/* ---- export ---- */

static int export(const struct request *request, struct err *err)
{
	struct look_trace *trace = look_trace_create(request->more[0], err);
	json_t *left_out = NULL, *count;
	const char *name;
	int status = trace ? 0 : -1;
	for (size_t i = 0; !status && i < request->count; i++) {
		const struct snapshot_place place = place_of(request, i);
		status = look_trace_add(trace, &place, err);
		if (status)
			err_context(err, "%s", request->names[i]);
	}
	if (trace && look_trace_end(trace, &left_out, status ? NULL : err))
		status = -1;
	if (status)
		return -1;
	if (request->json)
		return print_json(
			json_pack("{s:s, s:o}", "file", request->more[0], "left_out", left_out),
			err);
	json_object_foreach (left_out, name, count)
		log_line("gl: left out, a trace cannot say it: %s (%lld)", name,
			(long long)json_integer_value(count));
	json_decref(left_out);
	return 0;
}

/* ---- which ---- */

static const struct {
	const char *name;
	int more;
	int (*run)(const struct request *request, struct err *err);
} requests[] = {
	{"ls", 0, list}, {"png", 2, pictures_of}, {"verify", 0, verify}, {"export", 1, export}};

static int run(int argc, char **argv, struct err *err)
{
	struct request request = {.folder = argv[2],
		.json = !strcmp(argv[3], "json"),
		.more = (const char *const *)argv + 4};
	for (size_t i = 0; i < array_len(requests); i++)
		if (!strcmp(argv[1], requests[i].name) && argc == 4 + requests[i].more)
			return find_snapshots(&request, err) ? -1 : requests[i].run(&request, err);
	return err_set_status(err, STATUS_USAGE, "see `glckpt gl --help`");
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	log_name("glckpt");
	unsetenv("__EGL_VENDOR_LIBRARY_FILENAMES");
	unsetenv("__GLX_VENDOR_LIBRARY_NAME");
	if (argc < 4) {
		log_line("gl: see `glckpt gl --help`");
		return STATUS_USAGE;
	}
	int status = confine(&err);
	if (!status)
		status = run(argc, argv, &err);
	if (status < 0)
		log_line("gl: %s", err.text);
	return status < 0 ? err.status : status;
}
