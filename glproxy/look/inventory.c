#include "glproxy/look/inventory.h"

#include "glproxy/snapshot_stream.h"
#include "wire/calls.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char *const kind_names[OBJECT_KINDS] = {"state", "buffer", "texture", "renderbuffer",
	"sampler", "shader", "program", "ARB program", "display list", "sync", "framebuffer",
	"vertex array", "pipeline", "query", "transform feedback"};

const char *object_kind_name(enum object_kind kind)
{
	return kind_names[kind];
}

const char *object_title(const struct object *object, char title[96])
{
	const char *what = kind_names[object->kind];
	if (object->kind == OBJECT_STATE)
		snprintf(title, 96, "%s of %s %u", what, object->shared ? "share group" : "context",
			object->context);
	else if (!object->name)
		snprintf(title, 96, "default %s %s of context %u",
			object->target ? wire_enum_name(object->target) : "", what,
			object->context);
	else
		snprintf(title, 96, "%s %llu of context %u", what, (unsigned long long)object->name,
			object->context);
	return title;
}

bool object_is_listed(const struct object *object)
{
	if (object->kind == OBJECT_STATE)
		return !object->shared;
	return object->kind != OBJECT_TEXTURE || object->name || object->width;
}

/* ---- the table ---- */

/* Default textures have no names but targets. */
#define DEFAULT_NAME(target) ((uint64_t)1 << 32 | (target))

static bool grow(void **array, size_t *room, size_t count, size_t element)
{
	if (count < *room)
		return true;
	const size_t more = *room ? *room * 2 : 64;
	void *bigger = realloc(*array, more * element);
	if (!bigger)
		return false;
	*array = bigger;
	*room = more;
	return true;
}

static size_t slot(const struct inventory *inventory, enum object_kind kind, uint32_t context,
	bool shared, uint64_t name)
{
	uint64_t mixed = (name * 31 + kind) * 31 + context * 2 + shared;
	mixed *= 0x9e3779b97f4a7c15u;
	return (size_t)(mixed >> 20) & (inventory->hash_size - 1);
}

static uint64_t key_of(const struct object *object)
{
	return object->kind == OBJECT_TEXTURE && !object->name ? DEFAULT_NAME(object->target)
							       : object->name;
}

static bool is(const struct object *object, enum object_kind kind, uint32_t context, bool shared,
	uint64_t key)
{
	return object->kind == kind && object->context == context && object->shared == shared &&
		key_of(object) == key;
}

static void enter(struct inventory *inventory, size_t index)
{
	const struct object *object = &inventory->objects[index];
	size_t at = slot(inventory, object->kind, object->context, object->shared, key_of(object));
	while (inventory->hash[at])
		at = (at + 1) & (inventory->hash_size - 1);
	inventory->hash[at] = (uint32_t)index + 1;
}

static bool make_room(struct inventory *inventory)
{
	if (!grow((void **)&inventory->objects, &inventory->object_room, inventory->object_count,
		    sizeof(*inventory->objects)))
		return false;
	if (inventory->hash_size / 2 > inventory->object_count)
		return true;
	free(inventory->hash);
	inventory->hash_size = inventory->object_room * 4;
	inventory->hash = calloc(inventory->hash_size, sizeof(*inventory->hash));
	for (size_t i = 0; inventory->hash && i < inventory->object_count; i++)
		enter(inventory, i);
	return inventory->hash;
}

struct object *inventory_find(const struct inventory *inventory, enum object_kind kind,
	uint32_t context, bool shared, uint64_t name)
{
	if (!inventory->hash_size)
		return NULL;
	for (size_t at = slot(inventory, kind, context, shared, name); inventory->hash[at];
		at = (at + 1) & (inventory->hash_size - 1)) {
		struct object *object = &inventory->objects[inventory->hash[at] - 1];
		if (is(object, kind, context, shared, name))
			return object;
	}
	return NULL;
}

/* ---- reading ---- */

/* What is being read, and which object messages belong to. */
struct reader {
	struct walk walk;
	struct inventory *inventory;
	size_t current;
	bool in_list;
	bool carrier;          /* a texture is bound that carries contents to another object */
	struct object carried; /* ... and what was said of it */
	uint32_t context;      /* of the part at hand */
	bool of_group;
};

