/* web: who may see the farm page, and who may press its buttons. */
#define _GNU_SOURCE
#include "xdetach/web/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gate open_gate(bool tls)
{
	struct gate gate;
	assert_int_equal(gate_init(&gate, tls, NULL), 0);
	return gate;
}

static void hosts(void **state)
{
	struct gate gate = open_gate(false), tls = open_gate(true);
	static const char *const ours[] = {"127.0.0.1", "127.0.0.1:80", "localhost:1", "[::1]:1"};
	static const char *const others[] = {"", "evil.example", "127.0.0.1.evil.example",
		"localhost.evil.example:80", "127.0.0.11", "[::11]"};
	for (size_t i = 0; i < array_len(ours); i++)
		assert_true(gate_host_is_ours(&gate, ours[i]));
	for (size_t i = 0; i < array_len(others); i++)
		assert_false(gate_host_is_ours(&gate, others[i]));
	assert_false(gate_host_is_ours(&gate, NULL));
	assert_true(gate_host_is_ours(&tls, "farm.example"));
	assert_false(gate_host_is_ours(&tls, NULL));
}

static void origins(void **state)
{
	struct gate gate = open_gate(false), tls = open_gate(true);
	const char *host = "127.0.0.1:80";
	assert_true(gate_origin_is_ours(&gate, "http://127.0.0.1:80", host));
	assert_true(gate_origin_is_ours(&tls, "https://127.0.0.1:80", host));
	assert_false(gate_origin_is_ours(&gate, "https://127.0.0.1:80", host));
	assert_false(gate_origin_is_ours(&gate, "http://127.0.0.1:81", host));
	assert_false(gate_origin_is_ours(&gate, "http://127.0.0.1:800", host));
	assert_false(gate_origin_is_ours(&gate, "null", host));
	assert_false(gate_origin_is_ours(&gate, "", host));
	assert_false(gate_origin_is_ours(&gate, NULL, host));
	assert_false(gate_origin_is_ours(&gate, "http://127.0.0.1:80", NULL));
}

static void rooms(void **state)
{
	struct gate gate = open_gate(false);
	char path[128], wrong[SECRET_SIZE];
	snprintf(path, sizeof(path), "/%s/api/farm", gate.room);
	assert_string_equal(gate_below_room(&gate, path), "api/farm");
	path[SECRET_SIZE + 1] = '\0';
	assert_string_equal(gate_below_room(&gate, path), "");
	path[SECRET_SIZE] = '\0';
	assert_null(gate_below_room(&gate, path));
	for (size_t i = 0; i < SECRET_SIZE - 1; i++) {
		memcpy(wrong, gate.room, SECRET_SIZE);
		wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
		snprintf(path, sizeof(path), "/%s/", wrong);
		assert_null(gate_below_room(&gate, path));
	}
	assert_null(gate_below_room(&gate, ""));
	assert_null(gate_below_room(&gate, "/"));
	assert_null(gate_below_room(&gate, "//"));
}

static void cookies(void **state)
{
	struct gate gate = open_gate(false), other = open_gate(true), none = {0};
	scoped_free char *cookie = gate_cookie(&gate, NULL), *secure = gate_cookie(&other, NULL);
	assert_non_null(strstr(cookie, "HttpOnly; SameSite=Strict"));
	assert_null(strstr(cookie, "Secure"));
	assert_non_null(strstr(secure, "; Secure"));
	assert_non_null(strstr(cookie, gate.room));
	assert_true(gate_knows(&gate, gate.key));
	assert_false(gate_knows(&gate, other.key));
	assert_false(gate_knows(&gate, gate.room));
	assert_false(gate_knows(&gate, ""));
	assert_false(gate_knows(&gate, NULL));
	assert_false(gate_knows(&none, ""));
}

static void tokens(void **state)
{
	struct gate gate = open_gate(false);
	char token[SECRET_TOKENS + 1][SECRET_SIZE];
	for (size_t i = 0; i <= SECRET_TOKENS; i++)
		assert_int_equal(secret_issue(&gate.tokens, token[i], NULL), 0);
	assert_false(secret_redeem(&gate.tokens, token[0])); /* one too many: the oldest went */
	for (size_t i = 1; i <= SECRET_TOKENS; i++) {
		assert_true(secret_redeem(&gate.tokens, token[i]));
		assert_false(secret_redeem(&gate.tokens, token[i]));
	}
	assert_false(secret_redeem(&gate.tokens, ""));
	assert_false(secret_redeem(&gate.tokens, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(origins),
		cmocka_unit_test(rooms),
		cmocka_unit_test(cookies),
		cmocka_unit_test(tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
