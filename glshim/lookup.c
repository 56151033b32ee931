#include "glshim/entry.h"

#include <string.h>

void (*shim_entry_find(const char *name))(void)
{
	size_t low = 0, high = shim_entry_count;
	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = strcmp(name, shim_entries[middle].name);
		if (!order)
			return shim_entries[middle].function;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
