#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void fill(struct err *err, int status, int number, const char *format, va_list args)
{
	if (!err || err_is_set(err))
		return;
	err->status = status;
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	if (number && length >= 0 && (size_t)length < sizeof(err->text))
		snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s",
			strerror(number));
}

int err_set(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(err, STATUS_FAILED, 0, format, args);
	va_end(args);
	return -1;
}

int err_errno(struct err *err, const char *format, ...)
{
	int number = errno;
	va_list args;
	va_start(args, format);
	fill(err, STATUS_FAILED, number, format, args);
	va_end(args);
	errno = number;
	return -1;
}

int err_set_status(struct err *err, int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fill(err, status, 0, format, args);
	va_end(args);
	return -1;
}

int err_context(struct err *err, const char *format, ...)
{
	if (!err || !err_is_set(err))
		return -1;
	char cause[ERR_TEXT_MAX];
	memcpy(cause, err->text, sizeof(cause));
	va_list args;
	va_start(args, format);
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->text))
		snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s", cause);
	return -1;
}
