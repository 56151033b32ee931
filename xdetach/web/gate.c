#define _GNU_SOURCE
#include "xdetach/web/gate.h"

#include "xdetach/paths.h"

#include <string.h>

int gate_init(struct gate *gate, bool tls, struct err *err)
{
	*gate = (struct gate){.tls = tls, .tokens = SECRET_TOKENS_INIT};
	if (secret_make(gate->room, err) < 0)
		return -1;
	return secret_make(gate->key, err);
}

/* With any port: a tunnel may end at another one. */
static bool is_loopback(const char *host)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
	for (size_t i = 0; i < array_len(names); i++) {
		size_t length = strlen(names[i]);
		if (!strncmp(host, names[i], length) && (!host[length] || host[length] == ':'))
			return true;
	}
	return false;
}

bool gate_host_is_ours(const struct gate *gate, const char *host)
{
	return host && (gate->tls || is_loopback(host));
}

bool gate_origin_is_ours(const struct gate *gate, const char *origin, const char *host)
{
	const char *scheme = gate->tls ? "https://" : "http://";
	size_t length = strlen(scheme);
	return origin && host && !strncmp(origin, scheme, length) && !strcmp(origin + length, host);
}

const char *gate_below_room(const struct gate *gate, const char *path)
{
	char first[SECRET_SIZE];
	if (path[0] != '/' || strnlen(path + 1, SECRET_SIZE) < SECRET_SIZE ||
		path[SECRET_SIZE] != '/')
		return NULL;
	memcpy(first, path + 1, SECRET_SIZE - 1);
	first[SECRET_SIZE - 1] = '\0';
	return secret_same(first, gate->room) ? path + SECRET_SIZE + 1 : NULL;
}

bool gate_knows(const struct gate *gate, const char *cookie)
{
	return secret_same(cookie, gate->key);
}

char *gate_cookie(const struct gate *gate, struct err *err)
{
	return paths_format(err, GATE_COOKIE "=%s; Path=/%s/; HttpOnly; SameSite=Strict%s",
		gate->key, gate->room, gate->tls ? "; Secure" : "");
}
