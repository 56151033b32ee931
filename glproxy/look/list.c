#include "glproxy/look/look.h"

#include "glproxy/look/inventory.h"
#include "glproxy/surface.h"
#include "wire/calls.h"

#include <EGL/egl.h>
#include <string.h>

/* ---- as JSON ---- */

static json_t *enum_json(uint32_t value)
{
	char number[16];
	const char *name = wire_enum_name(value);
	snprintf(number, sizeof(number), "0x%04x", value);
	return json_string(name ? name : number);
}

static void set_number(json_t *said, const char *name, uint64_t value)
{
	json_object_set_new(said, name, json_integer((json_int_t)value));
}

static void describe_image(json_t *said, const struct object *object)
{
	if (object->format)
		json_object_set_new(said, "format", enum_json(object->format));
	if (!object->width)
		return;
	set_number(said, "width", object->width);
	set_number(said, "height", object->height);
	if (object->kind == OBJECT_TEXTURE)
		set_number(said, "depth", object->depth);
	if (object->kind == OBJECT_TEXTURE)
		set_number(said, "levels", object->levels);
	if (object->samples)
		set_number(said, "samples", object->samples);
}

static json_t *describe_object(const struct object *object)
{
	json_t *said = json_object();
	json_object_set_new(said, "kind", json_string(object_kind_name(object->kind)));
	set_number(said, "name", object->name);
	if (object->target)
		json_object_set_new(said,
			object->kind == OBJECT_BUFFER           ? "usage"
				: object->kind == OBJECT_SHADER ? "type"
								: "target",
			enum_json(object->target));
	if (object->kind == OBJECT_TEXTURE || object->kind == OBJECT_RENDERBUFFER)
		describe_image(said, object);
	set_number(said, "bytes", object->bytes);
	if (object->mapped)
		json_object_set_new(said, "mapped", json_true());
	if (object->name >= OBJECT_DELETED && object->kind != OBJECT_SYNC)
		json_object_set_new(said, "deleted", json_true());
	if (object->label)
		json_object_set_new(said, "label", json_string(object->label));
	return said;
}

static json_t *objects_of(const struct inventory *inventory, uint32_t context, bool shared)
{
	json_t *list = json_array();
	for (size_t i = 0; i < inventory->object_count; i++) {
		const struct object *object = &inventory->objects[i];
		if (object->context == context && object->shared == shared &&
			object_is_listed(object))
			json_array_append_new(list, describe_object(object));
	}
	return list;
}

static const char *api_name(uint32_t api)
{
	return api == EGL_OPENGL_API ? "OpenGL" : api == EGL_OPENGL_ES_API ? "OpenGL ES" : "?";
}

static json_t *describe_context(
	const struct inventory *inventory, const struct inventory_context *context)
{
	char version[16] = "";
	if (context->version)
		snprintf(version, sizeof(version), "%u.%u", context->version / 10,
			context->version % 10);
	json_t *said = json_object();
	set_number(said, "context", context->id);
	set_number(said, "group", context->group);
	json_object_set_new(said, "api", json_string(api_name(context->api)));
	json_object_set_new(said, "version", json_string(version));
	json_object_set_new(said, "current", json_boolean(context->current));
	set_number(said, "draw", context->draw);
	set_number(said, "read", context->read);
	json_object_set_new(said, "objects", objects_of(inventory, context->id, false));
	return said;
}

static json_t *describe_group(const struct inventory *inventory, uint32_t group)
{
	json_t *said = json_object(), *members = json_array();
	for (size_t i = 0; i < inventory->context_count; i++)
		if (inventory->contexts[i].group == group)
			json_array_append_new(
				members, json_integer((json_int_t)inventory->contexts[i].id));
	set_number(said, "group", group);
	json_object_set_new(said, "contexts", members);
	json_object_set_new(said, "objects", objects_of(inventory, group, true));
	return said;
}

static json_t *describe_surface(const struct inventory_surface *surface)
{
	json_t *said = json_object();
	const char *kind = surface->kind == SURFACE_WINDOW ? "window"
		: surface->kind == SURFACE_PIXMAP          ? "pixmap"
							   : "pbuffer";
	set_number(said, "surface", surface->id);
	json_object_set_new(said, "kind", json_string(kind));
	set_number(said, "width", surface->width);
	set_number(said, "height", surface->height);
	if (surface->drawable)
		set_number(said, "drawable", surface->drawable);
	set_number(said, "bytes", surface->bytes);
	return said;
}

