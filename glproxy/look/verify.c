#include "glproxy/look/look.h"

#include "glproxy/look/inventory.h"
#include "glproxy/look/workbench.h"
#include "wire/calls.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCES 1000

struct comparison {
	const struct inventory *before, *after;
	json_t *said;
};

static void say(struct comparison *c, const char *format, ...) printf_like(2, 3);

static void say(struct comparison *c, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (json_array_size(c->said) < SENTENCES)
		json_array_append_new(c->said, json_string(text));
}

/* The next message of the object from `*at` on. */
static const struct inventory_call *next_call(
	const struct inventory *inventory, size_t object, size_t *at)
{
	while (*at < inventory->call_count) {
		const struct inventory_call *call = &inventory->calls[(*at)++];
		if (call->object == object)
			return call;
	}
	return NULL;
}

static const char *call_name(const struct inventory_call *call)
{
	return call ? wire_calls[call->opcode].name : "nothing";
}

static size_t index_of(const struct inventory *inventory, const struct object *object)
{
	return (size_t)(object - inventory->objects);
}

/* The first message that differs. */
static void name_difference(
	struct comparison *c, const struct object *one, const struct object *other)
{
	char title[96];
	size_t at = 0, place = 0;
	const struct inventory_call *a, *b;
	do {
		a = next_call(c->before, index_of(c->before, one), &at);
		b = next_call(c->after, index_of(c->after, other), &place);
	} while (a && b && a->opcode == b->opcode && a->digest == b->digest);
	object_title(one, title);
	if (a && b && a->opcode == b->opcode)
		say(c, "%s: %s says something else", title, call_name(a));
	else
		say(c, "%s: %s in place of %s", title, call_name(b), call_name(a));
}

static uint64_t key_of(const struct object *object)
{
	return object->kind == OBJECT_TEXTURE && !object->name ? (uint64_t)1 << 32 | object->target
							       : object->name;
}

static const struct object *counterpart(
	const struct inventory *inventory, const struct object *object)
{
	return inventory_find(
		inventory, object->kind, object->context, object->shared, key_of(object));
}

static void compare_objects(struct comparison *c)
{
	char title[96];
	for (size_t i = 0; i < c->before->object_count; i++) {
		const struct object *one = &c->before->objects[i];
		const struct object *other = counterpart(c->after, one);
		if (!other)
			say(c, "%s is missing", object_title(one, title));
		else if (one->digest != other->digest || one->calls != other->calls)
			name_difference(c, one, other);
	}
	for (size_t i = 0; i < c->after->object_count; i++)
		if (!counterpart(c->before, &c->after->objects[i]))
			say(c, "%s is new", object_title(&c->after->objects[i], title));
}

static void compare_surfaces(struct comparison *c)
{
	const struct inventory *before = c->before, *after = c->after;
	if (before->surface_count != after->surface_count)
		say(c, "there are %zu surfaces in place of %zu", after->surface_count,
			before->surface_count);
	for (size_t i = 0; i < before->surface_count && i < after->surface_count; i++)
		if (before->surfaces[i].digest != after->surfaces[i].digest)
			say(c, "surface %u: its pixels differ", before->surfaces[i].id);
}

static bool same_context(const struct inventory_context *one, const struct inventory_context *other)
{
	return one->id == other->id && one->group == other->group && one->api == other->api &&
		one->version == other->version && one->draw == other->draw &&
		one->read == other->read && one->current == other->current &&
		one->error == other->error && one->draws == other->draws &&
		one->reads == other->reads;
}

static void compare_contexts(struct comparison *c)
{
	const struct inventory *before = c->before, *after = c->after;
	if (before->context_count != after->context_count)
		say(c, "there are %zu contexts in place of %zu", after->context_count,
			before->context_count);
	for (size_t i = 0; i < before->context_count && i < after->context_count; i++)
		if (!same_context(&before->contexts[i], &after->contexts[i]))
			say(c, "context %u: what it is current with, or its error, differs",
				before->contexts[i].id);
}

/* All objects are the same: so is their order. */
static void compare_order(struct comparison *c)
{
	char title[96];
	for (size_t i = 0; i < c->before->call_count && i < c->after->call_count; i++) {
		const struct inventory_call *one = &c->before->calls[i],
					    *other = &c->after->calls[i];
		if (one->opcode == other->opcode && one->digest == other->digest)
			continue;
		object_title(&c->before->objects[one->object], title);
		say(c, "%s: comes in another order", title);
		return;
	}
}

static void compare_all(struct comparison *c)
{
	compare_surfaces(c);
	compare_contexts(c);
	compare_objects(c);
	if (!json_array_size(c->said))
		compare_order(c);
}

json_t *look_compare(
	const struct snapshot_place *before, const struct snapshot_place *after, struct err *err)
{
	scoped(inventory_finish) struct inventory one = {0}, other = {0};
	struct comparison c = {.before = &one, .after = &other};
	if (inventory_read(&one, before, err) || inventory_read(&other, after, err))
		return NULL;
	c.said = json_array();
	compare_all(&c);
	return c.said;
}

json_t *look_verify(const struct snapshot_place *place, struct err *err)
{
	static struct workbench bench;
	struct snapshot_place again;
	json_t *said = NULL;
	if (!workbench_open(&bench, place, err) && !workbench_take(&bench, &again, err))
		said = look_compare(place, &again, err);
	workbench_close(&bench);
	return said;
}
