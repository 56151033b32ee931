#include "wire/calls.h"

#include <stdlib.h>

static int compare(const void *key, const void *row)
{
	const uint32_t value = *(const uint32_t *)key,
		       other = ((const struct wire_enum *)row)->value;
	return value < other ? -1 : value > other;
}

const struct wire_enum *wire_enum_find(uint32_t value)
{
	return bsearch(&value, wire_enums, wire_enum_count, sizeof(*wire_enums), compare);
}

const char *wire_enum_name(uint32_t value)
{
	const struct wire_enum *found = wire_enum_find(value);
	return found ? found->name : NULL;
}
