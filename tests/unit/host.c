/* host: a processor with less, other pages, another architecture; an older kernel is a warning. */
#include "xdetach/doctor/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *machine(const char *kernel, const char *architecture, int page, const char *flags)
{
	json_t *list = json_loads(flags, 0, NULL);
	assert_non_null(list);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o}", "hostname", "there", "cpu",
		"A Processor", "kernel", kernel, "machine", architecture, "page_size", page,
		"cpu_flags", list);
}

static int compare(json_t *there, json_t *here, char *warning, struct err *err)
{
	*err = (struct err)ERR_INIT;
	int result = host_compare(there, here, warning, err);
	json_decref(there);
	json_decref(here);
	return result;
}

static void this_machine_is_like_itself(void **state)
{
	char warning[HOST_WARNING_MAX];
	struct err err = ERR_INIT;
	json_t *host = host_describe(&err);
	assert_non_null(host);
	assert_true(json_array_size(json_object_get(host, "cpu_flags")) > 3);
	assert_int_equal(host_check(host, warning, &err), 0);
	assert_string_equal(warning, "");
	json_decref(host);
}

static void processor_may_have_more(void **state)
{
	struct err err;
	char warning[HOST_WARNING_MAX];
	assert_int_equal(
		compare(machine("6.1.0", "x86_64", 4096, "[\"avx\", \"vmx\"]"),
			machine("6.18.1", "x86_64", 4096, "[\"avx2\", \"avx\"]"), warning, &err),
		0);
	assert_string_equal(warning, "");
}

static void processor_may_not_have_less(void **state)
{
	struct err err;
	assert_int_equal(
		compare(machine("6.1", "x86_64", 4096,
				"[\"avx\", \"avx2\", \"f1\", \"f2\", \"f3\", \"f4\", \"f5\"]"),
			machine("6.1", "x86_64", 4096, "[\"avx\"]"), NULL, &err),
		-1);
	assert_non_null(strstr(err.text, "avx2, f1, f2, f3 and 2 more"));
	assert_non_null(strstr(err.text, "A Processor"));
}

static void other_architecture_and_pages_are_refused(void **state)
{
	struct err err;
	assert_int_equal(compare(machine("6.1", "aarch64", 4096, "[]"),
				 machine("6.1", "x86_64", 4096, "[]"), NULL, &err),
		-1);
	assert_non_null(strstr(err.text, "aarch64"));
	assert_int_equal(compare(machine("6.1", "aarch64", 65536, "[]"),
				 machine("6.1", "aarch64", 4096, "[]"), NULL, &err),
		-1);
	assert_non_null(strstr(err.text, "65536"));
}

static void older_kernel_is_a_warning(void **state)
{
	struct err err;
	char warning[HOST_WARNING_MAX];
	static const struct {
		const char *then, *now;
		bool warned;
	} cases[] = {
		{"6.18.44-fc", "6.9.1", true},
		{"6.9.1", "6.18.44-fc", false},
		{"6.1.0-13-amd64", "6.1.0-9-amd64", false},
		{"6.1.5", "6.1.4", true},
		{"6.1", "5.10.0", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			compare(machine(cases[i].then, "x86_64", 4096, "[]"),
				machine(cases[i].now, "x86_64", 4096, "[]"), warning, &err),
			0);
		assert_int_equal(warning[0] != '\0', cases[i].warned);
	}
}

static void nonsense_is_refused(void **state)
{
	struct err err = ERR_INIT;
	json_t *empty = json_object();
	assert_int_equal(host_check(empty, NULL, &err), -1);
	assert_int_equal(host_check(NULL, NULL, &err), -1);
	json_decref(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_machine_is_like_itself),
		cmocka_unit_test(processor_may_have_more),
		cmocka_unit_test(processor_may_not_have_less),
		cmocka_unit_test(other_architecture_and_pages_are_refused),
		cmocka_unit_test(older_kernel_is_a_warning),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
