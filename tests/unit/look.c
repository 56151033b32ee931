/*
 * Looking at snapshots without a driver: what is listed, what differs, and streams that lie.
 */
#include "glproxy/look/look.h"
#include "glproxy/look/inventory.h"
#include "glproxy/snapshot_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WIDTH 4
#define HEIGHT 2

struct fixture {
	struct buf bytes;
	struct snapshot_place place;
	struct snapshot_out out;
	struct stream stream;
	struct err err;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){.bytes = BUF_INIT};
	f->place = (struct snapshot_place){.memory = &f->bytes};
	assert_int_equal(snapshot_out_open(&f->out, &f->place, 42, &f->err), 0);
	f->stream = (struct stream){.out = &f->out, .context = 1 | SNAPSHOT_OF_GROUP};
}

static void end(struct fixture *f)
{
	if (f->stream.messages.size)
		stream_flush(&f->stream);
	assert_int_equal(snapshot_out_end(&f->out), 0);
	snapshot_out_finish(&f->out);
	stream_finish(&f->stream);
}

static void finish(struct fixture *f)
{
	buf_finish(&f->bytes);
}

static void put_texture(struct fixture *f, GLuint name, const char *label, char pixel)
{
	char pixels[WIDTH * HEIGHT * 4];
	memset(pixels, pixel, sizeof(pixels));
	PUT(&f->stream, glGenTextures, .n = 1,
		.textures = stream_data(&f->stream, &name, sizeof(name)));
	PUT(&f->stream, glBindTexture, .target = GL_TEXTURE_2D, .texture = name);
	for (GLint level = 0; level < 2; level++)
		PUT(&f->stream, glTexImage2D, .target = GL_TEXTURE_2D, .level = level,
			.internalformat = GL_RGBA8, .width = WIDTH >> level,
			.height = HEIGHT >> level, .format = GL_RGBA, .type = GL_UNSIGNED_BYTE,
			.pixels = stream_data(&f->stream, pixels, sizeof(pixels) >> (2 * level)));
	PUT(&f->stream, glObjectLabel, .identifier = GL_TEXTURE, .name = name,
		.length = (GLsizei)strlen(label),
		.label = stream_data(&f->stream, label, strlen(label)));
	PUT(&f->stream, glBindTexture, .target = GL_TEXTURE_2D);
}

static void put_buffer(struct fixture *f, GLuint name)
{
	PUT(&f->stream, glCreateBuffers, .n = 1,
		.buffers = stream_data(&f->stream, &name, sizeof(name)));
	PUT(&f->stream, glNamedBufferData, .buffer = name, .size = 3,
		.data = stream_data(&f->stream, "abc", 3), .usage = GL_STATIC_DRAW);
	PUT(&f->stream, ckMap, .buffer = name, .length = 3);
}

static void write_one(struct fixture *f, char pixel, bool buffer)
{
	begin(f);
	if (buffer)
		put_buffer(f, 7);
	put_texture(f, 5, "wood", pixel);
	end(f);
}

static void objects_are_listed(void **state)
{
	scoped(finish) struct fixture f;
	scoped(inventory_finish) struct inventory inventory;
	write_one(&f, 1, true);
	assert_int_equal(inventory_read(&inventory, &f.place, &f.err), 0);
	const struct object *texture = inventory_find(&inventory, OBJECT_TEXTURE, 1, true, 5);
	assert_non_null(texture);
	assert_int_equal(texture->format, GL_RGBA8);
	assert_int_equal(texture->target, GL_TEXTURE_2D);
	assert_int_equal(texture->width, WIDTH);
	assert_int_equal(texture->height, HEIGHT);
	assert_int_equal(texture->levels, 2);
	assert_string_equal(texture->label, "wood");
	const struct object *buffer = inventory_find(&inventory, OBJECT_BUFFER, 1, true, 7);
	assert_non_null(buffer);
	assert_true(buffer->mapped);
	assert_int_equal(buffer->target, GL_STATIC_DRAW);
	assert_null(inventory_find(&inventory, OBJECT_BUFFER, 1, true, 8));
	assert_null(inventory_find(&inventory, OBJECT_BUFFER, 2, true, 7));
}

