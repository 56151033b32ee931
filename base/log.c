#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const char *process_name = "glckpt";

void log_name(const char *name)
{
	process_name = name;
}

static void emit(const char *level, const char *format, va_list args)
{
	int number = errno;
	char line[4096];
	int head = snprintf(line, sizeof(line), "%s: %s", process_name, level);
	size_t used = (size_t)head;
	int body = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	if (body > 0)
		used += (size_t)body;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written; /* there is nowhere left to report it */
	errno = number;
}

void log_line(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	emit("", format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	if (!getenv("GLCKPT_DEBUG"))
		return;
	va_list args;
	va_start(args, format);
	emit("debug: ", format, args);
	va_end(args);
}
