/* paths: the environment decides as the header says, and nothing strange is trusted. */
#define _GNU_SOURCE
#include "xdetach/paths.h"

#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/glckpt-paths-XXXXXX";
static char own_folder[PATH_MAX]; /* of this program */

static void write_text(const char *path, const char *text, mode_t mode)
{
	struct err err = ERR_INIT;
	assert_int_equal(io_write_file(AT_FDCWD, path, text, strlen(text), mode, &err), 0);
}

static int set_up(void **state)
{
	ssize_t length = readlink("/proc/self/exe", own_folder, sizeof(own_folder) - 1);
	if (length < 0 || !mkdtemp(folder))
		return -1;
	own_folder[length] = '\0';
	*strrchr(own_folder, '/') = '\0';
	return 0;
}

static int tear_down(void **state)
{
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

static int forget_environment(void **state)
{
	static const char *const names[] = {"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME",
		"GLCKPT_IMAGE_DIR", "GLCKPT_CRIU"};
	for (size_t i = 0; i < array_len(names); i++)
		unsetenv(names[i]);
	setenv("HOME", folder, 1);
	return 0;
}

static void expect(char *result, const char *format, ...)
{
	char wanted[PATH_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted), format, args);
	va_end(args);
	assert_non_null(result);
	assert_string_equal(result, wanted);
	free(result);
}

static void run_dir_is_private(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;
	setenv("XDG_RUNTIME_DIR", folder, 1);
	scoped_free char *dir = paths_run_dir(&err);
	assert_non_null(dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_null(paths_run_dir(&err));
	assert_non_null(strstr(err.text, "closed to others"));
	rmdir(dir);
}

static void run_dir_is_no_link(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *link = paths_format(&err, "%s/glckpt", folder);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_null(paths_run_dir(&err));
	unlink(link);
}

static void run_dir_without_a_usable_variable(void **state)
{
	char fallback[64];
	snprintf(fallback, sizeof(fallback), "/tmp/glckpt-%u", (unsigned)geteuid());
	static const char *const useless[] = {"relative", "/nowhere/at/all", "/dev/null"};
	for (size_t i = 0; i < array_len(useless); i++) {
		struct err err = ERR_INIT;
		setenv("XDG_RUNTIME_DIR", useless[i], 1);
		expect(paths_run_dir(&err), "%s", fallback);
	}
	rmdir(fallback); /* stays where sessions live in it */
}

static void state_and_images_follow_the_standard(void **state)
{
	struct err err = ERR_INIT;
	expect(paths_state_dir(&err), "%s/.local/state/glckpt", folder);
	expect(paths_image_dir(&err), "%s/.local/share/glckpt/images", folder);
	setenv("XDG_STATE_HOME", "/s", 1);
	setenv("XDG_DATA_HOME", "/d", 1);
	expect(paths_state_dir(&err), "/s/glckpt");
	expect(paths_image_dir(&err), "/d/glckpt/images");
	setenv("XDG_STATE_HOME", "relative", 1);
	expect(paths_state_dir(&err), "%s/.local/state/glckpt", folder);
	setenv("GLCKPT_IMAGE_DIR", "/images", 1);
	expect(paths_image_dir(&err), "/images");
}

static void relative_image_dir_becomes_absolute(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *here = get_current_dir_name();
	setenv("GLCKPT_IMAGE_DIR", "kept", 1);
	expect(paths_image_dir(&err), "%s/kept", here);
}

static void missing_helper_is_named(void **state)
{
	struct err err = ERR_INIT;
	assert_null(paths_helper("no-such-helper", &err));
	assert_non_null(strstr(err.text, "no-such-helper"));
}

static void criu_from_the_environment(void **state)
{
	struct err err = ERR_INIT;
	setenv("GLCKPT_CRIU", "/bin/true", 1);
	expect(paths_criu(&err), "/bin/true");
	setenv("GLCKPT_CRIU", "/nowhere/criu", 1);
	assert_null(paths_criu(&err));
	assert_non_null(strstr(err.text, "GLCKPT_CRIU: /nowhere/criu"));
}

static void criu_from_the_choice(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *file = paths_format(&err, "%s/criu.path", own_folder);
	scoped_free char *criu = paths_format(&err, "%s/chosen-criu", own_folder);
	write_text(criu, "", 0755);
	write_text(file, "chosen-criu\n", 0644);
	expect(paths_criu(&err), "%s/chosen-criu", own_folder);
	unlink(criu);
	assert_null(paths_criu(&err));
	assert_non_null(strstr(err.text, "make criu"));
	unlink(file);
}

static void criu_from_path(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *criu = paths_format(&err, "%s/criu", folder);
	scoped_free char *before = paths_format(&err, "%s", getenv("PATH"));
	write_text(criu, "", 0755);
	setenv("PATH", folder, 1);
	expect(paths_criu(&err), "%s/criu", folder);
	setenv("PATH", before, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(run_dir_is_private, forget_environment),
		cmocka_unit_test_setup(run_dir_is_no_link, forget_environment),
		cmocka_unit_test_setup(run_dir_without_a_usable_variable, forget_environment),
		cmocka_unit_test_setup(state_and_images_follow_the_standard, forget_environment),
		cmocka_unit_test_setup(relative_image_dir_becomes_absolute, forget_environment),
		cmocka_unit_test_setup(missing_helper_is_named, forget_environment),
		cmocka_unit_test_setup(criu_from_the_environment, forget_environment),
		cmocka_unit_test_setup(criu_from_the_choice, forget_environment),
		cmocka_unit_test_setup(criu_from_path, forget_environment),
	};
	return cmocka_run_group_tests_name("paths", tests, set_up, tear_down);
}
