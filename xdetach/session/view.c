#define _GNU_SOURCE
#include "xdetach/session/view.h"

#include "base/io.h"
#include "base/lockdir.h"
#include "wire/ctl.h"
#include "xdetach/helper.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define FOLDER ".vnc-"
#define START_S 30.0
#define ANSWER_S 10

char *view_dir(const char *name, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	if (!runs || session_check_name(name, err) < 0)
		return NULL;
	return paths_format(err, "%s/" FOLDER "%s", runs, name);
}

/* ---- starting one ---- */

struct start {
	char *program, *dir, *session_dir;
	char linger[16];
};

static void start_finish(struct start *start)
{
	free(start->program);
	free(start->dir);
	free(start->session_dir);
}

static int start_init(struct start *start, const char *name, unsigned linger_s, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	snprintf(start->linger, sizeof(start->linger), "%u", linger_s);
	start->program = paths_helper("glckpt-vnc", err);
	start->dir = view_dir(name, err);
	start->session_dir = runs ? paths_format(err, "%s/%s", runs, name) : NULL;
	return start->program && start->dir && start->session_dir ? 0 : -1;
}

/* The bridge's lock is taken for it, so that its folder is nobody else's from here on: -1 with an
 * error, or without one where another command is just starting one, or clearing up after one. */
static int take_folder(const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "%s", dir);
	int lock = lockdir_take(dir);
	if (lock < 0 && errno != EWOULDBLOCK && errno != ENOENT)
		return err_errno(err, "%s", dir);
	return lock;
}

/* One that was killed while it started is none: to be tried again. */
static int start_bridge(const char *name, unsigned linger_s, struct err *err)
{
	struct helper helper;
	scoped(start_finish) struct start start = {0};
	if (start_init(&start, name, linger_s, err) < 0)
		return -1;
	scoped_fd int lock = take_folder(start.dir, err);
	if (lock < 0)
		return err_is_set(err) ? -1 : 0;
	const char *const argv[] = {
		"glckpt-vnc", name, start.dir, start.session_dir, start.linger, NULL};
	if (helper_start(&helper, start.program, argv, lock, err) < 0)
		return err_context(err, "the bridge");
	if (!helper.report[0] || !strcmp(helper.report, "ok"))
		return 0;
	return err_set(err, "%s", helper.report);
}

/* ---- finding one ---- */

static int connect_to(const char *name, struct err *err)
{
	scoped_free char *dir = view_dir(name, err);
	if (!dir)
		return -1;
	int fd = ctl_connect(dir, NULL);
	if (fd < 0)
		lockdir_remove_stale(dir); /* of a bridge that was killed */
	return fd;
}

/* A session of that name must run; what is wrong with the name is said in its terms. */
static int check_session(const char *name, struct err *err)
{
	scoped_fd int fd = session_connect(name, err);
	return fd < 0 ? -1 : 0;
}

/* One that is there, or -1. */
static int find_or_start(const char *name, unsigned linger_s, struct err *err)
{
	int fd = connect_to(name, err);
	if (fd >= 0 || err_is_set(err) || check_session(name, err) < 0)
		return fd;
	if (!linger_s)
		return err_set(err, "nobody watches %s: `glckpt view %s` does", name, name);
	return start_bridge(name, linger_s, err) < 0 ? -1 : connect_to(name, err);
}

/* NULL without an error where it ended before it answered. */
static json_t *ask(int fd, json_t *request, struct err *err)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (ctl_send(fd, request, NULL) < 0)
		return NULL;
	json_t *answer = ctl_receive(fd, NULL);
	if (!answer && errno)
		err_set(err, "the bridge does not answer");
	if (!answer || ctl_check(answer, err) == 0)
		return answer;
	json_decref(answer);
	return NULL;
}

/* Another one may be just beginning, or just ending. */
json_t *view_ask(const char *name, unsigned linger_s, json_t *request, struct err *err)
{
	json_t *answer = NULL;
	const double end = io_now() + START_S;
	while (!answer && !err_is_set(err) && io_now() < end) {
		scoped_fd int fd = find_or_start(name, linger_s, err);
		if (fd >= 0)
			answer = ask(fd, json_incref(request), err);
		if (!answer && !err_is_set(err))
			usleep(10000);
	}
	json_decref(request);
	if (!answer && !err_is_set(err))
		err_set(err, "the bridge of %s does not answer", name);
	return answer;
}

void view_clear_up(void)
{
	scoped_free char *runs = paths_run_dir(NULL);
	scoped_dir DIR *dir = runs ? opendir(runs) : NULL;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, FOLDER, strlen(FOLDER)) != 0)
			continue;
		scoped_free char *path = paths_format(NULL, "%s/%s", runs, entry->d_name);
		if (path)
			lockdir_remove_stale(path);
	}
}
