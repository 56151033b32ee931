#define _GNU_SOURCE
#include "xdetach/session/xserver.h"

#include "base/io.h"
#include "xdetach/paths.h"
#include "xdetach/session/namespace.h"

#include <X11/Xauth.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"
#define COOKIE_SIZE 16

/* High numbers, because Xlib tries the abstract socket of a number first, and one of the host's own
 * servers would answer there. Ports of such displays (6000 + number) stay below 65536. */
#define NUMBER_FIRST 10000
#define NUMBER_COUNT 49000

int xserver_parse_geometry(struct xserver *server, const char *text, struct err *err)
{
	char rest;
	if (sscanf(text, "%dx%d%c", &server->width, &server->height, &rest) == 2 &&
		server->width > 0 && server->height > 0 && server->width <= 16384 &&
		server->height <= 16384)
		return 0;
	return err_set_status(
		err, STATUS_USAGE, "'%s' is no geometry: WIDTHxHEIGHT, as 1280x800", text);
}

int xserver_parse_kind(struct xserver *server, const char *text, struct err *err)
{
	if (strcmp(text, "xvfb") && strcmp(text, "xvnc") && strcmp(text, "none"))
		return err_set_status(err, STATUS_USAGE, "'%s' is no X server: xvfb or xvnc", text);
	snprintf(server->kind, sizeof(server->kind), "%s", text);
	return 0;
}

static int find_server(const struct xserver *server, struct err *err)
{
	bool vnc = !strcmp(server->kind, "xvnc");
	scoped_free char *program = paths_program(vnc ? "Xvnc" : "Xvfb");
	if (program)
		return 0;
	return err_set_status(err, STATUS_GLCKPT,
		"%s is missing: install the package %s, or use --no-display", vnc ? "Xvnc" : "Xvfb",
		vnc ? "tigervnc-standalone-server" : "xvfb");
}

static bool number_is_free(int number, const struct buf *unix_sockets)
{
	char name[64];
	snprintf(name, sizeof(name), "/tmp/.X%d-lock", number);
	if (access(name, F_OK) == 0)
		return false;
	snprintf(name, sizeof(name), "%s/X%d\n", NAMESPACE_X11, number);
	return !unix_sockets->data || !strstr(unix_sockets->data, name);
}

int xserver_choose(struct xserver *server, struct err *err)
{
	server->number = -1;
	if (!strcmp(server->kind, "none"))
		return 0;
	if (find_server(server, err) < 0)
		return -1;
	scoped_buf struct buf sockets = BUF_INIT;
	io_read_file(AT_FDCWD, "/proc/net/unix", &sockets, 64 << 20, NULL);
	for (int i = 0; i < 1000; i++) {
		unsigned random = 0;
		if (getrandom(&random, sizeof(random), 0) < 0)
			return err_errno(err, "getrandom");
		int number = NUMBER_FIRST + (int)(random % NUMBER_COUNT);
		if (number_is_free(number, &sockets)) {
			server->number = number;
			return 0;
		}
	}
	return err_set(err, "no display number is free");
}

/* ---- the cookie ---- */

static int write_auth_file(const char *path, Xauth *entry, struct err *err)
{
	int fd = io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
	if (fd < 0)
		return -1;
	FILE *file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return err_errno(err, "%s", path);
	}
	int written = XauWriteAuth(file, entry);
	if (fclose(file) != 0 || !written)
		return err_errno(err, "%s", path);
	return 0;
}

int xserver_write_cookie(const struct xserver *server, const char *run_dir, struct err *err)
{
	char cookie[COOKIE_SIZE], number[16];
	if (getrandom(cookie, sizeof(cookie), 0) != sizeof(cookie))
		return err_errno(err, "getrandom");
	snprintf(number, sizeof(number), "%d", server->number);
	char name[] = COOKIE_NAME;
	Xauth entry = {
		.family = FamilyWild,
		.number = number,
		.number_length = (unsigned short)strlen(number),
		.name = name,
		.name_length = sizeof(name) - 1,
		.data = cookie,
		.data_length = sizeof(cookie),
	};
	scoped_free char *outside = paths_format(err, "%s/Xauthority", run_dir);
	if (!outside || write_auth_file(outside, &entry, err) < 0)
		return -1;
	return write_auth_file(NAMESPACE_PRIVATE "/Xauthority", &entry, err);
}

/* ---- how it is started ---- */

int xserver_argv(const struct xserver *server, struct xserver_argv *out)
{
	int count = 0, texts = 0;
	const char **argv = out->argv;
	bool vnc = !strcmp(server->kind, "xvnc");
	char *screen = out->text[texts++];
	char *number = out->text[texts++];
	*out = (struct xserver_argv){0};
	snprintf(number, sizeof(out->text[0]), ":%d", server->number);
	snprintf(screen, sizeof(out->text[0]), vnc ? "%dx%d" : "%dx%dx24", server->width,
		server->height);

	argv[count++] = vnc ? "Xvnc" : "Xvfb";
	argv[count++] = number;
	argv[count++] = "-auth";
	argv[count++] = NAMESPACE_PRIVATE "/Xauthority";
	argv[count++] = "-displayfd";
	argv[count++] = "@";
	argv[count++] = "-nolisten";
	argv[count++] = "tcp";
	argv[count++] = "-nolisten";
	argv[count++] = "local";
	argv[count++] = "-noreset";
	if (getuid() == 0)
		argv[count++] = "-nolock";
	if (vnc) {
		argv[count++] = "-geometry";
		argv[count++] = screen;
		argv[count++] = "-depth";
		argv[count++] = "24";
		argv[count++] = "-SecurityTypes";
		argv[count++] = "None";
		argv[count++] = "-rfbport";
		argv[count++] = "-1";
	} else {
		argv[count++] = "-screen";
		argv[count++] = "0";
		argv[count++] = screen;
	}
	return count;
}

void xserver_drop_lock(const struct xserver *server)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/.X%d-lock", server->number);
	if (server->number >= 0)
		unlink(path);
}

json_t *xserver_to_json(const struct xserver *server)
{
	if (server->number < 0)
		return json_null();
	return json_pack("{s:s, s:i, s:i, s:i}", "kind", server->kind, "number", server->number,
		"width", server->width, "height", server->height);
}

void xserver_from_json(struct xserver *server, const json_t *json)
{
	const char *kind = json_string_value(json_object_get(json, "kind"));
	*server = (struct xserver){.number = -1};
	snprintf(server->kind, sizeof(server->kind), "%s", kind ? kind : "none");
	if (!json_is_object(json))
		return;
	server->number = (int)json_integer_value(json_object_get(json, "number"));
	server->width = (int)json_integer_value(json_object_get(json, "width"));
	server->height = (int)json_integer_value(json_object_get(json, "height"));
}
