/*
 * calls.h: messages as data, for who reads streams without executing them; made from the registry
 * and the policy like everything else of the stream.
 *
 * `at` is where in the message the parameter is: the value itself (SCALAR, FIXED), or a struct
 * wire_data that says where it lies. Enumerants below 0x100 have no names: there each stands for
 * many things.
 */
#ifndef WIRE_CALLS_H
#define WIRE_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum wire_value {
	WIRE_VALUE_NOTHING, /* a call that returns nothing */
	WIRE_VALUE_SIGNED,
	WIRE_VALUE_UNSIGNED,
	WIRE_VALUE_FLOAT,
	WIRE_VALUE_BOOLEAN,
	WIRE_VALUE_ENUM,
	WIRE_VALUE_BITS,
	WIRE_VALUE_OPAQUE, /* a handle or a pointer */
};

enum wire_shape {
	WIRE_SHAPE_SCALAR,
	WIRE_SHAPE_FIXED, /* `count` values in the message */
	WIRE_SHAPE_ARRAY,
	WIRE_SHAPE_TEXT,
	WIRE_SHAPE_TEXTS, /* one behind another, each with its zero */
	WIRE_SHAPE_BLOB,
	WIRE_SHAPE_OUT,  /* room for an answer */
	WIRE_SHAPE_NULL, /* not sent */
};

struct wire_param {
	const char *name;
	uint8_t kind;  /* enum wire_value, of an element */
	uint8_t shape; /* enum wire_shape */
	uint8_t element;
	uint8_t count;
	uint16_t at;
};

struct wire_call {
	const char *name; /* NULL: there is no such message */
	uint8_t returns;  /* enum wire_value */
	uint8_t count;
	uint16_t made; /* where the name is that the call returns; 0: nowhere */
	const struct wire_param *params;
};

extern const unsigned wire_call_count;
extern const struct wire_call wire_calls[];

struct wire_enum {
	uint32_t value;
	const char *name;
};

extern const size_t wire_enum_count;
extern const struct wire_enum wire_enums[];

const struct wire_enum *wire_enum_find(uint32_t value);

/* "GL_RGBA8"; NULL for a number without a name. */
const char *wire_enum_name(uint32_t value);

#endif
