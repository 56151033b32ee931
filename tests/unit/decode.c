/* glproxy's decoders: every message, whole and cut, against a driver that does nothing. */
#include "tests/fake_driver.h"
#include "wire/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct fake fake;

static int set_up(void **state)
{
	fake_init(&fake);
	return 0;
}

static int tear_down(void **state)
{
	fake_finish(&fake);
	return 0;
}

static size_t head(char *message, unsigned opcode, size_t size)
{
	const struct wire_head begin = {(uint16_t)opcode, (uint16_t)(wire_align(size) / 8)};
	memcpy(message, &begin, sizeof(begin));
	return wire_align(size);
}

/* All members zero: no data, no names, nothing to do. */
static void every_message_of_zeroes(void **state)
{
	for (unsigned opcode = 0; opcode < WIRE_OPCODES; opcode++) {
		_Alignas(8) char message[WIRE_MESSAGE_MAX] = {0};
		if (!exec_entries[opcode].decode)
			continue;
		fake_feed(&fake, message, head(message, opcode, exec_entries[opcode].size));
	}
	assert_true(fake_calls > 1000);
}

/* Cut anywhere, a message is refused and nothing is called. */
static void every_message_cut(void **state)
{
	for (unsigned opcode = 0; opcode < WIRE_OPCODES; opcode++) {
		const size_t size = exec_entries[opcode].size;
		for (size_t cut = 8; exec_entries[opcode].decode && cut < wire_align(size);
			cut += 8) {
			_Alignas(8) char message[WIRE_MESSAGE_MAX] = {0};
			const unsigned before = fake_calls;
			head(message, opcode, cut);
			if (cut < size && !fake_feed(&fake, message, cut))
				fail_msg("%s: cut to %zu bytes it was taken",
					wire_opcode_name(opcode), cut);
			assert_int_equal(fake_calls, before);
		}
	}
}

/* A head that promises more than was published. */
static void longer_than_published(void **state)
{
	_Alignas(8) char message[64] = {0};
	head(message, WIRE_glFlush, 64);
	assert_true(fake_feed(&fake, message, 8));
	head(message, WIRE_glFlush, 0);
	assert_true(fake_feed(&fake, message, 8));
}

static void an_unknown_opcode(void **state)
{
	_Alignas(8) char message[8] = {0};
	head(message, WIRE_OPCODES + 7, 8);
	assert_true(fake_feed(&fake, message, 8));
}

static size_t uniform(char *message, uint64_t where, uint64_t size, uint64_t at)
{
	struct wire_glUniform4fv *m = (struct wire_glUniform4fv *)(void *)message;
	memset(message, 0, WIRE_MESSAGE_MAX);
	m->count = 2;
	m->value = (struct wire_data){.where = where, .size = size, .at = at};
	return head(message, WIRE_glUniform4fv, sizeof(*m) + 32);
}

/* Data is taken only when it is of the size that the call says, and lies where it may. */
static void data_that_disagrees(void **state)
{
	_Alignas(8) char message[WIRE_MESSAGE_MAX];
	const size_t fixed = wire_align(sizeof(struct wire_glUniform4fv));
	size_t size = uniform(message, WIRE_INLINE, 32, fixed);
	assert_false(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_INLINE, 31, fixed);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_INLINE, 33, fixed);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_INLINE, 32, fixed + 8);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_INLINE, 32, UINT64_MAX - 8);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_ARENA, 32, WIRE_ARENA_SIZE - 16);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_HEAP, 32, UINT64_MAX - 16);
	assert_true(fake_feed(&fake, message, size));
	size = uniform(message, WIRE_OFFSET, 32, 0);
	assert_true(fake_feed(&fake, message, size));
}

/* An offset is a number only where a buffer is bound. */
static void an_offset_without_a_buffer(void **state)
{
	_Alignas(8) struct wire_glTexImage2D m = {0};
	struct wire_glBindBuffer bind = {.target = GL_PIXEL_UNPACK_BUFFER, .buffer = 3};
	m.width = m.height = 4;
	m.format = GL_RGBA;
	m.type = GL_UNSIGNED_BYTE;
	m.pixels = (struct wire_data){.where = WIRE_OFFSET, .at = 0xdead};
	const size_t size = head((char *)&m, WIRE_glTexImage2D, sizeof(m));
	_Alignas(8) char padded[256] = {0};
	memcpy(padded, &m, sizeof(m));
	assert_true(fake_feed(&fake, padded, size));
	char bound[64] = {0};
	const size_t bind_size = head((char *)&bind, WIRE_glBindBuffer, sizeof(bind));
	memcpy(bound, &bind, sizeof(bind));
	assert_false(fake_feed(&fake, bound, bind_size));
	assert_false(fake_feed(&fake, padded, size));
}

/* A client could otherwise have us write where the driver maps nothing any more. */
static void a_mapping_of_a_buffer_that_is_not_bound(void **state)
{
	_Alignas(8) char message[256] = {0};
	struct wire_ckMap *map = (struct wire_ckMap *)(void *)message;
	map->target = GL_ARRAY_BUFFER;
	map->buffer = 5;
	map->length = 16;
	assert_true(fake_feed(&fake, message, head(message, WIRE_ckMap, sizeof(*map))));
	struct wire_glBindBuffer bind = {.target = GL_ARRAY_BUFFER, .buffer = 5};
	_Alignas(8) char bound[64] = {0};
	memcpy(bound, &bind, sizeof(bind));
	assert_false(fake_feed(&fake, bound, head(bound, WIRE_glBindBuffer, sizeof(bind))));
	assert_false(fake_feed(&fake, message, head(message, WIRE_ckMap, sizeof(*map))));
}

static void data_at_an_odd_address(void **state)
{
	_Alignas(8) char message[WIRE_MESSAGE_MAX];
	const size_t size = uniform(message, WIRE_ARENA, 32, 4);
	assert_true(fake_feed(&fake, message, size));
}

static void names_are_mapped(void **state)
{
	struct names *names = names_create();
	assert_int_equal(names_to_driver(names, 0), 0);
	names_bind(names, 7, 1234567);
	assert_int_equal(names_to_driver(names, 7), 1234567);
	assert_int_equal(names_to_program(names, 1234567), 7);
	names_drop(names, 7);
	assert_int_equal(names_to_program(names, names_to_driver(names, 7)), 7);
	assert_true(names_to_driver(names, 7) >= 0x40000000u);
	names_destroy(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_message_of_zeroes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_message_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(longer_than_published, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_opcode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(data_that_disagrees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_offset_without_a_buffer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_mapping_of_a_buffer_that_is_not_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(data_at_an_odd_address, set_up, tear_down),
		cmocka_unit_test(names_are_mapped),
	};
	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
