#define _GNU_SOURCE
#include "xdetach/batch/lease.h"

#include "base/io.h"
#include "base/log.h"
#include "xdetach/paths.h"
#include "xdetach/place.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LEASE_MAX 4096
#define LOOK_S 0.2

/* What a run that finds itself overtaken needs to end its session. */
#define LEAVE_S 10

#define PROBE ".look-"

/* ---- where a process runs ---- */

static long long start_time(pid_t pid)
{
	char path[64], state = 'Z';
	unsigned long long start = 0;
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (io_read_file(AT_FDCWD, path, &text, LEASE_MAX, NULL) < 0)
		return -1;
	const char *behind = strrchr(text.data, ')');
	if (!behind ||
		sscanf(behind + 1,
			" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %llu",
			&state, &start) != 2)
		return -1;
	return state == 'Z' ? -1 : (long long)start;
}

static json_t *describe(uint64_t token, const struct lease_claim *claim)
{
	char host[256] = "?";
	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:I, s:o, s:s, s:i, s:I, s:s?, s:I, s:I}", "token", (json_int_t)token,
		"place", place_describe(), "host", host, "pid", (int)getpid(), "started",
		(json_int_t)start_time(getpid()), "job", claim->job, "start",
		(json_int_t)claim->start, "since", (json_int_t)time(NULL));
}

/* ---- the folder ---- */

/* Changes the folder, for a client of NFS that has just done so asks the server what is in it and
 * does not answer from what it remembers. Closed before it is unlinked: a name that a client of NFS
 * unlinks while it is open stays for a while, as .nfs and a number. */
static int refresh(const char *dir, struct err *err)
{
	scoped_free char *path = paths_format(err, "%s/" PROBE "XXXXXX", dir);
	int fd = path ? mkostemp(path, O_CLOEXEC) : -1;
	if (fd < 0)
		return path ? err_errno(err, "%s", dir) : -1;
	close(fd);
	unlink(path);
	return 0;
}

typedef void each_fn(const char *dir, uint64_t token, void *data);

static int each_lease(const char *dir, each_fn *each, void *data, struct err *err)
{
	if (refresh(dir, err) < 0)
		return -1;
	scoped_dir DIR *folder = opendir(dir);
	if (!folder)
		return err_errno(err, "%s", dir);
	for (struct dirent *entry; (entry = readdir(folder));) {
		unsigned long long token;
		char rest;
		if (sscanf(entry->d_name, "lease.%llu%c", &token, &rest) == 1)
			each(dir, token, data);
	}
	return 0;
}

static void take_higher(const char *dir, uint64_t token, void *data)
{
	uint64_t *highest = data;
	if (token > *highest)
		*highest = token;
}

static int find_highest(const char *dir, uint64_t *highest, struct err *err)
{
	*highest = 0;
	return each_lease(dir, take_higher, highest, err);
}

static char *path_of(const char *dir, uint64_t token, struct err *err)
{
	return paths_format(err, "%s/lease.%llu", dir, (unsigned long long)token);
}

static void remove_lower(const char *dir, uint64_t token, void *data)
{
	const uint64_t *ours = data;
	scoped_free char *path = path_of(dir, token, NULL);
	if (path && token < *ours)
		unlink(path);
}

/* ---- who holds it ---- */

struct holder {
	uint64_t token; /* 0: nobody has been here */
	json_t *what;
	struct timespec renewed;
};

static void holder_finish(struct holder *holder)
{
	json_decref(holder->what);
}

