/*
 * clock: watches that time never goes back and that timers go on, over any number of restores.
 *
 *	clock [SECONDS [MAXIMAL-LEAP-SECONDS]]
 *
 * Twenty times a second it compares CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW and CLOCK_BOOTTIME with
 * their last values, and waits for three timers: a timerfd that repeats, a timerfd with absolute
 * deadlines and a POSIX timer that sends SIGALRM. It prints a line a second and stops with a
 * sentence and status 1 when a clock goes back, leaps further than allowed (default 60 s), or when
 * a timer falls silent.
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 50000000 /* of every timer here */
#define PATIENCE_MS 5000   /* until a timer counts as silent */

static const struct watched {
	clockid_t id;
	const char *name;
} watched[] = {
	{CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
	{CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW"},
	{CLOCK_BOOTTIME, "CLOCK_BOOTTIME"},
};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
	alarms++;
}

static double seconds(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static int fail(const char *what, const char *why, double by)
{
	printf("clock: %s %s by %.6f s\n", what, why, by);
	return -1;
}

static int check_clocks(double last[WATCHED], double max_leap)
{
	for (size_t i = 0; i < WATCHED; i++) {
		double now = seconds(watched[i].id);
		if (now < last[i])
			return fail(watched[i].name, "went back", last[i] - now);
		if (now - last[i] > max_leap)
			return fail(watched[i].name, "leapt forward", now - last[i]);
		last[i] = now;
	}
	return 0;
}

static int arm_repeating(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec every = {{0, PERIOD_NS}, {0, PERIOD_NS}};
	return timerfd_settime(fd, 0, &every, NULL) == 0 ? fd : -1;
}

static int arm_deadline(int fd)
{
	struct itimerspec once = {{0, 0}, {0, 0}};
	clock_gettime(CLOCK_BOOTTIME, &once.it_value);
	once.it_value.tv_nsec += PERIOD_NS;
	once.it_value.tv_sec += once.it_value.tv_nsec / 1000000000;
	once.it_value.tv_nsec %= 1000000000;
	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &once, NULL);
}

static int arm_alarm(void)
{
	struct sigaction action = {.sa_handler = count_alarm, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec every = {{0, PERIOD_NS}, {0, PERIOD_NS}};
	timer_t timer;
	sigaction(SIGALRM, &action, NULL);
	return timer_create(CLOCK_MONOTONIC, &event, &timer) ||
		timer_settime(timer, 0, &every, NULL);
}

/* Waits until the timer has expired; SIGALRM may come between. */
static int await_expiry(int fd, const char *name)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	double silent_since = seconds(CLOCK_MONOTONIC);
	uint64_t expired;
	while (poll(&polled, 1, PATIENCE_MS) <= 0) {
		if (seconds(CLOCK_MONOTONIC) - silent_since > PATIENCE_MS / 1e3)
			return fail(name, "has been silent", PATIENCE_MS / 1e3);
	}
	return read(fd, &expired, sizeof(expired)) == sizeof(expired) ? 0 : -1;
}

static int check_alarm(double *silent_since, sig_atomic_t *last)
{
	double now = seconds(CLOCK_MONOTONIC);
	if (alarms != *last) {
		*last = alarms;
		*silent_since = now;
	}
	if (now - *silent_since > PATIENCE_MS / 1e3)
		return fail("the POSIX timer", "has been silent", now - *silent_since);
	return 0;
}

/* One period of everything that is watched. */
struct watch {
	double last[WATCHED];
	double max_leap;
	double alarm_since;
	sig_atomic_t last_alarm;
	int repeating, deadline;
};

static int watch_once(struct watch *watch)
{
	if (check_clocks(watch->last, watch->max_leap) ||
		await_expiry(watch->repeating, "the repeating timer") ||
		await_expiry(watch->deadline, "the absolute timer") ||
		check_alarm(&watch->alarm_since, &watch->last_alarm))
		return -1;
	return arm_deadline(watch->deadline);
}

int main(int argc, char **argv)
{
	double until = argc > 1 ? atof(argv[1]) : 0;
	struct watch watch = {.max_leap = argc > 2 ? atof(argv[2]) : 60,
		.repeating = arm_repeating(),
		.deadline = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC),
		.alarm_since = seconds(CLOCK_MONOTONIC)};
	for (size_t i = 0; i < WATCHED; i++)
		watch.last[i] = seconds(watched[i].id);
	double start = watch.last[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (watch.repeating < 0 || arm_deadline(watch.deadline) || arm_alarm())
		return 1;
	for (unsigned long n = 1; until == 0 || watch.last[0] - start < until; n++) {
		if (watch_once(&watch) != 0)
			return 1;
		if (n % 20 == 0)
			printf("clock %lu ok monotonic %.3f\n", n / 20, watch.last[0]);
	}
	return 0;
}
