/* wire/generate: a tiny registry's expected output; a call that nobody describes stops it. */
#include "base/buf.h"
#include "base/io.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define TINY "tests/golden/tiny"

static char folder[] = "/tmp/glckpt-generate-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

static int generate(const char *registry, const char *wire)
{
	char command[512];
	snprintf(command, sizeof(command),
		"/usr/bin/python3 wire/generate --registry %s --wire %s --out %s 2>%s/errors",
		registry, wire, folder, folder);
	const int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void read_into(struct buf *buf, const char *directory, const char *name)
{
	char path[512];
	struct err err = ERR_INIT;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (io_read_file(AT_FDCWD, path, buf, 16u << 20, &err))
		fail_msg("%s", err.text);
}

static void same(const char *name)
{
	scoped_buf struct buf made = BUF_INIT, expected = BUF_INIT;
	char expected_name[64];
	snprintf(expected_name, sizeof(expected_name), "%s.expected", name);
	read_into(&made, folder, name);
	read_into(&expected, TINY, expected_name);
	assert_string_equal(made.data, expected.data);
}

static void a_tiny_registry(void **state)
{
	assert_int_equal(generate(TINY "/registry.xml", TINY), 0);
	same("messages.h");
	same("decode.c");
	same("entries0.c");
	same("entries1.c");
	same("entries2.c");
	same("entries3.c");
}

/* The same registry without a policy for glImage. */
static void an_undescribed_call(void **state)
{
	char command[512];
	scoped_buf struct buf errors = BUF_INIT;
	snprintf(command, sizeof(command),
		"cp -r %s %s/wire && echo 'length COMPSIZE(pname) = 1' >%s/wire/policy.txt", TINY,
		folder, folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/wire", folder);
	assert_int_not_equal(generate(TINY "/registry.xml", command), 0);
	read_into(&errors, folder, "errors");
	assert_non_null(strstr(errors.data, "glImage: nothing says how long pixels is"));
}

static void a_call_without_opcode(void **state)
{
	char command[512];
	scoped_buf struct buf errors = BUF_INIT;
	snprintf(command, sizeof(command),
		"rm -rf %s/wire && cp -r %s %s/wire && echo '0 glScalars' >%s/wire/opcodes.txt",
		folder, TINY, folder, folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/wire", folder);
	assert_int_not_equal(generate(TINY "/registry.xml", command), 0);
	read_into(&errors, folder, "errors");
	assert_non_null(strstr(errors.data, "no opcode for glAnswer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tiny_registry),
		cmocka_unit_test(an_undescribed_call),
		cmocka_unit_test(a_call_without_opcode),
	};
	return cmocka_run_group_tests_name("generate", tests, set_up, tear_down);
}