static void fail(struct reader *reader)
{
	if (!reader->walk.in.failed)
		err_set(reader->walk.in.err, "out of memory");
	reader->walk.in.failed = true;
}

/* Makes it the one that messages belong to. */
static struct object *choose(
	struct reader *reader, enum object_kind kind, uint64_t name, uint32_t target)
{
	struct inventory *inventory = reader->inventory;
	const uint64_t key = kind == OBJECT_TEXTURE && !name ? DEFAULT_NAME(target) : name;
	struct object *found =
		inventory_find(inventory, kind, reader->context, reader->of_group, key);
	if (!found) {
		if (!make_room(inventory)) {
			fail(reader);
			return NULL;
		}
		found = &inventory->objects[inventory->object_count];
		*found = (struct object){.kind = kind,
			.context = reader->context,
			.shared = reader->of_group,
			.name = name,
			.target = target};
		enter(inventory, inventory->object_count++);
	}
	reader->current = (size_t)(found - inventory->objects);
	return found;
}

static struct object *current(struct reader *reader)
{
	return &reader->inventory->objects[reader->current];
}

/* The one name of a glGen*(1, ...) or glCreate*(1, ...). */
static GLuint one_name(struct reader *reader, const struct wire_data *data)
{
	GLuint name = 0;
	const void *names = data->size == sizeof(name) ? walk_data(&reader->walk, data) : NULL;
	if (names)
		memcpy(&name, names, sizeof(name));
	return name;
}

static bool is_spare(GLuint name)
{
	return name >= TAKE_SPARE && name < TAKE_SPARE + 16;
}

static void note_image(struct reader *reader, uint32_t format, GLint level, GLsizei width,
	GLsizei height, GLsizei depth)
{
	struct object *object = reader->carrier ? &reader->carried : current(reader);
	if ((object->kind != OBJECT_TEXTURE && !reader->carrier) || width <= 0)
		return;
	if (!level) {
		object->format = format;
		object->width = (uint32_t)width;
		object->height = (uint32_t)height;
		object->depth = (uint32_t)depth;
	}
	if (level >= 0 && (uint32_t)level + 1 > object->levels)
		object->levels = (uint32_t)level + 1;
}

static uint32_t level_size(uint32_t size, GLuint level)
{
	return level < 32 && size >> level ? size >> level : 1;
}

/* A view of a texture, or of one that carries the storage of one that is gone. */
static void note_view(struct reader *reader, const struct wire_glTextureView *m)
{
	const struct object *origin = is_spare(m->origtexture)
		? &reader->carried
		: inventory_find(reader->inventory, OBJECT_TEXTURE, reader->context,
			  reader->of_group, m->origtexture);
	struct object *object = current(reader);
	if (!origin || object->kind != OBJECT_TEXTURE)
		return;
	const bool rows = m->target == GL_TEXTURE_1D_ARRAY,
		   faces = m->target == GL_TEXTURE_CUBE_MAP;
	object->target = m->target;
	object->format = m->internalformat;
	object->width = level_size(origin->width, m->minlevel);
	object->height = rows ? m->numlayers : level_size(origin->height, m->minlevel);
	object->depth = m->target == GL_TEXTURE_3D ? level_size(origin->depth, m->minlevel)
		: rows || faces                    ? 1
						   : m->numlayers;
	object->levels = m->numlevels;
	object->samples = origin->samples;
}

static void note_samples(struct reader *reader, GLsizei samples)
{
	struct object *object = reader->carrier ? &reader->carried : current(reader);
	object->samples = samples > 0 ? (uint32_t)samples : 0;
}

static void note_buffer(struct reader *reader, GLsizeiptr size, uint32_t usage)
{
	current(reader)->width = size > 0 && size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
	current(reader)->target = usage;
}

static void note_label(struct reader *reader, const struct wire_data *data)
{
	struct object *object = current(reader);
	const char *text = walk_data(&reader->walk, data);
	if (text && !object->label)
		object->label = strndup(text, data->size);
}

static void note_mapped(struct reader *reader, GLuint buffer)
{
	struct object *object = choose(reader, OBJECT_BUFFER, buffer, 0);
	if (object)
		object->mapped = true;
}

#define MESSAGE(call) const struct wire_##call *m = (const void *)walk->message
#define MAKES(call, kind, member)                                 \
	case WIRE_##call: {                                       \
		MESSAGE(call);                                    \
		const GLuint name = one_name(reader, &m->member); \
		if (name)                                         \
			choose(reader, kind, name, 0);            \
		return true;                                      \
	}

