/* job: who may run it (lease.h), what its next checkpoint takes (figures.h), which image is newest
 * (run-images.h), and the fence before an image appears (image.h). */
#define _GNU_SOURCE
#include "base/io.h"
#include "xdetach/batch/figures.h"
#include "xdetach/batch/lease.h"
#include "xdetach/batch/run-images.h"
#include "xdetach/image/image.h"
#include "xdetach/image/manifest.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state)
{
	strcpy(dir, "/tmp/glckpt-job-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return io_remove_tree(AT_FDCWD, dir, NULL);
}

/* A holder on another host that does not renew is given up sooner than LEASE_STALE_S. */
#define PATIENCE_S 0.5

static const struct lease_claim nobody = {.patience_s = PATIENCE_S};

static bool at_once(const void *data)
{
	return true;
}

static int take(struct lease *lease, const struct lease_claim *claim, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return lease_take(lease, dir, claim, err);
}

static int entries(void)
{
	int count = 0;
	scoped_dir DIR *folder = opendir(dir);
	while (readdir(folder))
		count++;
	return count - 2;
}

static char *lease_path(int token)
{
	return paths_format(NULL, "%s/lease.%d", dir, token);
}

/* As a host does whose clock is `ahead` seconds ahead of ours. */
static void renew_lease(int token, int ahead)
{
	scoped_free char *path = lease_path(token);
	const struct timespec times[2] = {{time(NULL) + ahead, 0}, {time(NULL) + ahead, 0}};
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A lease as another host would leave it. */
static void leave_lease(int token, const char *job, int start, int ahead)
{
	scoped_free char *path = lease_path(token);
	json_t *what = json_pack("{s:i, s:{s:s, s:i}, s:s, s:i, s:i, s:s?, s:i}", "token", token,
		"place", "boot", "another", "pid_namespace", 1, "host", "faraway", "pid", 4711,
		"started", 1, "job", job, "start", start);
	assert_int_equal(json_dump_file(what, path, 0), 0);
	json_decref(what);
	renew_lease(token, ahead);
}

/* ---- link(2), as lease.c calls it ---- */

static void (*before_link)(const char *new);
static bool lose_answer;

int link(const char *old, const char *new)
{
	void (*before)(const char *) = before_link;
	before_link = NULL;
	if (before)
		before(new);
	if (linkat(AT_FDCWD, old, AT_FDCWD, new, 0) < 0)
		return -1;
	errno = EEXIST;
	return lose_answer ? -1 : 0;
}

/* ---- the lease ---- */

static void a_released_lease_is_taken_again(void **state)
{
	struct err err;
	struct lease lease;
	for (uint64_t run = 1; run <= 3; run++) {
		assert_int_equal(take(&lease, &nobody, &err), 0);
		assert_int_equal(lease.token, run);
		assert_int_equal(lease_renew(&lease, &err), 0);
		lease_release(&lease);
		assert_int_equal(entries(), 1);
	}
	assert_int_equal(take(&lease, &nobody, &err), 0);
	lease_remove(&lease);
	assert_int_equal(entries(), 0);
}

static void a_lease_that_is_held_is_refused(void **state)
{
	struct err err;
	struct lease first, second;
	assert_int_equal(take(&first, &nobody, &err), 0);
	assert_int_equal(take(&second, &nobody, &err), -1);
	assert_non_null(strstr(err.text, "is being run already"));
	assert_int_equal(lease_renew(&first, &err), 0);
	lease_release(&first);
	lease_release(&second);
}

static void a_dead_process_on_this_host_holds_nothing(void **state)
{
	struct err err;
	struct lease lease;
	pid_t pid = fork();
	if (pid == 0)
		_exit(take(&lease, &nobody, &err) == 0 ? 0 : 1);
	int status;
	siginfo_t ended;
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
	assert_int_equal(take(&lease, &nobody, &err), 0); /* a zombie is dead */
	assert_int_equal(lease.token, 2);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(entries(), 1);
	lease_remove(&lease);
}

static void a_host_that_does_not_renew_holds_nothing(void **state)
{
	static const int clocks[] = {-3600, 0, 3600};
	for (size_t i = 0; i < array_len(clocks); i++) {
		struct err err;
		struct lease lease;
		leave_lease(6, NULL, 0, clocks[i]);
		double began = io_now();
		assert_int_equal(take(&lease, &nobody, &err), 0);
		assert_true(io_now() - began >= PATIENCE_S);
		assert_int_equal(lease.token, 7);
		lease_remove(&lease);
		assert_int_equal(entries(), 0);
	}
}

static void a_notice_ends_the_wait_for_a_host(void **state)
{
	struct err err;
	struct lease lease;
	leave_lease(6, NULL, 0, 0);
	const struct lease_claim hasty = {.patience_s = 1000, .give_up = at_once};
	assert_int_equal(take(&lease, &hasty, &err), -1);
	assert_non_null(strstr(err.text, "a notice came while it waited"));
}

/* By the time of its file such a lease is old: only that it changes shows that it is held. */
static void a_host_that_renews_is_refused_whatever_its_clock_says(void **state)
{
	struct err err;
	struct lease lease;
	leave_lease(6, NULL, 0, -3600);
	pid_t pid = fork();
	for (int i = 0; pid == 0; i = !i) {
		renew_lease(6, i - 3600);
		usleep(50000);
	}
	const struct lease_claim patient = {.patience_s = 1000};
	assert_int_equal(take(&lease, &patient, &err), -1);
	assert_non_null(strstr(err.text, "on faraway by process 4711"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_lost_answer_of_the_server_does_not_matter(void **state)
{
	struct err err;
	struct lease lease;
	lose_answer = true;
	int result = take(&lease, &nobody, &err);
	lose_answer = false;
	assert_int_equal(result, 0);
	assert_int_equal(lease.token, 1);
	lease_remove(&lease);
}

static void read_complete(const char *new)
{
	scoped_dir DIR *folder = opendir(dir);
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (strncmp(entry->d_name, ".look-", 6))
			continue;
		scoped_free char *path = paths_format(NULL, "%s/%s", dir, entry->d_name);
		json_t *what = json_load_file(path, 0, NULL);
		assert_int_equal(json_integer_value(json_object_get(what, "token")), 1);
		json_decref(what);
		return;
	}
	fail();
}

static void a_lease_is_complete_before_it_has_its_name(void **state)
{
	struct err err;
	struct lease lease;
	before_link = read_complete;
	assert_int_equal(take(&lease, &nobody, &err), 0);
	lease_remove(&lease);
}

/* While a taker was slow others have come and gone: its number is free again, and too low. */
static void overtake_twice(const char *new)
{
	scoped_free char *path = lease_path(3);
	leave_lease(5, NULL, 0, 0);
	unlink(path);
}

static void a_number_that_was_given_up_is_not_taken(void **state)
{
	struct err err;
	struct lease lease;
	const struct lease_claim restart = {
		.job = "17", .start = 1, .give_up = at_once, .patience_s = 1000};
	leave_lease(3, "17", 0, 0);
	before_link = overtake_twice;
	assert_int_equal(take(&lease, &restart, &err), -1);
	assert_int_equal(entries(), 1);
	scoped_free char *path = lease_path(5);
	assert_int_equal(access(path, F_OK), 0);
}

/* The number taken is renewed, or a third one would take the job meanwhile. */
static void who_waits_for_an_earlier_copy_renews(void **state)
{
	struct stat before, after = {0};
	scoped_free char *path = lease_path(3);
	leave_lease(2, "17", 0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		struct lease lease;
		const struct lease_claim restart = {.job = "17", .start = 1, .patience_s = 1000};
		_exit(take(&lease, &restart, &err));
	}
	while (stat(path, &before) < 0)
		usleep(1000);
	do {
		usleep(1000);
	} while (stat(path, &after) == 0 && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
		after.st_mtim.tv_sec == before.st_mtim.tv_sec);
	scoped_free char *earlier = lease_path(2);
	unlink(earlier);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* Each adds one to a number in a file, as nobody may who is not alone. */
static void count_alone(int times)
{
	scoped_free char *path = paths_format(NULL, "%s/count", dir);
	for (int done = 0; done < times;) {
		struct err err;
		struct lease lease;
		scoped_buf struct buf text = BUF_INIT;
		if (take(&lease, &nobody, &err) < 0) {
			usleep(1000);
			continue;
		}
		io_read_file(AT_FDCWD, path, &text, 20, NULL);
		char next[20];
		snprintf(next, sizeof(next), "%d", text.size ? atoi(text.data) + 1 : 1);
		io_write_file(AT_FDCWD, path, next, strlen(next), 0600, NULL);
		lease_release(&lease);
		done++;
	}
}

static void of_many_at_once_each_is_alone(void **state)
{
	enum { TAKERS = 4, TIMES = 25 };
	scoped_buf struct buf text = BUF_INIT;
	scoped_free char *path = paths_format(NULL, "%s/count", dir);
	for (int i = 0; i < TAKERS; i++)
		if (fork() == 0) {
			count_alone(TIMES);
			_exit(0);
		}
	for (int status; wait(&status) > 0;)
		assert_int_equal(status, 0);
	assert_int_equal(io_read_file(AT_FDCWD, path, &text, 20, NULL), 0);
	assert_int_equal(atoi(text.data), TAKERS * TIMES);
}

static void a_later_start_of_the_same_job_takes_over(void **state)
{
	struct err err;
	struct lease first, second;
	const struct lease_claim start = {.job = "17", .start = 1};
	assert_int_equal(take(&first, &start, &err), 0);
	pid_t pid = fork();
	if (pid == 0) {
		const struct lease_claim restart = {.job = "17", .start = 2};
		int result = take(&second, &restart, &err);
		_exit(result == 0 && second.token == 2 ? 0 : 1);
	}
	while (lease_renew(&first, &err) == 0)
		usleep(20000);
	assert_non_null(strstr(err.text, "taken over by a later run (2, this one is 1)"));
	lease_release(&first);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void an_earlier_start_of_the_same_job_is_refused(void **state)
{
	struct err err;
	struct lease lease;
	leave_lease(2, "17", 3, 0);
	const struct lease_claim late = {.job = "17", .start = 2};
	assert_int_equal(take(&lease, &late, &err), -1);
	assert_non_null(strstr(err.text, "an old copy must not go on"));
	const struct lease_claim other = {.job = "18", .start = 0, .patience_s = PATIENCE_S};
	assert_int_equal(take(&lease, &other, &err), 0);
	lease_remove(&lease);
}

static void of_many_takers_one_wins(void **state)
{
	enum { TAKERS = 8 };
	int won = 0, ready[2], hold[2];
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	leave_lease(3, NULL, 0, 0);
	for (int i = 0; i < TAKERS; i++) {
		if (fork() > 0)
			continue;
		struct err err;
		struct lease lease;
		char none;
		int result = take(&lease, &nobody, &err);
		close(hold[1]);
		if (write(ready[1], "r", 1) != 1 || read(hold[0], &none, 1) < 0)
			_exit(1);
		_exit(result == 0 ? 42 : 0); /* held until all have tried */
	}
	for (int i = 0; i < TAKERS; i++)
		assert_int_equal(read(ready[0], &(char){0}, 1), 1);
	close(hold[1]);
	for (int status; wait(&status) > 0;)
		won += WIFEXITED(status) && WEXITSTATUS(status) == 42;
	assert_int_equal(won, 1);
	close(hold[0]);
	close(ready[0]);
	close(ready[1]);
}

/* ---- the fence ---- */

static int ask_fence(void *data, struct err *err)
{
	return lease_check(dir, *(uint64_t *)data, err);
}

static int publish(const char *name, uint64_t token, struct err *err)
{
	*err = (struct err)ERR_INIT;
	scoped_free char *path = paths_format(err, "%s/%s", dir, name);
	struct image_writer *writer = image_writer_create(path, err);
	assert_non_null(writer);
	image_writer_guard(writer, ask_fence, &token);
	json_t *manifest = json_object();
	int result = image_writer_publish(writer, manifest, err);
	json_decref(manifest);
	image_writer_destroy(writer);
	assert_int_equal(access(path, F_OK) == 0, result == 0);
	return result;
}

static void the_fence_lets_only_the_last_run_publish(void **state)
{
	struct err err;
	struct lease lease;
	assert_int_equal(take(&lease, &nobody, &err), 0);
	assert_int_equal(publish("one", 1, &err), 0);
	leave_lease(2, NULL, 0, 0);
	assert_int_equal(publish("two", 1, &err), -1);
	assert_non_null(strstr(err.text, "was taken over by a later run"));
	assert_int_equal(publish("three", 2, &err), 0);
	assert_int_equal(lease_renew(&lease, &err), -1);
}

/* ---- the figures ---- */

static void add_figures(double memory, double seconds, bool stop)
{
	json_t *checkpoint = json_pack("{s:s, s:I, s:I, s:I, s:f, s:b}", "path", "p", "memory",
		(json_int_t)memory, "raw_bytes", (json_int_t)memory, "stored_bytes",
		(json_int_t)(memory / 5), "durable_s", seconds, "stop", stop);
	assert_int_equal(figures_add(dir, checkpoint, NULL), 0);
	json_decref(checkpoint);
}

static double predict(double memory, bool stop, bool *measured)
{
	json_t *figures = figures_load(dir);
	double seconds = figures_predict(figures, (uint64_t)memory, stop, measured);
	json_decref(figures);
	return seconds;
}

static void close_to(double seconds, double expected)
{
	assert_true(seconds > expected * 0.9 && seconds < expected * 1.1);
}

static void without_figures_it_is_a_guess(void **state)
{
	bool measured = true;
	close_to(predict(1e9, true, &measured), 10.2);
	assert_false(measured);
}

static void a_prediction_follows_the_memory(void **state)
{
	bool measured = false;
	add_figures(1e9, 1.3, true);
	close_to(predict(1e9, true, &measured), 1.3);
	assert_true(measured);
	close_to(predict(8e9, true, &measured), 9.0);
	close_to(predict(1e6, true, &measured), 0.2);
}

/* What is quicker than a checkpoint of nothing usually is says so of its like. */
static void a_small_job_is_predicted_by_its_own(void **state)
{
	bool measured;
	add_figures(1e8, 0.16, true);
	close_to(predict(1e8, true, &measured), 0.16);
	close_to(predict(1e9, true, &measured), 0.88);
}

static void memory_that_was_growing_misleads_nobody(void **state)
{
	bool measured;
	json_t *checkpoint = json_pack("{s:i, s:i, s:f, s:b}", "memory", 1000000, "raw_bytes",
		1000000000, "durable_s", 1.3, "stop", true);
	assert_int_equal(figures_add(dir, checkpoint, NULL), 0);
	json_decref(checkpoint);
	close_to(predict(1e9, true, &measured), 1.3);
}

static void one_odd_checkpoint_changes_little(void **state)
{
	bool measured;
	for (int i = 0; i < 3; i++)
		add_figures(1e9, 1.3, true);
	add_figures(1e9, 60, true);
	close_to(predict(1e9, true, &measured), 1.3);
}

static void each_kind_is_predicted_by_its_own(void **state)
{
	bool measured;
	add_figures(1e9, 4.3, false);
	close_to(predict(1e9, true, &measured), 4.3);
	add_figures(1e9, 1.3, true);
	add_figures(1e9, 4.3, false);
	close_to(predict(1e9, true, &measured), 1.3);
	close_to(predict(1e9, false, &measured), 4.3);
}

static void only_the_last_figures_are_kept(void **state)
{
	for (int i = 0; i < FIGURES_KEPT + 5; i++)
		add_figures(1e9, i, true);
	json_t *figures = figures_load(dir);
	assert_int_equal(json_array_size(figures), FIGURES_KEPT);
	const json_t *last = json_array_get(figures, FIGURES_KEPT - 1);
	close_to(json_number_value(json_object_get(last, "durable_s")), FIGURES_KEPT + 4);
	assert_null(json_object_get(last, "path"));
	json_decref(figures);
}

static void a_margin_is_kept(void **state)
{
	assert_true(figures_suffice(2, 5));
	assert_false(figures_suffice(2, 3));
	assert_false(figures_suffice(0.2, 0));
}

/* ---- the images ---- */

static void make_image(const char *name, int token, long long monotonic_ns)
{
	scoped_buf struct buf text = BUF_INIT;
	scoped_free char *folder = paths_format(NULL, "%s/%s", dir, name);
	scoped_free char *path = paths_format(NULL, "%s/manifest.json", folder);
	json_t *manifest = json_pack("{s:s, s:i, s:{s:{s:i}}, s:{s:I}, s:{}}", "format",
		IMAGE_FORMAT, "version", IMAGE_VERSION, "session", "run", "token", token, "engine",
		"monotonic_ns", (json_int_t)monotonic_ns, "parts");
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(image_manifest_format(manifest, &text, NULL), 0);
	assert_int_equal(io_write_file(AT_FDCWD, path, text.data, text.size, 0600, NULL), 0);
	json_decref(manifest);
}

static void break_manifest(const char *name)
{
	scoped_free char *path = paths_format(NULL, "%s/%s/manifest.json", dir, name);
	assert_int_equal(io_write_file(AT_FDCWD, path, "{", 1, 0600, NULL), 0);
}

static void images_are_found_newest_first(void **state)
{
	static const char *const expected[] = {"c", "d", "a", "b"};
	struct run_images images;
	make_image("a", 1, 500);
	make_image("b", 3, 900);
	make_image("c", 2, 800);
	make_image("d", 2, 700);
	break_manifest("b");
	assert_int_equal(run_images_find(&images, dir, NULL), 0);
	assert_int_equal(images.count, array_len(expected));
	for (size_t i = 0; i < images.count; i++)
		assert_string_equal(strrchr(images.list[i].path, '/') + 1, expected[i]);
	run_images_finish(&images);
	assert_int_equal(run_images_prune(dir, 2, NULL), 0);
	assert_int_equal(entries(), 2);
	assert_int_equal(run_images_prune(dir, 0, NULL), 0);
	assert_int_equal(entries(), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_released_lease_is_taken_again),
		test(a_lease_that_is_held_is_refused),
		test(a_dead_process_on_this_host_holds_nothing),
		test(a_host_that_does_not_renew_holds_nothing),
		test(a_notice_ends_the_wait_for_a_host),
		test(a_host_that_renews_is_refused_whatever_its_clock_says),
		test(a_lost_answer_of_the_server_does_not_matter),
		test(a_lease_is_complete_before_it_has_its_name),
		test(a_number_that_was_given_up_is_not_taken),
		test(who_waits_for_an_earlier_copy_renews),
		test(of_many_at_once_each_is_alone),
		test(a_later_start_of_the_same_job_takes_over),
		test(an_earlier_start_of_the_same_job_is_refused),
		test(of_many_takers_one_wins),
		test(the_fence_lets_only_the_last_run_publish),
		test(without_figures_it_is_a_guess),
		test(a_prediction_follows_the_memory),
		test(a_small_job_is_predicted_by_its_own),
		test(memory_that_was_growing_misleads_nobody),
		test(one_odd_checkpoint_changes_little),
		test(each_kind_is_predicted_by_its_own),
		test(only_the_last_figures_are_kept),
		test(a_margin_is_kept),
		test(images_are_found_newest_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
