#define _GNU_SOURCE
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/image/image.h"
#include "xdetach/session/session.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static int option_json;
static int option_calls;

static const struct poptOption options[] = {
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON", NULL},
	{"calls", '\0', POPT_ARG_NONE, &option_calls, 0,
		"list where the time of a session's OpenGL goes, call by call", NULL},
	POPT_TABLEEND,
};

/* ---- lines ---- */

static const char *word(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "-";
}

static double number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void line(const char *label, const char *format, ...) printf_like(2, 3);

static void line(const char *label, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("%-12s ", label);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static void command_line(const json_t *words)
{
	size_t i;
	json_t *item;
	printf("%-12s", "command");
	json_array_foreach (words, i, item)
		printf(" %s", json_string_value(item));
	putchar('\n');
}

static void display_line(const json_t *display)
{
	if (!json_is_object(display))
		line("display", "none");
	else
		line("display", "%s :%d, %dx%d", word(display, "kind"),
			(int)number(display, "number"), (int)number(display, "width"),
			(int)number(display, "height"));
}

static void process_lines(const json_t *processes)
{
	size_t i;
	json_t *process;
	json_array_foreach (processes, i, process) {
		char memory[32];
		line(i ? "" : "processes", "%6d %10s  %.100s", (int)number(process, "pid"),
			cmd_format_bytes(memory, number(process, "memory")),
			word(process, "command"));
	}
}

/* ---- a session's OpenGL ---- */

#define WATCHED_S 0.5 /* rates are of so long */

static json_t *counts_of(const json_t *status)
{
	return json_object_get(json_object_get(status, "gl"), "counts");
}

/* What has been added since, a second; contexts that have gone took theirs along. */
static double rate(const json_t *before, const json_t *now, const char *name)
{
	const double seconds = number(now, "moment") - number(before, "moment");
	const double more = number(now, name) - number(before, name);
	return more > 0 && seconds > 0 ? more / seconds : 0;
}

static void add_rates(json_t *now, const json_t *before)
{
	json_object_set_new(now, "rates",
		json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "frames", rate(before, now, "frames"),
			"calls", rate(before, now, "calls"), "bytes", rate(before, now, "bytes"),
			"waits", rate(before, now, "waits"), "sleeps", rate(before, now, "sleeps"),
			"waited", rate(before, now, "waited_s")));
}

/* The call that has most of something; NULL where nobody has any. */
static const char *most(json_t *by_call, const char *what, double *value)
{
	const char *name, *found = NULL;
	json_t *row;
	*value = 0;
	json_object_foreach (by_call, name, row) {
		if (number(row, what) <= *value)
			continue;
		*value = number(row, what);
		found = name;
	}
	return found;
}

static void most_line(const char *label, json_t *by_call, const char *what, const char *count)
{
	double seconds;
	const char *name = most(by_call, what, &seconds);
	if (name)
		line(label, "%s, %.2f s in %.0f %s", name, seconds,
			number(json_object_get(by_call, name), count), count);
}

static void call_lines(json_t *by_call)
{
	const char *name;
	json_t *row;
	printf("\n%12s %12s %12s %12s  %s\n", "calls", "executing s", "waits", "waited s", "call");
	json_object_foreach (by_call, name, row)
		printf("%12.0f %12.3f %12.0f %12.3f  %s\n", number(row, "calls"),
			number(row, "executing_s"), number(row, "waits"), number(row, "waited_s"),
			name);
}

static void gl_lines(const json_t *status)
{
	char bytes[32];
	json_t *counts = counts_of(status);
	const json_t *rates = json_object_get(counts, "rates");
	line("gl", "%s, profile %s", word(json_object_get(status, "gl"), "mode"),
		word(json_object_get(status, "gl"), "profile"));
	if (!counts)
		return;
	line("", "%.1f frames, %.0f calls, %s a second", number(rates, "frames"),
		number(rates, "calls"), cmd_format_bytes(bytes, number(rates, "bytes")));
	line("", "%.0f waits a second, %.0f of them slept: %.1f %% of the time",
		number(rates, "waits"), number(rates, "sleeps"), number(rates, "waited") * 100);
	json_t *by_call = json_object_get(counts, "by_call");
	most_line("waited most", by_call, "waited_s", "waits");
	most_line("works most", by_call, "executing_s", "calls");
}

/* ---- a session ---- */

