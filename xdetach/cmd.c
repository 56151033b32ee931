#include "xdetach/cmd.h"

#include "base/io.h"

#include <errno.h>

int cmd_flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_errno(err, "standard output");
	return 0;
}

int cmd_print_json(json_t *value, struct err *err)
{
	if (!value)
		return err_set(err, "out of memory");
	int result = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(value);
	putchar('\n');
	return result == 0 ? cmd_flush(err) : err_errno(err, "standard output");
}

int cmd_parse_duration(const char *text, unsigned *seconds, struct err *err)
{
	char unit = 's', rest;
	unsigned count = 0;
	int fields = sscanf(text, "%u%c%c", &count, &unit, &rest);
	unsigned factor = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
	if (text[0] == '-' || fields < 1 || fields > 2 || !factor || !count ||
		count > 1000000000u / factor)
		return err_set_status(
			err, STATUS_USAGE, "'%s' is no duration: seconds, or 90s, 10m, 2h", text);
	*seconds = count * factor;
	return 0;
}

const char *cmd_format_bytes(char text[32], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	while (bytes >= 1024 && unit + 1 < array_len(units)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 32, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

const char *cmd_format_duration(char text[32], double seconds)
{
	unsigned long whole = (unsigned long)seconds;
	if (seconds < 60)
		snprintf(text, 32, "%lus", whole);
	else if (seconds < 3600)
		snprintf(text, 32, "%lum%02lus", whole / 60, whole % 60);
	else
		snprintf(text, 32, "%luh%02lum", whole / 3600, whole / 60 % 60);
	return text;
}

#define BAR_WIDTH 30
#define BAR_DELAY_S 0.5 /* what is over sooner needs no bar */
#define BAR_INTERVAL_S 0.1

void cmd_progress(const char *what, uint64_t done, uint64_t total)
{
	static double began, last;
	double now = io_now();
	char bar[BAR_WIDTH + 1], sizes[2][32];
	if (!began)
		began = now;
	if (!total || !isatty(STDERR_FILENO) || now - began < BAR_DELAY_S ||
		(done < total && now - last < BAR_INTERVAL_S))
		return;
	last = now;
	size_t filled = (size_t)((double)done / (double)total * BAR_WIDTH);
	for (size_t i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %s of %s \033[K", what, bar,
		cmd_format_bytes(sizes[0], (double)done),
		cmd_format_bytes(sizes[1], (double)total));
	if (done >= total)
		fputs("\r\033[K", stderr);
}
