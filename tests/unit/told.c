/*
 * What programs are told of their OpenGL: the profiles' tables, what a portable profile makes of a
 * driver's answers, and that it is the same from a snapshot; nonsense in a snapshot is refused.
 */
#include "glproxy/told.h"
#include "wire/extensions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a driver that says something ---- */

static const GLubyte *say_string(GLenum name)
{
	switch (name) {
	case GL_VERSION:
		return (const GLubyte *)"4.5 (Core Profile) Fake 1.2";
	case GL_SHADING_LANGUAGE_VERSION:
		return (const GLubyte *)"4.50";
	case GL_RENDERER:
		return (const GLubyte *)"fake";
	default:
		return (const GLubyte *)"somebody";
	}
}

static const GLubyte *say_extension(GLenum name, GLuint index)
{
	static const char *const names[] = {
		"GL_ARB_sync", "GL_ARB_compute_shader", "GL_NO_such_thing"};
	return (const GLubyte *)names[index];
}

static void say_integer(GLenum pname, GLint *values)
{
	values[0] = values[1] = pname == GL_NUM_EXTENSIONS    ? 3
		: pname == GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT ? 16
		: pname == GL_MIN_PROGRAM_TEXEL_OFFSET        ? -32
							      : 32768;
}

static void say_real(GLenum pname, GLfloat *values)
{
	values[0] = 1;
	values[1] = 7.5f;
}

static GLenum no_error(void)
{
	return GL_NO_ERROR;
}

static GLboolean never(GLenum cap)
{
	return GL_FALSE;
}

static const struct driver fake = {.GetString = say_string,
	.GetStringi = say_extension,
	.GetIntegerv = say_integer,
	.GetFloatv = say_real,
	.GetError = no_error,
	.IsEnabled = never};

static const EGLint plain[] = {EGL_NONE};

static struct told *ask(const char *profile)
{
	assert_true(profile_choose(profile));
	struct told *told = told_create(EGL_OPENGL_API, plain, sizeof(plain));
	assert_non_null(told);
	told_ask(told, &fake);
	return told;
}

static double limit(const struct told *told, GLenum pname)
{
	double values[2] = {0};
	assert_true(told_limit(told, pname, values));
	return values[0];
}

/* ---- tests ---- */

static void test_tables(void **state)
{
	for (size_t i = 0; i < profile_extension_count; i++) {
		const char *name = profile_extensions[i].name;
		bool offered = false;
		for (size_t n = 0; n < wire_extension_count; n++)
			offered = offered || !strcmp(name, wire_extensions[n]);
		assert_true(offered);
		if (i)
			assert_true(strcmp(profile_extensions[i - 1].name, name) < 0);
	}
	for (size_t i = 0; i < profile_limit_count; i++)
		for (size_t n = 0; n < i; n++)
			assert_int_not_equal(profile_limits[i].pname, profile_limits[n].pname);
}

static void test_native_is_what_the_driver_says(void **state)
{
	struct told *told = ask("native");
	assert_string_equal(told_text(told, GL_VERSION), "4.5 (Core Profile) Fake 1.2");
	assert_string_equal(told_text(told, GL_EXTENSIONS), "GL_ARB_sync GL_ARB_compute_shader ");
	assert_int_equal(told_extension_count(told), 2);
	assert_true(limit(told, GL_MAX_TEXTURE_SIZE) == 32768);
	told_destroy(told);
}

static void test_portable_is_less(void **state)
{
	double none[2];
	struct told *told = ask("portable-3.3");
	assert_string_equal(told_text(told, GL_VERSION), "3.3 (Core Profile) portable-3.3");
	assert_string_equal(told_text(told, GL_SHADING_LANGUAGE_VERSION), "3.30");
	assert_string_equal(told_text(told, GL_EXTENSIONS), "GL_ARB_sync ");
	assert_true(limit(told, GL_MAX_TEXTURE_SIZE) == 8192);
	assert_true(limit(told, GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT) == 256);
	assert_true(limit(told, GL_MIN_PROGRAM_TEXEL_OFFSET) == -8);
	assert_true(limit(told, GL_MAJOR_VERSION) == 3);
	assert_false(told_limit(told, GL_MAX_IMAGE_UNITS, none));
	told_destroy(told);
	static const EGLint later[] = {
		EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 0, EGL_NONE};
	assert_true(profile_forbids(EGL_OPENGL_API, later));
	assert_false(profile_forbids(EGL_OPENGL_API, plain));
	profile_choose("native");
	assert_false(profile_forbids(EGL_OPENGL_API, later));
	assert_false(profile_choose("portable-9.9"));
}

/* The record of what was told, from byte `from` on behind its head. */
static struct span record_of(struct proxy *proxy, struct buf *image)
{
	told_put(proxy, image);
	size_t at = 0;
	struct record_head head;
	for (;; at += sizeof(head) + head.size) {
		memcpy(&head, image->data + at, sizeof(head));
		if (head.tag == SNAPSHOT_TOLD)
			return (struct span){image->data + at + sizeof(head), head.size, false};
	}
}

static void test_it_is_the_same_from_a_snapshot(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct proxy one = {0}, other = {0};
	struct err err = ERR_INIT;
	told_add(&one, ask("portable-3.3"));
	const struct span record = record_of(&one, &image);
	profile_choose("native");
	assert_int_equal(told_adopt(&other, SNAPSHOT_TOLD, record, &err), 0);
	for (size_t i = 0; i < TOLD_TEXTS; i++)
		assert_string_equal(other.told->texts[i], one.told->texts[i]);
	assert_string_equal(other.told->extensions, one.told->extensions);
	assert_int_equal(other.told->limit_count, one.told->limit_count);
	assert_memory_equal(other.told->limits, one.told->limits,
		one.told->limit_count * sizeof(*one.told->limits));
	told_finish(&other);
	told_finish(&one);
}

static void test_cut_records_are_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct proxy one = {0};
	told_add(&one, ask("native"));
	const struct span record = record_of(&one, &image);
	for (size_t size = 0; size < record.left; size += 8) {
		struct proxy other = {0};
		struct err err = ERR_INIT;
		const struct span cut = {record.at, size, false};
		assert_int_equal(told_adopt(&other, SNAPSHOT_TOLD, cut, &err), -1);
		assert_true(err_is_set(&err));
		told_finish(&other);
	}
	told_finish(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_native_is_what_the_driver_says),
		cmocka_unit_test(test_portable_is_less),
		cmocka_unit_test(test_it_is_the_same_from_a_snapshot),
		cmocka_unit_test(test_cut_records_are_refused),
	};
	return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