/* Calls that make an object. */
static bool read_making(struct reader *reader)
{
	const struct walk *walk = &reader->walk;
	switch (walk->opcode) {
		MAKES(glCreateBuffers, OBJECT_BUFFER, buffers)
		MAKES(glGenBuffers, OBJECT_BUFFER, buffers)
	case WIRE_glGenTextures: {
		MESSAGE(glGenTextures);
		const GLuint name = one_name(reader, &m->textures);
		if (is_spare(name))
			reader->carried = (struct object){0};
		else if (name)
			choose(reader, OBJECT_TEXTURE, name, 0);
		return true;
	}
		MAKES(glCreateRenderbuffers, OBJECT_RENDERBUFFER, renderbuffers)
		MAKES(glGenRenderbuffers, OBJECT_RENDERBUFFER, renderbuffers)
		MAKES(glGenSamplers, OBJECT_SAMPLER, samplers)
		MAKES(glGenProgramsARB, OBJECT_ARB_PROGRAM, programs)
		MAKES(glGenFramebuffers, OBJECT_FRAMEBUFFER, framebuffers)
		MAKES(glGenVertexArrays, OBJECT_VERTEX_ARRAY, arrays)
		MAKES(glGenProgramPipelines, OBJECT_PIPELINE, pipelines)
		MAKES(glGenQueries, OBJECT_QUERY, ids)
		MAKES(glCreateQueries, OBJECT_QUERY, ids)
		MAKES(glGenTransformFeedbacks, OBJECT_FEEDBACK, ids)
	case WIRE_glCreateShader: {
		MESSAGE(glCreateShader);
		if (!is_spare(m->made))
			choose(reader, OBJECT_SHADER, m->made, m->type);
		return true;
	}
	case WIRE_glCreateProgram: {
		MESSAGE(glCreateProgram);
		choose(reader, OBJECT_PROGRAM, m->made, 0);
		return true;
	}
	case WIRE_glNewList: {
		MESSAGE(glNewList);
		choose(reader, OBJECT_LIST, m->list, 0);
		reader->in_list = true;
		return true;
	}
	case WIRE_ckFence: {
		MESSAGE(ckFence);
		choose(reader, OBJECT_SYNC, m->handle, 0);
		return true;
	}
	default:
		return false;
	}
}

/* Calls that choose one that is there already. */
static bool read_choosing(struct reader *reader)
{
	const struct walk *walk = &reader->walk;
	switch (walk->opcode) {
	case WIRE_glBindTexture: {
		MESSAGE(glBindTexture);
		reader->carrier = is_spare(m->texture);
		if (!reader->of_group || reader->carrier)
			return false;
		struct object *object = choose(reader, OBJECT_TEXTURE, m->texture, m->target);
		if (object)
			object->target = m->target;
		return true;
	}
	case WIRE_ckMap: {
		MESSAGE(ckMap);
		note_mapped(reader, m->buffer);
		return true;
	}
	case WIRE_glDeleteProgram: {
		MESSAGE(glDeleteProgram);
		choose(reader, OBJECT_PROGRAM, m->program, 0);
		return true;
	}
	default:
		return false;
	}
}

#define IMAGE(call, width_, height_, depth_)                                                     \
	case WIRE_##call: {                                                                      \
		MESSAGE(call);                                                                   \
		note_image(                                                                      \
			reader, (uint32_t)m->internalformat, m->level, width_, height_, depth_); \
		break;                                                                           \
	}
#define STORAGE(call, width_, height_, depth_)                                     \
	case WIRE_##call: {                                                        \
		MESSAGE(call);                                                     \
		note_image(reader, m->internalformat, 0, width_, height_, depth_); \
		note_image(reader, 0, m->levels - 1, width_, 1, 1);                \
		break;                                                             \
	}
#define SAMPLES(call, depth_)                                                                    \
	case WIRE_##call: {                                                                      \
		MESSAGE(call);                                                                   \
		note_image(reader, (uint32_t)m->internalformat, 0, m->width, m->height, depth_); \
		note_samples(reader, m->samples);                                                \
		break;                                                                           \
	}

