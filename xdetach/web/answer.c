#define _GNU_SOURCE
#include "xdetach/web/answer.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define JSON "application/json"

/* ---- making ---- */

void answer_header(struct answer *answer, const char *name, const char *value)
{
	if (answer->response)
		MHD_add_response_header(answer->response, name, value);
}

static struct answer answer_of(unsigned status, const char *type, struct MHD_Response *response)
{
	struct answer answer = {status, response};
	answer_header(&answer, "Content-Type", type);
	return answer;
}

struct answer answer_json(unsigned status, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(value);
	if (!text)
		return (struct answer){0};
	return answer_of(status, JSON,
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

struct answer answer_error(unsigned status, const char *sentence)
{
	return answer_json(status, json_pack("{s:s}", "error", sentence));
}

struct answer answer_bytes(const char *type, struct buf *bytes)
{
	size_t size = bytes->size;
	char *data = buf_steal(bytes);
	return answer_of(MHD_HTTP_OK, type,
		MHD_create_response_from_buffer(size, data, MHD_RESPMEM_MUST_FREE));
}

/* ---- files ---- */

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".svg", "image/svg+xml"}};
	const char *dot = strrchr(path, '.');
	for (size_t i = 0; dot && i < array_len(types); i++)
		if (!strcmp(dot, types[i][0]))
			return types[i][1];
	return NULL;
}

/* What the kernel finds below the folder, and nowhere else. */
static int open_below(const char *folder, const char *path, struct stat *st)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY, .resolve = RESOLVE_BENEATH};
	scoped_fd int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -1;
	scoped_fd int fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
		return -1;
	return steal_fd(&fd);
}

struct answer answer_file(const char *folder, const char *path)
{
	struct stat st;
	const char *type = type_of(path);
	scoped_fd int fd = type ? open_below(folder, path, &st) : -1;
	if (fd < 0)
		return answer_error(MHD_HTTP_NOT_FOUND, "there is nothing here");
	return answer_of(MHD_HTTP_OK, type,
		MHD_create_response_from_fd64((uint64_t)st.st_size, steal_fd(&fd)));
}

/* ---- sending ---- */

static void forbid(struct answer *answer)
{
	static const char *const headers[][2] = {
		{"Content-Security-Policy",
			"default-src 'self'; img-src 'self' blob: data:; "
			"style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
			"form-action 'none'; frame-ancestors 'none'"},
		{"X-Frame-Options", "DENY"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
	};
	for (size_t i = 0; i < array_len(headers); i++)
		answer_header(answer, headers[i][0], headers[i][1]);
	if (answer->response && !MHD_get_response_header(answer->response, "Cache-Control"))
		answer_header(answer, "Cache-Control", "no-store");
}

enum MHD_Result answer_queue(struct MHD_Connection *connection, struct answer *answer)
{
	if (!answer->response)
		return MHD_NO;
	forbid(answer);
	enum MHD_Result result = MHD_queue_response(connection, answer->status, answer->response);
	MHD_destroy_response(answer->response);
	answer->response = NULL;
	return result;
}