/* Opened anew each time, for that is when a client of NFS asks for the file's times. */
static int read_holder(const char *dir, struct holder *holder, struct err *err)
{
	struct stat st;
	scoped_buf struct buf text = BUF_INIT;
	scoped_free char *path = path_of(dir, holder->token, err);
	scoped_fd int fd = path ? io_open(AT_FDCWD, path, O_RDONLY, 0, err) : -1;
	if (fd < 0 || io_read_all(fd, &text, LEASE_MAX, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "%s", path);
	json_decref(holder->what);
	holder->what = json_loadb(text.data ? text.data : "", text.size, 0, NULL);
	holder->renewed = st.st_mtim;
	return 0;
}

static int find_holder(const char *dir, struct holder *holder, struct err *err)
{
	*holder = (struct holder){0};
	if (find_highest(dir, &holder->token, err) < 0)
		return -1;
	return holder->token ? read_holder(dir, holder, err) : 0;
}

static json_int_t number(const struct holder *holder, const char *name)
{
	return json_integer_value(json_object_get(holder->what, name));
}

static const char *word(const struct holder *holder, const char *name)
{
	return json_string_value(json_object_get(holder->what, name));
}

static const char *host_of(const struct holder *holder)
{
	return word(holder, "host") ? word(holder, "host") : "?";
}

static bool is_here(const struct holder *holder)
{
	json_t *here = place_describe();
	bool same = json_equal(here, json_object_get(holder->what, "place"));
	json_decref(here);
	return same;
}

static bool is_over(const struct holder *holder)
{
	if (!holder->token || json_is_true(json_object_get(holder->what, "released")))
		return true;
	return is_here(holder) &&
		start_time((pid_t)number(holder, "pid")) != number(holder, "started");
}

static bool is_same_job(const struct holder *holder, const struct lease_claim *claim)
{
	const char *job = word(holder, "job");
	return job && claim->job && !strcmp(job, claim->job);
}

/* ---- taking it ---- */

static bool is_same_file(int fd, const char *path)
{
	struct stat ours, there;
	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
		ours.st_dev == there.st_dev;
}

/* What another host is to read has to be at the server before the name is. A server of NFS whose
 * answer was lost is asked again, and then says that the name is taken: by us. */
static int write_and_link(int fd, const char *part, const char *path, const char *text)
{
	if (io_write_full(fd, text, strlen(text)) < 0 || fsync(fd) < 0)
		return -1;
	return link(part, path) == 0 || is_same_file(fd, path) ? 0 : -1;
}

static int link_lease(const char *dir, const char *path, const json_t *what, struct err *err)
{
	scoped_free char *text = json_dumps(what, JSON_INDENT(1));
	scoped_free char *part = paths_format(err, "%s/" PROBE "XXXXXX", dir);
	int fd = text && part ? mkostemp(part, O_CLOEXEC) : -1;
	if (fd < 0)
		return err_errno(err, "%s", dir);
	int result = write_and_link(fd, part, path, text);
	if (result < 0)
		err_errno(err, "%s", path);
	close(fd);
	unlink(part);
	return result;
}

/* Who was slow may have taken a number that had been given up for a higher one. */
static int claim_is_last(const struct lease *lease, struct err *err)
{
	uint64_t highest;
	if (find_highest(lease->dir, &highest, err) < 0)
		return -1;
	return highest == lease->token;
}

/* 1: taken, 0: another was quicker, -1: failed. */
static int claim_number(struct lease *lease, const char *dir, uint64_t token,
	const struct lease_claim *claim, struct err *err)
{
	struct err link_err = ERR_INIT;
	scoped_free char *path = path_of(dir, token, err);
	json_t *what = describe(token, claim);
	int result = path && what ? link_lease(dir, path, what, &link_err) : -1;
	json_decref(what);
	if (result < 0)
		return path && access(path, F_OK) == 0 ? 0 : err_set(err, "%s", link_err.text);
	*lease = (struct lease){.dir = dir, .token = token, .renewed_at = io_now()};
	int last = claim_is_last(lease, err);
	if (last > 0)
		return 1;
	unlink(path);
	*lease = (struct lease){0};
	return last;
}

static int refuse(const struct holder *holder, const char *dir, struct err *err)
{
	return err_set(err,
		"%s is being run already, on %s by process %d; one image is not run twice at once",
		dir, host_of(holder), (int)number(holder, "pid"));
}

static int refuse_late(
	const struct holder *holder, const struct lease_claim *claim, struct err *err)
{
	return err_set(err,
		"this is restart %ld of job %s, and restart %d has been here before: an old copy "
		"must not go on",
		claim->start, claim->job, (int)number(holder, "start"));
}

static int sleep_or_give_up(const struct lease_claim *claim, struct err *err)
{
	if (claim->give_up && claim->give_up(claim->data))
		return err_set(err, "a notice came while it waited");
	usleep((useconds_t)(LOOK_S * 1e6));
	return 0;
}

/* Until the run that was overtaken has left: it has only to renew its lease to notice. The number
 * taken is renewed meanwhile, lest a third one waits for its end. */
static int await_leaving(struct lease *lease, struct holder *holder,
	const struct lease_claim *claim, struct err *err)
{
	double patience_s = claim->patience_s < LEAVE_S ? claim->patience_s : LEAVE_S;
	double end = io_now() + LEASE_RENEW_S + patience_s;
	log_line("waiting for an earlier copy of this job on %s to end", host_of(holder));
	while (read_holder(lease->dir, holder, NULL) == 0 && !is_over(holder) && io_now() < end)
		if (lease_renew(lease, err) < 0 || sleep_or_give_up(claim, err) < 0)
			return -1;
	return 0;
}

/* A number above the holder's. */
static int take_over(struct lease *lease, const char *dir, struct holder *holder,
	const struct lease_claim *claim, struct err *err)
{
	bool over = is_over(holder);
	int taken = claim_number(lease, dir, holder->token + 1, claim, err);
	if (taken <= 0)
		return taken;
	if (!over && await_leaving(lease, holder, claim, err) < 0) {
		lease_release(lease);
		return -1;
	}
	return 1;
}

/* What was seen of a holder that may be dead, and since when by our own clock. */
struct watching {
	uint64_t token;
	struct timespec renewed;
	double since;
};

static bool was_renewed(const struct watching *watching, const struct holder *holder)
{
	return watching->renewed.tv_sec != holder->renewed.tv_sec ||
		watching->renewed.tv_nsec != holder->renewed.tv_nsec;
}

static void begin_watching(
	struct watching *watching, const struct holder *holder, double patience_s)
{
	*watching = (struct watching){holder->token, holder->renewed, io_now()};
	log_line("waiting up to %.0f s: a run on %s, process %d, may still be alive", patience_s,
		host_of(holder), (int)number(holder, "pid"));
}

/* 1: taken, 0: to be tried again, -1: refused. */
static int watch(struct lease *lease, const char *dir, struct holder *holder,
	const struct lease_claim *claim, struct watching *watching, struct err *err)
{
	if (is_here(holder))
		return refuse(holder, dir, err);
	if (watching->token != holder->token)
		begin_watching(watching, holder, claim->patience_s);
	if (was_renewed(watching, holder))
		return refuse(holder, dir, err);
	if (io_now() - watching->since >= claim->patience_s)
		return claim_number(lease, dir, holder->token + 1, claim, err);
	return sleep_or_give_up(claim, err);
}

static int try_to_take(struct lease *lease, const char *dir, const struct lease_claim *claim,
	struct watching *watching, struct err *err)
{
	scoped(holder_finish) struct holder holder;
	if (find_holder(dir, &holder, err) < 0)
		return -1;
	bool same_job = is_same_job(&holder, claim);
	if (same_job && claim->start < number(&holder, "start"))
		return refuse_late(&holder, claim, err);
	if (is_over(&holder) || (same_job && claim->start > number(&holder, "start")))
		return take_over(lease, dir, &holder, claim, err);
	return watch(lease, dir, &holder, claim, watching, err);
}

int lease_take(
	struct lease *lease, const char *dir, const struct lease_claim *claim, struct err *err)
{
	struct watching watching = {0};
	int taken;
	*lease = (struct lease){0};
	do {
		taken = try_to_take(lease, dir, claim, &watching, err);
	} while (taken == 0);
	if (taken > 0)
		each_lease(dir, remove_lower, &lease->token, NULL);
	return taken < 0 ? -1 : 0;
}

/* ---- holding it ---- */

int lease_check(const char *dir, uint64_t token, struct err *err)
{
	uint64_t highest;
	if (find_highest(dir, &highest, err) < 0)
		return -1;
	if (highest == token)
		return 0;
	return err_set(err, "%s was taken over by a later run (%llu, this one is %llu)", dir,
		(unsigned long long)highest, (unsigned long long)token);
}

int lease_renew(struct lease *lease, struct err *err)
{
	uint64_t highest;
	scoped_free char *path = path_of(lease->dir, lease->token, err);
	if (!path || find_highest(lease->dir, &highest, NULL) < 0)
		return 0;
	if (highest != lease->token) {
		lease->lost = true;
		return lease_check(lease->dir, lease->token, err);
	}
	if (utimensat(AT_FDCWD, path, NULL, 0) == 0)
		lease->renewed_at = io_now();
	return 0;
}

static void mark_released(const char *path)
{
	json_t *what = json_load_file(path, 0, NULL);
	if (what && json_object_set_new(what, "released", json_true()) == 0) {
		scoped_free char *text = json_dumps(what, JSON_INDENT(1));
		if (text)
			io_write_file(AT_FDCWD, path, text, strlen(text), 0600, NULL);
	}
	json_decref(what);
}

void lease_release(struct lease *lease)
{
	scoped_free char *path = lease->dir ? path_of(lease->dir, lease->token, NULL) : NULL;
	if (path && lease->lost)
		unlink(path);
	else if (path)
		mark_released(path);
	*lease = (struct lease){0};
}

/* Probes and half-written leases of those that were killed, too. */
static void remove_all(const char *dir)
{
	scoped_dir DIR *folder = opendir(dir);
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (!strncmp(entry->d_name, PROBE, strlen(PROBE)) ||
			!strncmp(entry->d_name, "lease.", strlen("lease.")))
			unlinkat(dirfd(folder), entry->d_name, 0);
}

void lease_remove(struct lease *lease)
{
	if (lease->dir)
		remove_all(lease->dir);
	*lease = (struct lease){0};
}
