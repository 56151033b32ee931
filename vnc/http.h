/*
 * http.h: as much of HTTP/1.1 as a browser needs to fetch noVNC: one request a connection.
 *
 * Input is hostile: a request is bounded in size and time, a path names a file below one folder or
 * nothing. Any thread.
 */
#ifndef VNC_HTTP_H
#define VNC_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 8192
#define HTTP_REQUEST_MS 3000

struct http_request {
	char method[8];
	char path[256]; /* without the query */
	bool websocket; /* wants to become a WebSocket */
};

/* What the first line and the headers say; `text` ends with 0. False: no request. */
bool http_parse(const char *text, struct http_request *request);

/* Looks at a request without taking it from the socket. False: none came in time. */
bool http_peek(int fd, struct http_request *request);

/* Takes the request and answers it. `type`: "text/html" and so on. */
void http_answer(int fd, const char *status, const char *type, const char *body, size_t size);

/* Answers with a file below `folder`, or 404. */
void http_answer_file(int fd, const char *folder, const char *path);

#endif
