#define _GNU_SOURCE
#include "vnc/http.h"

#include "base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define FILE_MAX (8u << 20)

/* ---- requests ---- */

/* True where a header line says `name: ... value ...`. */
static bool header_says(const char *text, const char *name, const char *value)
{
	size_t length = strlen(name);
	for (const char *line = strstr(text, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) || line[length] != ':')
			continue;
		const char *found = strcasestr(line, value), *end = strstr(line, "\r\n");
		return found && end && found < end;
	}
	return false;
}

bool http_parse(const char *text, struct http_request *request)
{
	*request = (struct http_request){0};
	if (sscanf(text, "%7[A-Z] %255[^ \r\n?#]", request->method, request->path) != 2 ||
		request->path[0] != '/')
		return false;
	request->websocket = header_says(text, "Upgrade", "websocket");
	return true;
}

static bool wait_for_more(int fd, double until)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	double left = until - io_now();
	return left > 0 && poll(&wait, 1, (int)(left * 1000) + 1) > 0;
}

/* Up to the empty line behind the headers. How long it is; 0: it did not come. */
static size_t peek_headers(int fd, char text[HTTP_REQUEST_MAX + 1])
{
	double until = io_now() + HTTP_REQUEST_MS / 1000.0;
	for (ssize_t before = 0; wait_for_more(fd, until);) {
		ssize_t got = recv(fd, text, HTTP_REQUEST_MAX, MSG_PEEK);
		if (got <= 0 || got == HTTP_REQUEST_MAX)
			return 0;
		text[got] = '\0';
		const char *end = strstr(text, "\r\n\r\n");
		if (end)
			return (size_t)(end - text) + 4;
		if (got == before)
			usleep(5000); /* what was only looked at wakes poll() at once */
		before = got;
	}
	return 0;
}

bool http_peek(int fd, struct http_request *request)
{
	char text[HTTP_REQUEST_MAX + 1];
	return peek_headers(fd, text) > 0 && http_parse(text, request);
}

/* ---- answers ---- */

static void take_request(int fd)
{
	char text[HTTP_REQUEST_MAX + 1];
	size_t size = peek_headers(fd, text);
	if (size && recv(fd, text, size, 0) < 0)
		return;
}

void http_answer(int fd, const char *status, const char *type, const char *body, size_t size)
{
	scoped_buf struct buf answer = BUF_INIT;
	take_request(fd);
	buf_printf(&answer,
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
		"Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
		"X-Frame-Options: DENY\r\nX-Content-Type-Options: nosniff\r\n\r\n",
		status, type, size);
	buf_append(&answer, body, size);
	if (!buf_failed(&answer))
		io_write_full(fd, answer.data, answer.size);
	shutdown(fd, SHUT_WR);
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".json", "application/json"}, {".svg", "image/svg+xml"}, {".png", "image/png"},
		{".ico", "image/x-icon"}, {".woff", "font/woff"}, {".ttf", "font/ttf"},
		{".mp3", "audio/mpeg"}, {".oga", "audio/ogg"}};
	const char *dot = strrchr(path, '.');
	for (size_t i = 0; dot && i < array_len(types); i++)
		if (!strcmp(dot, types[i][0]))
			return types[i][1];
	return NULL;
}

void http_answer_file(int fd, const char *folder, const char *path)
{
	scoped_buf struct buf body = BUF_INIT;
	const char *type = type_of(path);
	scoped_fd int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found = type && at >= 0 && !strstr(path, "/..") &&
		io_read_file(at, path + 1, &body, FILE_MAX, NULL) == 0;
	if (found)
		http_answer(fd, "200 OK", type, body.data ? body.data : "", body.size);
	else
		http_answer(fd, "404 Not Found", "text/plain", "not here\n", 9);
}
