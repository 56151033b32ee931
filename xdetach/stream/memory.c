#include "xdetach/stream/pool.h"

#include "base/io.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define MARGIN_LEAST (UINT64_C(256) << 20)
#define CGROUP_MOUNT "/sys/fs/cgroup"

static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

/* What /proc/meminfo calls available, less a tenth of the machine. */
static uint64_t machine_spare(void)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, "/proc/meminfo", &text, 65536, NULL) < 0)
		return 0;
	uint64_t available = meminfo(text.data, "MemAvailable:");
	uint64_t margin = meminfo(text.data, "MemTotal:") / 10;
	if (margin < MARGIN_LEAST)
		margin = MARGIN_LEAST;
	return available > margin ? available - margin : 0;
}

/* A number in a file of a control group; UINT64_MAX where there is none ("max"). */
static uint64_t group_value(const char *group, const char *name)
{
	char path[4096];
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), CGROUP_MOUNT "%s/%s", group, name);
	if (io_read_file(AT_FDCWD, path, &text, 4096, NULL) < 0 || !text.size)
		return UINT64_MAX;
	char *end;
	uint64_t value = strtoull(text.data, &end, 10);
	return end == text.data ? UINT64_MAX : value;
}

static uint64_t group_spare(const char *group)
{
	uint64_t limit = group_value(group, "memory.max");
	uint64_t used = group_value(group, "memory.current");
	if (limit == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	uint64_t margin = limit / 10;
	return limit - margin > used ? limit - margin - used : 0;
}

/* The tightest limit from our control group (version 2) up to the root. */
static uint64_t groups_spare(void)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, "/proc/self/cgroup", &text, 65536, NULL) < 0 || !text.size)
		return UINT64_MAX;
	char *group = strstr(text.data, "0::");
	if (!group)
		return UINT64_MAX;
	group += strlen("0::");
	group[strcspn(group, "\n")] = '\0';
	uint64_t spare = UINT64_MAX;
	for (char *slash; (slash = strrchr(group, '/')); *slash = '\0') {
		uint64_t here = group_spare(group);
		spare = here < spare ? here : spare;
	}
	return spare;
}

uint64_t stream_pool_spare_memory(void)
{
	uint64_t machine = machine_spare(), groups = groups_spare();
	return machine < groups ? machine : groups;
}
