/* doctor: findings have a shape that can be relied on, and the specimen notices what it must. */
#define _GNU_SOURCE
#include "xdetach/doctor/doctor.h"

#include "base/io.h"
#include "xdetach/doctor/specimen.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static const char *text_of(const json_t *finding, const char *key)
{
	return json_string_value(json_object_get(finding, key));
}

static void findings_have_a_shape(void **state)
{
	struct err err = ERR_INIT;
	json_t *findings = doctor_examine(false, &err);
	size_t index;
	json_t *finding;
	assert_non_null(findings);
	assert_true(json_array_size(findings) > 10);
	json_array_foreach (findings, index, finding) {
		const char *found = text_of(finding, "state");
		assert_non_null(text_of(finding, "check"));
		assert_non_null(text_of(finding, "text"));
		if (strcmp(found, "ok"))
			assert_non_null(text_of(finding, "advice"));
		else
			assert_null(text_of(finding, "advice"));
	}
	json_decref(findings);
}

static void one_failure_is_unfit(void **state)
{
	json_t *findings = json_pack("[{s:s}, {s:s}]", "state", "ok", "state", "warn");
	assert_true(doctor_fit(findings));
	json_array_append_new(findings, json_pack("{s:s}", "state", "fail"));
	assert_false(doctor_fit(findings));
	json_decref(findings);
}

/* ---- the specimen ---- */

struct run {
	char dir[32];
	pid_t pid;
};

static int start_specimen(void **state)
{
	static struct run run;
	struct err err = ERR_INIT;
	unsetenv("DISPLAY");
	strcpy(run.dir, "/tmp/glckpt-unit-XXXXXX");
	if (!mkdtemp(run.dir))
		return -1;
	run.pid = fork();
	if (run.pid == 0)
		_exit(specimen_run(run.dir, &err) == 0 ? 0 : 3);
	*state = &run;
	return run.pid > 0 ? 0 : -1;
}

static int end_specimen(void **state)
{
	struct run *run = *state;
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	return io_remove_tree(AT_FDCWD, run->dir, NULL);
}

/* Waits until it has counted beyond `beyond` or says what is wrong; ten seconds at most. */
static int wait_for_count(const struct run *run, long beyond, struct err *err)
{
	double end = io_now() + 10;
	for (long count = -1; io_now() < end;) {
		if (specimen_count(run->dir, &count, err) < 0)
			return -1;
		if (count > beyond)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	return err_set(err, "it does not count");
}

static void specimen_counts(void **state)
{
	struct err err = ERR_INIT;
	if (wait_for_count(*state, 10, &err) < 0)
		fail_msg("%s", err.text);
}

static pid_t only_child_of(pid_t pid)
{
	char path[64];
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (io_read_file(AT_FDCWD, path, &text, 256, NULL) < 0 || !text.size)
		return -1;
	return (pid_t)strtol(text.data, NULL, 10);
}

static void specimen_misses_its_child(void **state)
{
	struct run *run = *state;
	struct err err = ERR_INIT;
	int status;
	assert_int_equal(wait_for_count(run, 2, &err), 0);
	pid_t child = only_child_of(run->pid);
	assert_true(child > 0);
	kill(child, SIGKILL);
	assert_int_equal(wait_for_count(run, 1000000, &err), -1);
	assert_string_equal(err.text, "the child process is gone");
	assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_have_a_shape),
		cmocka_unit_test(one_failure_is_unfit),
		cmocka_unit_test_setup_teardown(specimen_counts, start_specimen, end_specimen),
		cmocka_unit_test_setup_teardown(
			specimen_misses_its_child, start_specimen, end_specimen),
	};
	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
