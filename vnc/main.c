/*
 * glckpt-vnc NAME DIR SESSION-DIR LINGER: the bridge of one session (vnc/bridge.h).
 *
 * For `glckpt view`, which makes DIR and hands its lock over on descriptor 4. Says "ok" on
 * descriptor 3 when viewers may come, or one sentence.
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "base/lockdir.h"
#include "base/log.h"
#include "vnc/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>

#define REPORT_FD 3
#define LOCK_FD 4

static void report(const char *text)
{
	if (fcntl(REPORT_FD, F_GETFD) < 0)
		return;
	io_write_full(REPORT_FD, text, strlen(text));
	close(REPORT_FD);
}

/* libvncserver waits by select(2): a higher descriptor would be the end of all viewers. */
static void limit_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= FD_SETSIZE)
		return;
	limit.rlim_cur = FD_SETSIZE;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const struct bridge_options *options)
{
	static struct bridge bridge;
	struct err err = ERR_INIT;
	if (bridge_init(&bridge, options, &err) < 0) {
		report(err.text);
		return STATUS_FAILED;
	}
	report("ok");
	bridge_run(&bridge);
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	log_name("glckpt-vnc");
	if (argc != 5) {
		log_line("started by `glckpt view`");
		return STATUS_USAGE;
	}
	const struct bridge_options options = {
		.name = argv[1], .dir = argv[2], .session_dir = argv[3], .linger_s = atof(argv[4])};
	umask(077);
	limit_descriptors();
	if (chdir("/") < 0 || fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC) < 0) {
		report(strerror(errno));
		return STATUS_FAILED;
	}
	lockdir_clear(options.dir); /* the sockets of one that was killed */
	int status = serve(&options);
	lockdir_remove(options.dir);
	/* Viewers' threads end with the process. */
	_exit(status);
}