static void print_session(const json_t *status)
{
	char memory[32], uptime[32];
	line("session", "%s, %s, generation %d", word(status, "name"), word(status, "state"),
		(int)number(status, "generation"));
	command_line(json_object_get(status, "command"));
	line("folder", "%s", word(status, "cwd"));
	line("up", "%s, %.1f s of processor time, %s of memory",
		cmd_format_duration(uptime, number(status, "uptime_s")), number(status, "cpu_s"),
		cmd_format_bytes(memory, number(status, "memory")));
	display_line(json_object_get(status, "display"));
	gl_lines(status);
	line("images", "%s", word(status, "image_dir"));
	line("log", "%s", word(status, "log"));
	const json_t *last = json_object_get(status, "last_checkpoint");
	if (json_is_object(last))
		line("last image", "%s, pause %.2f s, durable after %.2f s", word(last, "path"),
			number(last, "pause_s"), number(last, "durable_s"));
	process_lines(json_object_get(status, "processes"));
	if (option_calls)
		call_lines(json_object_get(counts_of(status), "by_call"));
}

static json_t *ask(const char *name, struct err *err)
{
	scoped_fd int fd = session_connect(name, err);
	return fd >= 0 ? ctl_call(fd, json_pack("{s:s}", "op", "status"), err) : NULL;
}

/* Asked twice where OpenGL is in proxies: what is counted becomes rates. */
static json_t *watch(const char *name, struct err *err)
{
	json_t *before = ask(name, err);
	if (!before || !counts_of(before))
		return before;
	nanosleep(&(struct timespec){0, (long)(WATCHED_S * 1e9)}, NULL);
	json_t *now = ask(name, err);
	if (now && counts_of(now))
		add_rates(counts_of(now), counts_of(before));
	json_decref(before);
	return now;
}

static int show_session(const char *name, struct err *err)
{
	json_t *status = watch(name, err);
	if (!status)
		return -1;
	json_object_del(status, "event");
	if (option_json)
		return cmd_print_json(status, err);
	print_session(status);
	json_decref(status);
	return cmd_flush(err);
}

/* ---- an image ---- */

static void file_lines(const json_t *files)
{
	size_t i, kept = 0, other = 0;
	json_t *file;
	json_array_foreach (files, i, file) {
		char size[32];
		if (!json_object_get(file, "kept")) {
			other++;
			continue;
		}
		line(kept++ ? "" : "kept files", "%10s  %s",
			cmd_format_bytes(size, number(file, "size")), word(file, "path"));
	}
	line("needs", "%zu files of the host, unchanged", other);
}

static void image_gl_line(const json_t *wanted, const json_t *told)
{
	if (json_is_object(told))
		line("gl", "%s, profile %s, drawn by %s", word(wanted, "mode"),
			word(told, "profile"), word(told, "driver"));
	else
		line("gl", "%s", word(wanted, "mode"));
}

static void print_image(const struct image *image)
{
	const json_t *manifest = image->manifest;
	const json_t *session = json_object_get(manifest, "session");
	const json_t *host = json_object_get(manifest, "host");
	const json_t *figures = json_object_get(manifest, "figures");
	char raw[32], disk[32];
	line("image", "%s", image->path);
	line("taken", "%s on %s (%s), by glckpt %s with criu %s", word(manifest, "created"),
		word(host, "hostname"), word(host, "kernel"), word(manifest, "glckpt"),
		word(json_object_get(manifest, "engine"), "criu"));
	line("session", "%s, generation %d", word(session, "name"),
		(int)number(session, "generation"));
	command_line(json_object_get(session, "command"));
	line("folder", "%s", word(session, "cwd"));
	display_line(json_object_get(session, "display"));
	image_gl_line(json_object_get(session, "gl"), json_object_get(manifest, "gl"));
	line("size", "%s on disk, %s of processes; pause %.2f s",
		cmd_format_bytes(disk, (double)image_bytes(image)),
		cmd_format_bytes(raw, number(figures, "raw_bytes")), number(figures, "pause_s"));
	process_lines(json_object_get(manifest, "processes"));
	file_lines(json_object_get(manifest, "files"));
}

static int show_image(const char *path, struct err *err)
{
	struct image image = {0};
	if (image_open(&image, path, err) < 0)
		return -1;
	int result = 0;
	if (option_json)
		result = cmd_print_json(json_incref(image.manifest), err);
	else
		print_image(&image);
	image_close(&image);
	return result < 0 ? -1 : cmd_flush(err);
}

static int run(const char **arguments, struct err *err)
{
	if (session_is_image(arguments[0]))
		return show_image(arguments[0], err);
	return show_session(arguments[0], err);
}

const struct cmd cmd_show = {
	.name = "show",
	.arguments = "SESSION|IMAGE",
	.summary = "describe a session or an image",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