static void read_texture(struct reader *reader)
{
	const struct walk *walk = &reader->walk;
	switch (walk->opcode) {
		IMAGE(glTexImage1D, m->width, 1, 1)
		IMAGE(glTexImage2D, m->width, m->height, 1)
		IMAGE(glTexImage3D, m->width, m->height, m->depth)
		IMAGE(glCompressedTexImage1D, m->width, 1, 1)
		IMAGE(glCompressedTexImage2D, m->width, m->height, 1)
		IMAGE(glCompressedTexImage3D, m->width, m->height, m->depth)
		STORAGE(glTexStorage1D, m->width, 1, 1)
		STORAGE(glTexStorage2D, m->width, m->height, 1)
		STORAGE(glTexStorage3D, m->width, m->height, m->depth)
		SAMPLES(glTexStorage2DMultisample, 1)
		SAMPLES(glTexImage2DMultisample, 1)
		SAMPLES(glTexStorage3DMultisample, m->depth)
		SAMPLES(glTexImage3DMultisample, m->depth)
	case WIRE_glTexBuffer: {
		MESSAGE(glTexBuffer);
		note_image(reader, m->internalformat, 0, 1, 1, 1);
		break;
	}
	case WIRE_glTexBufferRange: {
		MESSAGE(glTexBufferRange);
		note_image(reader, m->internalformat, 0, 1, 1, 1);
		break;
	}
	default:
		break;
	}
}

static void read_other(struct reader *reader)
{
	const struct walk *walk = &reader->walk;
	switch (walk->opcode) {
	case WIRE_glNamedBufferData: {
		MESSAGE(glNamedBufferData);
		note_buffer(reader, m->size, m->usage);
		break;
	}
	case WIRE_glNamedBufferStorage: {
		MESSAGE(glNamedBufferStorage);
		note_buffer(reader, m->size, 0);
		break;
	}
	case WIRE_glNamedRenderbufferStorageMultisample: {
		MESSAGE(glNamedRenderbufferStorageMultisample);
		current(reader)->format = m->internalformat;
		current(reader)->width = (uint32_t)m->width;
		current(reader)->height = (uint32_t)m->height;
		note_samples(reader, m->samples);
		break;
	}
	case WIRE_glTextureView: {
		MESSAGE(glTextureView);
		note_view(reader, m);
		break;
	}
	case WIRE_glObjectLabel: {
		MESSAGE(glObjectLabel);
		note_label(reader, &m->label);
		break;
	}
	default:
		break;
	}
}

/* What may be said of a context's object once it is made: beginnings of names. */
static const char *const said_of[OBJECT_KINDS][8] = {
	[OBJECT_FRAMEBUFFER] = {"glBindFramebuffer", "glFramebuffer", "glDrawBuffer",
		"glReadBuffer"},
	[OBJECT_VERTEX_ARRAY] = {"glBindVertex", "glVertex", "glEnable", "glDisable",
		"glBindBuffer", "glClientActive", "glNormalPointer", "glColorPointer"},
	[OBJECT_PIPELINE] = {"glBindProgramPipeline", "glUseProgramStages",
		"glActiveShaderProgram"},
	[OBJECT_QUERY] = {"glBeginQuery", "glEndQuery", "glQueryCounter", "ckQuery"},
	[OBJECT_FEEDBACK] = {"glBindTransformFeedback", "glBindBuffer"},
};

static bool is_said_of(enum object_kind kind, const char *call)
{
	if (!strcmp(call, "glObjectLabel"))
		return true;
	for (size_t i = 0; i < 8 && said_of[kind][i]; i++)
		if (!strncmp(call, said_of[kind][i], strlen(said_of[kind][i])))
			return true;
	return false;
}

/* Of a context's messages those that are not of its object at hand are of its state. */
static void settle(struct reader *reader)
{
	const enum object_kind kind = current(reader)->kind;
	if (!reader->of_group && kind != OBJECT_STATE &&
		!is_said_of(kind, wire_calls[reader->walk.opcode].name))
		choose(reader, OBJECT_STATE, 0, 0);
}

/* What a running clock says is another time another value. */
static void forget_time(struct reader *reader)
{
	struct wire_ckQuery *m = (void *)reader->walk.message;
	if (reader->walk.opcode == WIRE_ckQuery && !m->over &&
		(m->target == GL_TIME_ELAPSED || m->target == GL_TIMESTAMP))
		m->before = 0;
}

