#define _GNU_SOURCE
#include "xdetach/web/server.h"

#include "base/io.h"
#include "xdetach/paths.h"
#include "xdetach/web/action.h"
#include "xdetach/web/answer.h"
#include "xdetach/web/relay.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOVNC "/usr/share/novnc"
#define BODY_MAX 4096
#define IDLE_S 60
#define CONNECTIONS_MAX 256
#define PICTURES_AT_ONCE 2
#define PICTURE_WIDTH "512"

/* One request, from its first byte to its answer. */
struct request {
	struct buf body;
	bool too_much;
};

struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	const char *method, *path; /* below the room */
	const struct request *request;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* NULL where there is none, or an empty one. */
static const char *query(const struct exchange *exchange, const char *name)
{
	const char *value =
		MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
	return value && *value ? value : NULL;
}

/* What a session or an image is called, so that no command takes it for an option. */
static const char *subject(const struct exchange *exchange)
{
	const char *image = query(exchange, "image");
	const char *session = query(exchange, "session");
	if (image)
		return image[0] == '/' ? image : NULL;
	return session && session[0] != '-' && !strchr(session, '/') ? session : NULL;
}

static struct answer missing(void)
{
	return answer_error(MHD_HTTP_BAD_REQUEST, "which session, or which image?");
}

/* ---- what there is ---- */

static struct answer get_farm(struct exchange *exchange)
{
	struct err err = ERR_INIT;
	json_t *farm = farm_describe(&exchange->server->farm, &err);
	return farm ? answer_json(MHD_HTTP_OK, farm)
		    : answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
}

/* A picture of an image stays what it is. */
static struct answer get_picture(struct exchange *exchange)
{
	struct server *server = exchange->server;
	const char *what = subject(exchange);
	const char *words[] = {"screenshot", "--width", PICTURE_WIDTH, "-o", "-", what, NULL};
	scoped_buf struct buf picture = BUF_INIT;
	struct err err = ERR_INIT;
	if (!what)
		return missing();
	sem_wait(&server->pictures);
	int result = action_run(server->options->glckpt, words, &picture, &err);
	sem_post(&server->pictures);
	if (result < 0)
		return answer_error(MHD_HTTP_CONFLICT, err.text);
	struct answer answer = answer_bytes("image/png", &picture);
	if (query(exchange, "image"))
		answer_header(&answer, "Cache-Control", "private, max-age=86400, immutable");
	return answer;
}

/* ---- buttons ---- */

static const char *const actions[][6] = {
	{"checkpoint", "checkpoint", "--json"},
	{"stop", "checkpoint", "--json", "--stop"},
	{"kill", "kill"},
	{"restore", "restore", "--json", "-d"},
};

/* The command's words, its option --name and its subject. */
static void put_words(const char *words[ACTION_WORDS + 1], const char *const *action,
	const char *name, const char *what)
{
	size_t at = 0;
	for (size_t i = 1; i < array_len(actions[0]) && action[i]; i++)
		words[at++] = action[i];
	if (name) {
		words[at++] = "--name";
		words[at++] = name;
	}
	words[at++] = what;
	words[at] = NULL;
}

