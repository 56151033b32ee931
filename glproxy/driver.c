#include "glproxy/driver.h"

#include "base/scope.h"

#include <EGL/egl.h>
#include <string.h>

static const struct driver_entry entries[] = {DRIVER_ENTRIES};

/* A call the driver does not know: nothing happens. */
static uint64_t missing(void)
{
	return 0;
}

const struct driver *driver_load(void)
{
	static struct driver table;
	for (size_t i = 0; i < array_len(entries); i++) {
		void (*function)(void) = eglGetProcAddress(entries[i].name);
		if (!function)
			function = (void (*)(void))missing;
		memcpy((char *)&table + entries[i].offset, &function, sizeof(function));
	}
	return &table;
}
