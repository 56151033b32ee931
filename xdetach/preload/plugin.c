/*
 * glckpt.so: a CRIU plugin that tells somebody outside when the processes stand still.
 *
 * CRIU loads it from the folder given with --libdir (ABI: criu/include/criu-plugin.h, version
 * 0.2.0, stated again below because CRIU ships no header with its packages everywhere). It does
 * nothing unless GLCKPT_HOOK in CRIU's environment is the path of a Unix stream socket. There it
 * says, a line each, and waits for a line in answer before CRIU goes on:
 *
 *	freezing      the first process is about to be frozen          (PAUSE_DEVICES)
 *	frozen        all are frozen, memory is about to be dumped     (CHECKPOINT_DEVICES)
 *	dumped RESULT the dump is over (0: well), all are frozen still (exit of the plugin)
 *
 * So any user of CRIU, podman say, can keep beside the dump what CRIU does not see. When nobody
 * listens any more CRIU goes on alone.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	HOOK_PAUSE_DEVICES = 10,
	HOOK_CHECKPOINT_DEVICES = 11,
	HOOK_COUNT = 12,
};

enum {
	STAGE_DUMP = 0,
};

#define PLUGIN_VERSION ((0 << 16) + (2 << 8) + 0)
#define PLUGIN_NOT_MINE (-95) /* -ENOTSUP: CRIU asks the next plugin */

struct plugin {
	const char *name;
	int (*init)(int stage);
	void (*exit)(int stage, int result);
	unsigned int version;
	unsigned int max_hooks;
	void *hooks[HOOK_COUNT];
};

static int hook_fd = -1;
static bool said_freezing;
static bool said_frozen;

static int hook_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(to.sun_path))
		return -1;
	strcpy(to.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Says a line and waits for the answer. */
static void hook_say(const char *line)
{
	char answer[64];
	if (hook_fd < 0)
		return;
	if (send(hook_fd, line, strlen(line), MSG_NOSIGNAL) > 0 &&
		recv(hook_fd, answer, sizeof(answer), 0) > 0)
		return;
	close(hook_fd);
	hook_fd = -1;
}

static int pause_devices(int pid)
{
	(void)pid;
	if (!said_freezing)
		hook_say("freezing\n");
	said_freezing = true;
	return PLUGIN_NOT_MINE;
}

static int checkpoint_devices(int pid)
{
	(void)pid;
	if (!said_frozen)
		hook_say("frozen\n");
	said_frozen = true;
	return PLUGIN_NOT_MINE;
}

static int plugin_init(int stage)
{
	const char *path = getenv("GLCKPT_HOOK");
	if (stage == STAGE_DUMP && path)
		hook_fd = hook_connect(path);
	return 0;
}

static void plugin_exit(int stage, int result)
{
	char line[64];
	if (stage != STAGE_DUMP)
		return;
	snprintf(line, sizeof(line), "dumped %d\n", result);
	hook_say(line);
}

extern struct plugin CR_PLUGIN_DESC;
__attribute__((visibility("default"))) struct plugin CR_PLUGIN_DESC = {
	.name = "glckpt",
	.init = plugin_init,
	.exit = plugin_exit,
	.version = PLUGIN_VERSION,
	.max_hooks = HOOK_COUNT,
	.hooks =
		{
			[HOOK_PAUSE_DEVICES] = (void *)pause_devices,
			[HOOK_CHECKPOINT_DEVICES] = (void *)checkpoint_devices,
		},
};