static struct answer run_action(struct exchange *exchange, const char *const *action)
{
	const char *words[ACTION_WORDS + 1], *what = subject(exchange);
	scoped_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	if (!what)
		return missing();
	MHD_set_connection_option(exchange->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	put_words(words, action, query(exchange, "name"), what);
	if (action_run(exchange->server->options->glckpt, words, &out, &err) < 0)
		return answer_error(MHD_HTTP_CONFLICT, err.text);
	if (!out.size)
		return answer_json(MHD_HTTP_OK, json_object());
	return answer_bytes("application/json", &out);
}

static struct answer post_open(struct exchange *exchange)
{
	struct err err = ERR_INIT;
	const char *session = subject(exchange);
	if (!session)
		return missing();
	if (access(NOVNC "/core/rfb.js", R_OK) < 0)
		return answer_error(
			MHD_HTTP_CONFLICT, "noVNC is missing: install the package novnc");
	if (relay_prepare(session, &err) < 0)
		return answer_error(MHD_HTTP_CONFLICT, err.text);
	return answer_json(MHD_HTTP_OK, json_object());
}

static struct answer post_address(struct exchange *exchange)
{
	struct err err = ERR_INIT;
	scoped_free char *url = server_address(exchange->server, &err);
	return url ? answer_json(MHD_HTTP_OK, json_pack("{s:s}", "url", url))
		   : answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
}

/* ---- watching ---- */

struct watching {
	int browser, bridge;
	struct MHD_UpgradeResponseHandle *handle;
};

static void *watch(void *data)
{
	struct watching *watching = data;
	relay_run(watching->browser, watching->bridge);
	MHD_upgrade_action(watching->handle, MHD_UPGRADE_ACTION_CLOSE);
	free(watching);
	return NULL;
}

static void on_upgrade(void *data, struct MHD_Connection *connection, void *state,
	const char *early, size_t size, MHD_socket browser,
	struct MHD_UpgradeResponseHandle *handle)
{
	struct watching *watching = data;
	pthread_t thread;
	watching->browser = browser;
	watching->handle = handle;
	if (io_write_full(watching->bridge, early, size) == 0 &&
		pthread_create(&thread, NULL, watch, watching) == 0) {
		pthread_detach(thread);
		return;
	}
	close(watching->bridge);
	free(watching);
	MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

static struct answer upgrade_to(int *bridge, const struct relay_hello *hello)
{
	struct watching *watching = calloc(1, sizeof(*watching));
	if (!watching)
		return (struct answer){0};
	struct answer answer = {MHD_HTTP_SWITCHING_PROTOCOLS,
		MHD_create_response_for_upgrade(on_upgrade, watching)};
	if (!answer.response) {
		free(watching);
		return answer;
	}
	watching->bridge = steal_fd(bridge);
	answer_header(&answer, "Upgrade", "websocket");
	answer_header(&answer, "Sec-WebSocket-Accept", hello->accept);
	if (hello->protocol[0])
		answer_header(&answer, "Sec-WebSocket-Protocol", hello->protocol);
	return answer;
}

static struct answer get_view(struct exchange *exchange)
{
	struct err err = ERR_INIT;
	struct relay_hello hello;
	struct MHD_Connection *connection = exchange->connection;
	const char *session = subject(exchange), *upgrade = header(connection, "Upgrade");
	const char *key = header(connection, "Sec-WebSocket-Key");
	if (!session || !key || strlen(key) > 64 || !upgrade || strcasecmp(upgrade, "websocket"))
		return missing();
	scoped_fd int bridge = relay_connect(
		session, key, header(connection, "Sec-WebSocket-Protocol"), &hello, &err);
	return bridge < 0 ? answer_error(MHD_HTTP_CONFLICT, err.text) : upgrade_to(&bridge, &hello);
}

/* ---- who asks for what ---- */

static const struct {
	const char *method, *path;
	struct answer (*run)(struct exchange *exchange);
	bool ours_only; /* only our own page may ask */
} routes[] = {
	{"GET", "api/farm", get_farm, false},
	{"GET", "api/picture", get_picture, false},
	{"GET", "api/view", get_view, true},
	{"POST", "api/address", post_address, true},
	{"POST", "api/open", post_open, true},
};

static bool is_ours(const struct exchange *exchange)
{
	struct MHD_Connection *connection = exchange->connection;
	return gate_origin_is_ours(
		&exchange->server->gate, header(connection, "Origin"), header(connection, "Host"));
}

static struct answer refuse(void)
{
	return answer_error(MHD_HTTP_FORBIDDEN, "ask for a new address: glckpt web");
}

static struct answer get_file(struct exchange *exchange)
{
	const char *path = *exchange->path ? exchange->path : "farm.html";
	if (!strncmp(path, "novnc/", 6))
		return answer_file(NOVNC, path + 6);
	return answer_file(exchange->server->page, path);
}

static struct answer route_action(struct exchange *exchange)
{
	if (!is_ours(exchange))
		return refuse();
	for (size_t i = 0; i < array_len(actions); i++)
		if (!strncmp(exchange->path, "api/", 4) &&
			!strcmp(exchange->path + 4, actions[i][0]))
			return run_action(exchange, actions[i]);
	return answer_error(MHD_HTTP_NOT_FOUND, "there is nothing here");
}

static struct answer route(struct exchange *exchange)
{
	for (size_t i = 0; i < array_len(routes); i++) {
		if (strcmp(exchange->method, routes[i].method) ||
			strcmp(exchange->path, routes[i].path))
			continue;
		return routes[i].ours_only && !is_ours(exchange) ? refuse()
								 : routes[i].run(exchange);
	}
	if (!strcmp(exchange->method, "POST"))
		return route_action(exchange);
	if (strcmp(exchange->method, "GET"))
		return answer_error(MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST");
	return get_file(exchange);
}

/* ---- the way in ---- */

static struct answer enter(struct exchange *exchange)
{
	struct gate *gate = &exchange->server->gate;
	const struct buf *token = &exchange->request->body;
	struct err err = ERR_INIT;
	if (!is_ours(exchange) || !secret_redeem(&gate->tokens, token->data))
		return refuse();
	scoped_free char *cookie = gate_cookie(gate, &err);
	if (!cookie)
		return answer_error(MHD_HTTP_INTERNAL_SERVER_ERROR, err.text);
	struct answer answer = answer_json(MHD_HTTP_OK, json_pack("{s:s}", "room", gate->room));
	answer_header(&answer, "Set-Cookie", cookie);
	return answer;
}

/* What anybody may have. */
static struct answer outside(struct exchange *exchange)
{
	static const char *const files[] = {"enter.js", "farm.css", "icon.svg"};
	if (!strcmp(exchange->method, "POST") && !strcmp(exchange->path, "enter"))
		return enter(exchange);
	if (strcmp(exchange->method, "GET"))
		return refuse();
	if (!*exchange->path)
		return answer_file(exchange->server->page, "enter.html");
	for (size_t i = 0; i < array_len(files); i++)
		if (!strcmp(exchange->path, files[i]))
			return answer_file(exchange->server->page, files[i]);
	return refuse();
}

static struct answer receive(struct exchange *exchange, const char *url)
{
	struct gate *gate = &exchange->server->gate;
	struct MHD_Connection *connection = exchange->connection;
	const char *below = gate_below_room(gate, url);
	const char *cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, GATE_COOKIE);
	if (!gate_host_is_ours(gate, header(connection, "Host")))
		return answer_error(MHD_HTTP_FORBIDDEN, "ask for it as 127.0.0.1 or localhost");
	if (exchange->request->too_much)
		return answer_error(MHD_HTTP_CONTENT_TOO_LARGE, "that is too much");
	if (below && gate_knows(gate, cookie)) {
		exchange->path = below;
		return route(exchange);
	}
	exchange->path = url + 1;
	return url[0] == '/' ? outside(exchange) : refuse();
}

/* ---- libmicrohttpd ---- */

static void take_body(struct request *request, const char *data, size_t size)
{
	if (size > BODY_MAX - request->body.size)
		request->too_much = true;
	else
		buf_append(&request->body, data, size);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *body, size_t *size, void **state)
{
	struct request *request = *state;
	if (!request) {
		*state = calloc(1, sizeof(*request));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		take_body(request, body, *size);
		*size = 0;
		return MHD_YES;
	}
	struct exchange exchange = {data, connection, method, "", request};
	struct answer answer = receive(&exchange, url);
	return answer_queue(connection, &answer);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode how)
{
	struct request *request = *state;
	if (request)
		buf_finish(&request->body);
	free(request);
	*state = NULL;
}

/* ---- listening ---- */

/* `address` NULL: connections are handed over by take_connection(). */
static struct MHD_Daemon *start_daemon(struct server *server, const struct sockaddr *address)
{
	const unsigned listens = !address        ? MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC
		: address->sa_family == AF_INET6 ? MHD_USE_IPv6
						 : 0;
	return MHD_start_daemon(listens | MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_ALLOW_UPGRADE,
		0, NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		address ? MHD_OPTION_SOCK_ADDR : MHD_OPTION_END, address, MHD_OPTION_END);
}

static int listen_in_clear(struct server *server, const struct sockaddr *address)
{
	struct MHD_Daemon *daemon = start_daemon(server, address);
	return daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port : -1;
}

static void take_connection(int fd, void *data)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX};
	MHD_add_connection(data, fd, (const struct sockaddr *)&local, sizeof(sa_family_t));
}

