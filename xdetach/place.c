#include "xdetach/place.h"

#include "base/io.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { BOOT_ID_MAX = 64 };

json_t *place_describe(void)
{
	struct stat pids = {0};
	scoped_buf struct buf boot = BUF_INIT;
	stat("/proc/self/ns/pid", &pids);
	io_read_file(AT_FDCWD, BOOT_ID, &boot, BOOT_ID_MAX, NULL);
	return json_pack("{s:s%, s:I}", "boot", boot.data ? boot.data : "",
		boot.size ? boot.size - 1 : 0, "pid_namespace", (json_int_t)pids.st_ino);
}

bool place_is_this_boot(const json_t *place)
{
	json_t *here = place_describe();
	const char *ours = json_string_value(json_object_get(here, "boot"));
	const char *boot = json_string_value(json_object_get(place, "boot"));
	bool same = ours && *ours && boot && !strcmp(ours, boot);
	json_decref(here);
	return same;
}
