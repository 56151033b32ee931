#define _GNU_SOURCE
#include "xdetach/session/session.h"

#include "base/io.h"
#include "base/lockdir.h"
#include "wire/ctl.h"
#include "xdetach/paths.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define NAME_MAX_LENGTH 64
#define ANSWER_S 2 /* a supervisor answers at once, or hangs */

void session_finish(struct session *session)
{
	free(session->name);
	free(session->run_dir);
	free(session->log_path);
	free(session->state_path);
	if (session->lock_fd > 0)
		close(session->lock_fd);
	*session = (struct session){.lock_fd = -1};
}

static bool valid_name(const char *name)
{
	if (!*name || *name == '.' || strlen(name) > NAME_MAX_LENGTH)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

int session_check_name(const char *name, struct err *err)
{
	if (valid_name(name))
		return 0;
	return err_set_status(err, STATUS_USAGE,
		"'%s' cannot be a session's name: letters, digits, '.', '_' and '-', at most %d",
		name, NAME_MAX_LENGTH);
}

/* ---- the claim ---- */

/* A folder that was just made and cannot be locked has met somebody who clears up. */
#define SWEPT 2

/* 0 claimed, 1 taken, SWEPT, -1 failed. */
static int claim_folder(struct session *session, const char *run_dir, struct err *err)
{
	lockdir_remove_stale(run_dir);
	if (mkdir(run_dir, 0700) < 0)
		return errno == EEXIST ? 1 : err_errno(err, "%s", run_dir);
	session->lock_fd = lockdir_take(run_dir);
	return session->lock_fd < 0 ? SWEPT : 0;
}

/* 0 claimed, 1 taken, -1 failed. */
static int try_claim(struct session *session, const char *runs, const char *name, struct err *err)
{
	scoped_free char *run_dir = paths_format(err, "%s/%s", runs, name);
	if (!run_dir)
		return -1;
	int taken = claim_folder(session, run_dir, err);
	bool swept = taken == SWEPT;
	for (int i = 0; swept && i < 100 && taken > 0; i++) {
		usleep(2000);
		taken = claim_folder(session, run_dir, err);
	}
	if (taken != 0)
		return taken < 0 ? -1 : 1;
	session->run_dir = steal_ptr(&run_dir);
	session->name = strdup(name);
	return session->name ? 0 : err_set(err, "out of memory");
}

static int claim_numbered(
	struct session *session, const char *runs, const char *hint, struct err *err)
{
	char name[NAME_MAX_LENGTH + 1];
	for (int i = 1; i < 10000; i++) {
		if (i == 1)
			snprintf(name, sizeof(name), "%.50s", hint);
		else
			snprintf(name, sizeof(name), "%.50s-%d", hint, i);
		int taken = try_claim(session, runs, name, err);
		if (taken <= 0)
			return taken;
	}
	return err_set(err, "10000 sessions are called %s", hint);
}

static int fill_state_paths(struct session *session, struct err *err)
{
	scoped_free char *state = paths_state_dir(err);
	if (!state || io_make_dirs(state, 0700, err) < 0)
		return -1;
	session->log_path = paths_format(err, "%s/%s.log", state, session->name);
	session->state_path = paths_format(err, "%s/%s.json", state, session->name);
	if (!session->log_path || !session->state_path)
		return -1;
	unlink(session->state_path); /* how another of that name ended */
	return 0;
}

int session_claim(struct session *session, const char *name, const char *hint, struct err *err)
{
	*session = (struct session){.lock_fd = -1};
	scoped_free char *runs = paths_run_dir(err);
	if (!runs)
		return -1;
	if (name && session_check_name(name, err) < 0)
		return -1;
	int taken = name ? try_claim(session, runs, name, err)
			 : claim_numbered(session, runs, valid_name(hint) ? hint : "session", err);
	if (taken > 0)
		return err_set(err, "a session is called %s already; choose another --name", name);
	if (taken < 0)
		return -1;
	if (fill_state_paths(session, err) < 0) {
		session_release(session);
		return -1;
	}
	return 0;
}

void session_release(struct session *session)
{
	if (session->run_dir)
		lockdir_remove(session->run_dir);
}

/* ---- who answers ---- */

int session_connect(const char *name, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	if (!runs || session_check_name(name, err) < 0)
		return -1;
	scoped_free char *run_dir = paths_format(err, "%s/%s", runs, name);
	if (!run_dir)
		return -1;
	int fd = ctl_connect(run_dir, NULL);
	if (fd >= 0)
		return fd;
	if (access(run_dir, F_OK) == 0)
		lockdir_remove_stale(run_dir);
	if (access(run_dir, F_OK) == 0)
		return err_set(err, "session %s is just starting or ending; try again", name);
	return err_set(err, "no session is called %s (`glckpt list` shows those that run)", name);
}

void session_wait_gone(const char *name, double timeout_s)
{
	scoped_free char *runs = paths_run_dir(NULL);
	scoped_free char *run_dir = runs ? paths_format(NULL, "%s/%s", runs, name) : NULL;
	double end = io_now() + timeout_s;
	while (run_dir && access(run_dir, F_OK) == 0 && io_now() < end)
		usleep(2000);
}

static json_t *ask_status(const char *run_dir)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	scoped_fd int fd = ctl_connect(run_dir, NULL);
	if (fd < 0)
		return NULL;
	struct err err = ERR_INIT;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return ctl_call(fd, json_pack("{s:s, s:i}", "op", "status", "ctl", CTL_VERSION), &err);
}

static void visit(const char *runs, const char *name, session_each_fn *each, void *data)
{
	scoped_free char *run_dir = paths_format(NULL, "%s/%s", runs, name);
	if (!run_dir)
		return;
	json_t *status = ask_status(run_dir);
	if (status)
		each(name, status, data);
	else
		lockdir_remove_stale(run_dir);
	json_decref(status);
}

int session_each(session_each_fn *each, void *data, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	if (!runs)
		return -1;
	struct dirent **entries;
	int count = scandir(runs, &entries, NULL, alphasort);
	if (count < 0)
		return err_errno(err, "%s", runs);
	for (int i = 0; i < count; i++) {
		if (valid_name(entries[i]->d_name))
			visit(runs, entries[i]->d_name, each, data);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

json_t *session_ended(const char *name, struct err *err)
{
	scoped_free char *state = paths_state_dir(err);
	if (!state || !valid_name(name))
		return NULL;
	scoped_free char *path = paths_format(err, "%s/%s.json", state, name);
	return path ? json_load_file(path, 0, NULL) : NULL;
}

bool session_is_image(const char *argument)
{
	scoped_free char *manifest = paths_format(NULL, "%s/manifest.json", argument);
	return manifest && (strchr(argument, '/') || access(manifest, F_OK) == 0);
}