static int listen_with_tls(struct server *server, const struct addrinfo *at)
{
	struct MHD_Daemon *daemon = start_daemon(server, NULL);
	return daemon
		? tls_listen(&server->tls, at->ai_addr, at->ai_addrlen, take_connection, daemon)
		: -1;
}

/* An address that stands for all is of no use to a browser; this host's name is. */
static void put_url(struct server *server, const struct sockaddr *address, int port)
{
	char name[HOST_NAME_MAX + 1] = "localhost";
	const struct server_options *options = server->options;
	bool all = !strcmp(options->listen, "0.0.0.0") || !strcmp(options->listen, "::");
	bool brackets = !all && address->sa_family == AF_INET6;
	if (all)
		gethostname(name, sizeof(name) - 1);
	snprintf(server->url, sizeof(server->url), "%s://%s%s%s:%d",
		options->certificate ? "https" : "http", brackets ? "[" : "",
		all ? name : options->listen, brackets ? "]" : "", port);
}

static int serve_at(struct server *server, const struct addrinfo *at, struct err *err)
{
	const struct server_options *options = server->options;
	if (options->certificate &&
		secure_identity_init(
			&server->tls.identity, options->certificate, options->key, err) < 0)
		return -1;
	const int port = options->certificate ? listen_with_tls(server, at)
					      : listen_in_clear(server, at->ai_addr);
	if (port < 0)
		return err_errno(err, "port %s of %s", options->port, options->listen);
	put_url(server, at->ai_addr, port);
	return 0;
}

int server_start(struct server *server, const struct server_options *options, struct err *err)
{
	const struct addrinfo numeric = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	*server = (struct server){.options = options};
	sem_init(&server->pictures, 0, PICTURES_AT_ONCE);
	if (gate_init(&server->gate, options->certificate != NULL, err) < 0 ||
		farm_init(&server->farm, options->dirs, err) < 0)
		return -1;
	server->page = paths_helper("page", err);
	if (!server->page)
		return -1;
	if (getaddrinfo(options->listen, options->port, &numeric, &found) != 0)
		return err_set_status(
			err, STATUS_USAGE, "'%s' is no address of this machine", options->listen);
	int result = serve_at(server, found, err);
	freeaddrinfo(found);
	return result;
}

char *server_address(struct server *server, struct err *err)
{
	char token[SECRET_SIZE];
	if (secret_issue(&server->gate.tokens, token, err) < 0)
		return NULL;
	return paths_format(err, "%s/#%s", server->url, token);
}
