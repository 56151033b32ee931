/*
 * inventory.h: what is in a snapshot: contexts, surfaces and objects with what they are made of.
 *
 * Read from the messages that make them, in the order in which snapshots are written; a message
 * belongs to the object that it makes or describes, and else to the state of its context.
 */
#ifndef GLPROXY_LOOK_INVENTORY_H
#define GLPROXY_LOOK_INVENTORY_H

#include "glproxy/look/walk.h"

enum object_kind {
	OBJECT_STATE, /* of a context; in a share group: what helps to make objects */
	OBJECT_BUFFER,
	OBJECT_TEXTURE,
	OBJECT_RENDERBUFFER,
	OBJECT_SAMPLER,
	OBJECT_SHADER,
	OBJECT_PROGRAM,
	OBJECT_ARB_PROGRAM,
	OBJECT_LIST,
	OBJECT_SYNC,
	OBJECT_FRAMEBUFFER,
	OBJECT_VERTEX_ARRAY,
	OBJECT_PIPELINE,
	OBJECT_QUERY,
	OBJECT_FEEDBACK,
	OBJECT_KINDS,
};

/* "texture" */
const char *object_kind_name(enum object_kind kind);

/* Objects of share groups belong to the group's first context, with `shared`. */
static inline bool object_kind_is_shared(enum object_kind kind)
{
	return kind >= OBJECT_BUFFER && kind <= OBJECT_SYNC;
}

/* Names from here on are of what the program has deleted and other objects still use (remains.h).
 */
#define OBJECT_DELETED 0xf00000u

struct object {
	enum object_kind kind;
	uint32_t context; /* which one's, or the first one's of the share group */
	bool shared;
	uint64_t name;
	uint32_t target; /* of a texture; the type of a shader; the usage of a buffer; or 0 */
	uint32_t format; /* internal format; of texture buffers, too; or 0 */
	uint32_t width, height, depth;
	uint32_t levels, samples;
	bool mapped;
	uint64_t bytes; /* of all data that make it */
	char *label;    /* owned, or NULL */

	uint64_t digest; /* of all its messages in their order */
	size_t calls;
};

struct inventory_context {
	uint32_t id, group, api, version, draw, read, error, position, draws, reads;
	bool current;
};

struct inventory_surface {
	uint32_t id, kind, width, height, drawable;
	uint64_t bytes;
	uint64_t digest;
};

/* One message, for who wants to name it: which object's, what. */
struct inventory_call {
	uint32_t object;
	uint32_t opcode;
	uint64_t digest;
};

struct inventory {
	int32_t pid;
	struct object *objects;
	size_t object_count, object_room;
	struct inventory_context *contexts;
	size_t context_count;
	struct inventory_surface *surfaces;
	size_t surface_count;
	struct inventory_call *calls;
	size_t call_count, call_room;
	uint32_t *hash; /* of objects by what they are; 0: free, else index + 1 */
	size_t hash_size;
};

/* Reads a whole snapshot. To be finished in any case. */
int inventory_read(
	struct inventory *inventory, const struct snapshot_place *place, struct err *err);
void inventory_finish(struct inventory *inventory);

/* NULL where there is none. */
struct object *inventory_find(const struct inventory *inventory, enum object_kind kind,
	uint32_t context, bool shared, uint64_t name);

/* "texture 5 of context 1" */
const char *object_title(const struct object *object, char title[96]);

/* Default textures that have no image, names without an object's contents, and state are made by
 * messages as well: whether it is worth a line of its own. */
bool object_is_listed(const struct object *object);

#endif