static void many_objects_are_found(void **state)
{
	scoped(finish) struct fixture f;
	scoped(inventory_finish) struct inventory inventory;
	begin(&f);
	for (GLuint name = 1; name <= 3000; name++)
		put_buffer(&f, name);
	end(&f);
	assert_int_equal(inventory_read(&inventory, &f.place, &f.err), 0);
	for (GLuint name = 1; name <= 3000; name++)
		assert_int_equal(
			inventory_find(&inventory, OBJECT_BUFFER, 1, true, name)->name, name);
}

static void expect_difference(const struct fixture *a, const struct fixture *b, const char *said)
{
	struct err err = ERR_INIT;
	json_t *found = look_compare(&a->place, &b->place, &err);
	assert_non_null(found);
	for (size_t i = said ? 1 : 0; i < json_array_size(found); i++)
		print_error("%s\n", json_string_value(json_array_get(found, i)));
	assert_int_equal(json_array_size(found), said ? 1 : 0);
	if (said)
		assert_string_equal(json_string_value(json_array_get(found, 0)), said);
	json_decref(found);
}

static void differences_are_named(void **state)
{
	scoped(finish) struct fixture one, same, other, less;
	write_one(&one, 1, true);
	write_one(&same, 1, true);
	write_one(&other, 2, true);
	write_one(&less, 1, false);
	expect_difference(&one, &same, NULL);
	expect_difference(&one, &other, "texture 5 of context 1: glTexImage2D says something else");
	expect_difference(&one, &less, "buffer 7 of context 1 is missing");
	expect_difference(&less, &one, "buffer 7 of context 1 is new");
}

/* ---- lies, behind a checksum that is right ---- */

static void expect_refusal(struct fixture *f)
{
	scoped(inventory_finish) struct inventory inventory;
	assert_int_equal(inventory_read(&inventory, &f->place, &f->err), -1);
	assert_true(f->err.text[0]);
}

static void data_outside_is_refused(void **state)
{
	static const struct wire_data lies[] = {{WIRE_ARENA, 64, 0}, {WIRE_ARENA, 4, 1 << 20},
		{WIRE_ARENA, 1ull << 60, 8}, {WIRE_INLINE, 4, 1 << 20},
		{WIRE_INLINE, 1ull << 60, 0}};
	for (size_t i = 0; i < array_len(lies); i++) {
		scoped(finish) struct fixture f;
		begin(&f);
		PUT(&f.stream, glNamedBufferData, .buffer = 1, .size = 4, .data = lies[i]);
		end(&f);
		expect_refusal(&f);
	}
}

static void impossible_messages_are_refused(void **state)
{
	static const struct wire_head lies[] = {{WIRE_glNamedBufferData, 0},
		{WIRE_glNamedBufferData, 1}, {WIRE_glNamedBufferData, 4000}, {WIRE_OPCODES, 1},
		{UINT16_MAX, 1}};
	for (size_t i = 0; i < array_len(lies); i++) {
		scoped(finish) struct fixture f;
		uint64_t message = 0;
		memcpy(&message, &lies[i], sizeof(lies[i]));
		begin(&f);
		stream_put(&f.stream, &message, sizeof(message));
		end(&f);
		expect_refusal(&f);
	}
}

/* A piece is of no folder where there are no contents. */
static void pieces_without_contents_are_refused(void **state)
{
	scoped(finish) struct fixture f;
	const struct stream_piece piece = {.at = 0, .size = 4};
	begin(&f);
	buf_append(&f.stream.pieces, &piece, sizeof(piece));
	const GLuint name = 1;
	PUT(&f.stream, glCreateBuffers, .n = 1,
		.buffers = {.where = WIRE_ARENA, .size = sizeof(name), .at = 0});
	end(&f);
	expect_refusal(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_listed),
		cmocka_unit_test(many_objects_are_found),
		cmocka_unit_test(differences_are_named),
		cmocka_unit_test(data_outside_is_refused),
		cmocka_unit_test(impossible_messages_are_refused),
		cmocka_unit_test(pieces_without_contents_are_refused),
	};
	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