static json_t *describe(const struct inventory *inventory)
{
	json_t *said = json_object(), *groups = json_array(), *contexts = json_array(),
	       *surfaces = json_array();
	set_number(said, "process", (uint64_t)inventory->pid);
	for (size_t i = 0; i < inventory->context_count; i++) {
		const struct inventory_context *context = &inventory->contexts[i];
		json_array_append_new(contexts, describe_context(inventory, context));
		if (context->id == context->group)
			json_array_append_new(groups, describe_group(inventory, context->group));
	}
	for (size_t i = 0; i < inventory->surface_count; i++)
		json_array_append_new(surfaces, describe_surface(&inventory->surfaces[i]));
	json_object_set_new(said, "groups", groups);
	json_object_set_new(said, "contexts", contexts);
	json_object_set_new(said, "surfaces", surfaces);
	return said;
}

json_t *look_describe(const struct snapshot_place *place, struct err *err)
{
	scoped(inventory_finish) struct inventory inventory = {0};
	return inventory_read(&inventory, place, err) ? NULL : describe(&inventory);
}

/* ---- as a table ---- */

static const char *text(const json_t *object, const char *name)
{
	const char *found = json_string_value(json_object_get(object, name));
	return found ? found : "";
}

static long long number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* Without the GL_ that all have. */
static const char *brief(const char *name)
{
	return strncmp(name, "GL_", 3) ? name : name + 3;
}

static const char *what_for(const json_t *object)
{
	const char *kinds[] = {"target", "type", "usage"};
	for (size_t i = 0; i < array_len(kinds); i++)
		if (*text(object, kinds[i]))
			return brief(text(object, kinds[i]));
	return "";
}

static void print_size(const json_t *object, char size[48])
{
	size[0] = '\0';
	if (!json_object_get(object, "width"))
		return;
	size_t at = (size_t)snprintf(
		size, 48, "%lldx%lld", number(object, "width"), number(object, "height"));
	if (number(object, "depth") > 1)
		at += (size_t)snprintf(size + at, 48 - at, "x%lld", number(object, "depth"));
	if (number(object, "levels") > 1)
		at += (size_t)snprintf(
			size + at, 48 - at, " %lld levels", number(object, "levels"));
	if (number(object, "samples"))
		snprintf(size + at, 48 - at, " %lld samples", number(object, "samples"));
}

static void print_object(const json_t *object)
{
	char size[48], line[256];
	print_size(object, size);
	snprintf(line, sizeof(line), "  %-18s %6lld %12lld  %-22s %-20s %-22s %s%s%s",
		text(object, "kind"), number(object, "name"), number(object, "bytes"),
		what_for(object), brief(text(object, "format")), size,
		json_is_true(json_object_get(object, "mapped")) ? "mapped " : "",
		json_is_true(json_object_get(object, "deleted")) ? "deleted " : "",
		text(object, "label"));
	size_t end = strlen(line);
	while (end && line[end - 1] == ' ')
		line[--end] = '\0';
	puts(line);
}

static void print_objects(const json_t *list)
{
	size_t i;
	json_t *object;
	if (json_array_size(list))
		printf("  %-18s %6s %12s  %-22s %-20s %s\n", "KIND", "NAME", "BYTES", "FOR",
			"FORMAT", "SIZE, LABEL");
	json_array_foreach (list, i, object)
		print_object(object);
}

static void print_group(const json_t *group)
{
	size_t i;
	json_t *context;
	printf("share group of context");
	json_array_foreach (json_object_get(group, "contexts"), i, context)
		printf("%s %lld", i ? "," : "", json_integer_value(context));
	putchar('\n');
	print_objects(json_object_get(group, "objects"));
}

static void print_context(const json_t *context)
{
	printf("context %lld: %s %s", number(context, "context"), text(context, "api"),
		text(context, "version"));
	if (number(context, "draw"))
		printf(", drawing to surface %lld", number(context, "draw"));
	putchar('\n');
	print_objects(json_object_get(context, "objects"));
}

void look_print(const json_t *described)
{
	size_t i;
	json_t *each;
	printf("process %lld\n", number(described, "process"));
	json_array_foreach (json_object_get(described, "surfaces"), i, each)
		printf("surface %lld: a %s of %lldx%lld, %lld bytes\n", number(each, "surface"),
			text(each, "kind"), number(each, "width"), number(each, "height"),
			number(each, "bytes"));
	json_array_foreach (json_object_get(described, "groups"), i, each)
		print_group(each);
	json_array_foreach (json_object_get(described, "contexts"), i, each)
		print_context(each);
}