static void note_call(struct reader *reader)
{
	struct inventory *inventory = reader->inventory;
	if (!grow((void **)&inventory->calls, &inventory->call_room, inventory->call_count,
		    sizeof(*inventory->calls))) {
		fail(reader);
		return;
	}
	struct object *object = current(reader);
	forget_time(reader);
	const uint64_t digest = walk_digest(&reader->walk);
	inventory->calls[inventory->call_count++] = (struct inventory_call){
		.object = (uint32_t)reader->current,
		.opcode = reader->walk.opcode,
		.digest = digest,
	};
	object->digest = (object->digest ^ digest ^ reader->walk.opcode) * 0x9e3779b97f4a7c15u;
	object->calls++;
	object->bytes += walk_bytes(&reader->walk);
}

static void read_call(struct reader *reader)
{
	const struct walk *walk = &reader->walk;
	if (walk->context != reader->context || walk->of_group != reader->of_group) {
		reader->context = walk->context;
		reader->of_group = walk->of_group;
		choose(reader, OBJECT_STATE, 0, 0);
	}
	if (!walk->in.failed && !reader->in_list && !read_making(reader) &&
		!read_choosing(reader)) {
		read_texture(reader);
		read_other(reader);
		settle(reader);
	}
	if (!walk->in.failed)
		note_call(reader);
	if (walk->opcode == WIRE_glEndList) {
		reader->in_list = false;
		choose(reader, OBJECT_STATE, 0, 0);
	}
}

/* ---- contexts and surfaces ---- */

static void read_context(struct reader *reader)
{
	struct inventory *inventory = reader->inventory;
	struct span record = reader->walk.record;
	struct inventory_context context = {.id = span_u32(&record)};
	context.group = span_u32(&record);
	span_u32(&record); /* config */
	context.api = span_u32(&record);
	context.current = span_u32(&record);
	context.draw = span_u32(&record);
	context.read = span_u32(&record);
	context.version = span_u32(&record);
	context.error = span_u32(&record);
	context.position = span_u32(&record);
	context.draws = span_u32(&record);
	context.reads = span_u32(&record);
	void *more = realloc(
		inventory->contexts, (inventory->context_count + 1) * sizeof(*inventory->contexts));
	if (more)
		inventory->contexts = more;
	if (more && !record.failed)
		inventory->contexts[inventory->context_count++] = context;
	else
		fail(reader);
}

static void read_surface(struct reader *reader)
{
	struct inventory *inventory = reader->inventory;
	struct span record = reader->walk.record;
	struct inventory_surface surface = {
		.bytes = record.left, .digest = XXH3_64bits(record.at, record.left)};
	surface.id = span_u32(&record);
	surface.kind = span_u32(&record);
	span_u32(&record); /* flags */
	span_u32(&record); /* config */
	surface.width = span_u32(&record);
	surface.height = span_u32(&record);
	surface.drawable = span_u32(&record);
	void *more = realloc(
		inventory->surfaces, (inventory->surface_count + 1) * sizeof(*inventory->surfaces));
	if (more)
		inventory->surfaces = more;
	if (more && !record.failed)
		inventory->surfaces[inventory->surface_count++] = surface;
	else
		fail(reader);
}

static void read_all(struct reader *reader)
{
	enum walk_what what;
	while (!reader->walk.in.failed && (what = walk_next(&reader->walk)) != WALK_END) {
		if (what == WALK_CALL)
			read_call(reader);
		else if (what == WALK_CONTEXT)
			read_context(reader);
		else
			read_surface(reader);
	}
}

int inventory_read(struct inventory *inventory, const struct snapshot_place *place, struct err *err)
{
	struct reader reader = {.inventory = inventory, .context = UINT32_MAX};
	*inventory = (struct inventory){0};
	int status = walk_open(&reader.walk, place, err);
	if (!status)
		read_all(&reader);
	inventory->pid = reader.walk.in.pid;
	status = status || reader.walk.in.failed ? -1 : 0;
	walk_finish(&reader.walk);
	return status;
}

void inventory_finish(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->object_count; i++)
		free(inventory->objects[i].label);
	free(inventory->objects);
	free(inventory->contexts);
	free(inventory->surfaces);
	free(inventory->calls);
	free(inventory->hash);
	*inventory = (struct inventory){0};
}
