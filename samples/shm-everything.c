/*
 * shm-everything: holds one of everything that a checkpoint may lose, and checks it all the time.
 *
 *	shm-everything [--without PART]... [STEPS-A-SECOND [COUNT]]
 *
 * Each part is made once and then stepped: a step changes the part's state in the kernel and
 * compares what comes back with what memory says must come back. State is left pending from one
 * step to the next (bytes in a pipe, a raised eventfd, a queued signal), so that a checkpoint
 * between any two instructions has something to lose. "step N ok" follows each round; a difference
 * is named and ends the program with status 1.
 */
#define _GNU_SOURCE /* memfd_create, pipe2, mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#define AREA (256 * 1024)
#define WORDS (AREA / sizeof(uint32_t))
#define PATIENCE_S 10 /* until a wait counts as lost */

/* Says what is wrong, once, and lets main() end. */
static int fail(const char *part, const char *what)
{
	printf("shm-everything: %s: %s (%s)\n", part, what, strerror(errno));
	return -1;
}

static void fill(uint32_t *words, uint32_t seed)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = seed * 2654435761u + i;
}

static bool holds(const uint32_t *words, uint32_t seed)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (words[i] != seed * 2654435761u + i)
			return false;
	}
	return true;
}

/* ---- System V shared memory, its segment removed while attached ---- */

static int sysv_id = -1;
static uint32_t *sysv_area, *sysv_twin; /* one segment; the twin is its second attachment */

static int sysv_make(void)
{
	sysv_id = shmget(IPC_PRIVATE, AREA, IPC_CREAT | 0600);
	sysv_area = shmat(sysv_id, NULL, 0);
	shmctl(sysv_id, IPC_RMID, NULL);
	if (sysv_area == (void *)-1)
		return fail("sysv", "shmat");
	fill(sysv_area, 0);
	return 0;
}

static int sysv_step(uint32_t step)
{
	if (!holds(sysv_area, step - 1))
		return fail("sysv", "the contents are others");
	fill(sysv_area, step);
	return 0;
}

static int twin_make(void)
{
	sysv_twin = shmat(sysv_id, NULL, 0);
	return sysv_twin == (void *)-1 ? fail("twin", "shmat") : 0;
}

static int twin_step(uint32_t step)
{
	return holds(sysv_twin, step) ? 0 : fail("twin", "the two attachments differ");
}

/* ---- a memfd that is mapped and open: one object, not two ---- */

static int memfd = -1;
static uint32_t *memfd_area;

static int memfd_make(void)
{
	memfd = memfd_create("shm-everything", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, AREA) != 0)
		return fail("memfd", "memfd_create");
	memfd_area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (memfd_area == MAP_FAILED)
		return fail("memfd", "mmap");
	fill(memfd_area, 0);
	return 0;
}

static int memfd_step(uint32_t step)
{
	static uint32_t read_back[WORDS];
	if (pread(memfd, read_back, AREA, 0) != AREA || !holds(read_back, step - 1))
		return fail("memfd", "the descriptor does not see the mapping");
	fill(read_back, step);
	if (pwrite(memfd, read_back, AREA, 0) != AREA || !holds(memfd_area, step))
		return fail("memfd", "the mapping does not see the descriptor");
	return 0;
}

/* ---- POSIX shared memory that keeps its name ---- */

static char posix_name[64];
static uint32_t *posix_area;

static int posix_make(void)
{
	snprintf(posix_name, sizeof(posix_name), "/shm-everything-%d", getpid());
	int fd = shm_open(posix_name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, AREA) != 0)
		return fail("posix", "shm_open");
	posix_area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (posix_area == MAP_FAILED)
		return fail("posix", "mmap");
	fill(posix_area, 0);
	return 0;
}

/* The name must lead to the object that is mapped. */
static int posix_step(uint32_t step)
{
	uint32_t word = 0;
	fill(posix_area, step);
	int fd = shm_open(posix_name, O_RDONLY, 0);
	if (fd < 0)
		return fail("posix", "the name is gone");
	bool seen = pread(fd, &word, sizeof(word), 0) == sizeof(word) && word == posix_area[0];
	close(fd);
	return seen ? 0 : fail("posix", "the name leads to another object");
}

static void posix_clean(void)
{
	shm_unlink(posix_name);
}

/* ---- a futex between this process and a forked child ---- */

struct rally {
	uint32_t ball; /* 1: the child's turn */
	uint32_t returned;
};

static struct rally *rally;

static long futex(uint32_t *word, int operation, uint32_t value)
{
	struct timespec patience = {PATIENCE_S, 0};
	return syscall(SYS_futex, word, operation, value, &patience, NULL, 0);
}

static void rally_return(void)
{
	for (;;) {
		while (__atomic_load_n(&rally->ball, __ATOMIC_ACQUIRE) == 0)
			futex(&rally->ball, FUTEX_WAIT, 0);
		rally->returned++;
		__atomic_store_n(&rally->ball, 0, __ATOMIC_RELEASE);
		futex(&rally->ball, FUTEX_WAKE, 1);
	}
}

static int futex_make(void)
{
	rally = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rally == MAP_FAILED)
		return fail("futex", "mmap");
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rally_return();
	}
	return child > 0 ? 0 : fail("futex", "fork");
}

static int futex_step(uint32_t step)
{
	__atomic_store_n(&rally->ball, 1, __ATOMIC_RELEASE);
	futex(&rally->ball, FUTEX_WAKE, 1);
	while (__atomic_load_n(&rally->ball, __ATOMIC_ACQUIRE) == 1) {
		if (futex(&rally->ball, FUTEX_WAIT, 1) < 0 && errno == ETIMEDOUT)
			return fail("futex", "the child does not answer");
	}
	return rally->returned == step ? 0 : fail("futex", "a turn was lost or played twice");
}

/* ---- an open file without a name ---- */

static void temp_path(char path[PATH_MAX])
{
	const char *dir = getenv("TMPDIR");
	snprintf(path, PATH_MAX, "%s/shm-everything-XXXXXX", dir ? dir : "/tmp");
}

static int nameless = -1;

static int nameless_make(void)
{
	char path[PATH_MAX];
	temp_path(path);
	nameless = mkostemp(path, O_CLOEXEC);
	if (nameless < 0 || unlink(path) != 0)
		return fail("nameless", path);
	return 0;
}

static int nameless_step(uint32_t step)
{
	uint32_t last = step - 1;
	off_t end = lseek(nameless, 0, SEEK_CUR);
	if (end != (off_t)(last * sizeof(last)))
		return fail("nameless", "the offset is another");
	if (step > 1 &&
		(pread(nameless, &last, sizeof(last), end - sizeof(last)) < 0 || last != step - 1))
		return fail("nameless", "the contents are others");
	return write(nameless, &step, sizeof(step)) == sizeof(step) ? 0 : fail("nameless", "write");
}

/* ---- eventfd, timerfd and signalfd behind one epoll, the event and the signal left pending ----
 */

static int epoll = -1, event = -1, timer = -1, signals = -1;

static int epoll_add(int fd)
{
	struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
	return fd < 0 ? -1 : epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
}

static int epoll_make(void)
{
	struct itimerspec every = {{0, 5000000}, {0, 5000000}};
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	event = eventfd(1, EFD_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	signals = signalfd(-1, &usr1, SFD_CLOEXEC);
	if (epoll_add(event) || epoll_add(timer) || epoll_add(signals))
		return fail("epoll", "epoll_ctl");
	kill(getpid(), SIGUSR1);
	return timerfd_settime(timer, 0, &every, NULL);
}

/* Takes what is pending on `fd` and makes the next thing pending. */
static int epoll_take(int fd, uint32_t step)
{
	struct signalfd_siginfo info;
	uint64_t count = 0;
	if (fd == signals) {
		if (read(fd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo != SIGUSR1)
			return fail("signalfd", "another signal");
		return kill(getpid(), SIGUSR1);
	}
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return fail("epoll", "read");
	if (fd == timer)
		return 0;
	if (count != step)
		return fail("eventfd", "another count");
	count = step + 1;
	return write(fd, &count, sizeof(count)) == sizeof(count) ? 0 : fail("eventfd", "write");
}

static const char *epoll_name(int fd)
{
	return fd == event ? "eventfd" : fd == timer ? "timerfd" : "signalfd";
}

/* What is taken is pending again at once, so that the wait never sleeps for what was lost. */
static int epoll_step(uint32_t step)
{
	const int wanted[] = {event, timer, signals};
	bool taken[3] = {false};
	for (time_t begun = time(NULL); !taken[0] || !taken[1] || !taken[2];) {
		for (size_t i = 0; i < 3; i++) {
			if (!taken[i] && time(NULL) > begun + PATIENCE_S)
				return fail(epoll_name(wanted[i]), "what was pending was lost");
		}
		struct epoll_event ready[3];
		int count = epoll_wait(epoll, ready, 3, PATIENCE_S * 1000);
		for (int at = 0; at < count; at++) {
			size_t i = ready[at].data.fd == event ? 0
				: ready[at].data.fd == timer  ? 1
							      : 2;
			if (!taken[i] && epoll_take(wanted[i], step) != 0)
				return -1;
			taken[i] = true;
		}
	}
	return 0;
}

/* ---- inotify on a folder of our own ---- */

static int watcher = -1;
static char watched[PATH_MAX];

static int inotify_make(void)
{
	temp_path(watched);
	watcher = inotify_init1(IN_CLOEXEC);
	if (watcher < 0 || !mkdtemp(watched) || inotify_add_watch(watcher, watched, IN_CREATE) < 0)
		return fail("inotify", watched);
	return 0;
}

static int inotify_step(uint32_t step)
{
	union {
		struct inotify_event event;
		char bytes[sizeof(struct inotify_event) + NAME_MAX + 1];
	} got;
	char path[PATH_MAX + 32], name[32];
	snprintf(name, sizeof(name), "step-%u", step);
	snprintf(path, sizeof(path), "%s/%s", watched, name);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	unlink(path);
	alarm(PATIENCE_S);
	ssize_t size = read(watcher, &got, sizeof(got));
	alarm(0);
	bool right = size > 0 && got.event.mask == IN_CREATE && !strcmp(got.event.name, name);
	return right ? 0 : fail("inotify", "another event");
}

static void inotify_clean(void)
{
	rmdir(watched);
}

/* ---- a pty, a pipe and a socket pair, each with one message on its way from step to step ---- */

struct channel {
	const char *part;
	int in, out;
};

static struct channel channels[3];

static int channel_send(const struct channel *channel, uint32_t number)
{
	char message[32];
	int size = snprintf(message, sizeof(message), "message %010u\n", number);
	return write(channel->in, message, size) == size ? 0 : fail(channel->part, "write");
}

static int channel_expect(const struct channel *channel, uint32_t number)
{
	char wanted[32], got[32] = "";
	int size = snprintf(wanted, sizeof(wanted), "message %010u\n", number);
	alarm(PATIENCE_S);
	for (int done = 0; done < size;) {
		ssize_t more = read(channel->out, got + done, size - done);
		if (more <= 0)
			return fail(channel->part, "read");
		done += more;
	}
	alarm(0);
	return strcmp(wanted, got) == 0 ? 0 : fail(channel->part, "another message");
}

static int channels_make(void)
{
	int fds[2], master, slave;
	struct termios raw;
	memset(&raw, 0, sizeof(raw));
	cfmakeraw(&raw);
	if (openpty(&master, &slave, NULL, &raw, NULL) != 0)
		return fail("pty", "openpty");
	channels[0] = (struct channel){"pty", slave, master};
	if (pipe2(fds, O_CLOEXEC) != 0)
		return fail("pipe", "pipe");
	channels[1] = (struct channel){"pipe", fds[1], fds[0]};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return fail("socketpair", "socketpair");
	channels[2] = (struct channel){"socketpair", fds[1], fds[0]};
	return channel_send(&channels[0], 0) || channel_send(&channels[1], 0) ||
		channel_send(&channels[2], 0);
}

static int channels_step(uint32_t step)
{
	for (size_t i = 0; i < 3; i++) {
		if (channel_expect(&channels[i], step - 1) || channel_send(&channels[i], step))
			return -1;
	}
	return 0;
}

/* ---- threads that meet at a barrier ---- */

#define THREADS 4

static pthread_barrier_t start_line, finish_line;
static uint32_t laps[THREADS];

static void *run_laps(void *lap)
{
	for (;;) {
		pthread_barrier_wait(&start_line);
		++*(uint32_t *)lap;
		pthread_barrier_wait(&finish_line);
	}
	return NULL;
}

static int threads_make(void)
{
	pthread_barrier_init(&start_line, NULL, THREADS + 1);
	pthread_barrier_init(&finish_line, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, run_laps, &laps[i]) != 0)
			return fail("threads", "pthread_create");
	}
	return 0;
}

static int threads_step(uint32_t step)
{
	pthread_barrier_wait(&start_line);
	pthread_barrier_wait(&finish_line);
	for (size_t i = 0; i < THREADS; i++) {
		if (laps[i] != step)
			return fail("threads", "a lap was lost");
	}
	return 0;
}

/* ---- MIT-SHM with the X server: a System V segment and a memfd ---- */

#define SIDE 128 /* of the picture, in pixels */

static xcb_connection_t *display;
static xcb_pixmap_t pixmap;
static xcb_gcontext_t context;
static struct shared_picture {
	const char *part;
	uint32_t *pixels;
	xcb_shm_seg_t segment;
} pictures[2] = {{.part = "mit-shm sysv"}, {.part = "mit-shm memfd"}};

static int picture_attach(struct shared_picture *picture, bool as_memfd)
{
	size_t size = SIDE * SIDE * sizeof(uint32_t);
	picture->segment = xcb_generate_id(display);
	xcb_void_cookie_t attach;
	if (as_memfd) {
		int fd = memfd_create("picture", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, size) != 0)
			return fail(picture->part, "memfd_create");
		picture->pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		attach = xcb_shm_attach_fd_checked(display, picture->segment, fd, 0);
	} else {
		int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
		picture->pixels = shmat(id, NULL, 0);
		attach = xcb_shm_attach_checked(display, picture->segment, id, 0);
	}
	return xcb_request_check(display, attach) ? fail(picture->part, "attach") : 0;
}

static int x_make(void)
{
	int number;
	display = xcb_connect(NULL, &number);
	if (xcb_connection_has_error(display))
		return fail("x", "no X server");
	xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(display)).data;
	pixmap = xcb_generate_id(display);
	context = xcb_generate_id(display);
	xcb_create_pixmap(display, 24, pixmap, screen->root, SIDE, SIDE);
	xcb_create_gc(display, context, pixmap, 0, NULL);
	return picture_attach(&pictures[0], false) || picture_attach(&pictures[1], true);
}

/* Puts a picture, forgets it, gets it back. */
static int picture_round_trip(const struct shared_picture *picture, uint32_t color)
{
	for (size_t i = 0; i < SIDE * SIDE; i++)
		picture->pixels[i] = (color + i) & 0xffffff;
	xcb_request_check(display,
		xcb_shm_put_image_checked(display, pixmap, context, SIDE, SIDE, 0, 0, SIDE, SIDE, 0,
			0, 24, XCB_IMAGE_FORMAT_Z_PIXMAP, 0, picture->segment, 0));
	memset(picture->pixels, 0x55, SIDE * SIDE * sizeof(uint32_t));
	xcb_shm_get_image_cookie_t asked = xcb_shm_get_image(display, pixmap, 0, 0, SIDE, SIDE, ~0u,
		XCB_IMAGE_FORMAT_Z_PIXMAP, picture->segment, 0);
	xcb_shm_get_image_reply_t *reply = xcb_shm_get_image_reply(display, asked, NULL);
	if (!reply)
		return fail(picture->part, "the X server does not answer");
	free(reply);
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		if ((picture->pixels[i] & 0xffffff) != ((color + i) & 0xffffff))
			return fail(picture->part, "other pixels came back");
	}
	return 0;
}

static int x_step(uint32_t step)
{
	return picture_round_trip(&pictures[0], step * 0x10305) ||
		picture_round_trip(&pictures[1], step * 0x50301);
}

/* ---- all of them ---- */

static struct part {
	const char *name;
	int (*make)(void);
	int (*step)(uint32_t step); /* from 1 */
	void (*clean)(void);
	bool skipped;
} parts[] = {
	{"sysv", sysv_make, sysv_step, NULL, false},
	{"twin", twin_make, twin_step, NULL, false},
	{"memfd", memfd_make, memfd_step, NULL, false},
	{"posix", posix_make, posix_step, posix_clean, false},
	{"futex", futex_make, futex_step, NULL, false},
	{"nameless", nameless_make, nameless_step, NULL, false},
	{"epoll", epoll_make, epoll_step, NULL, false},
	{"inotify", inotify_make, inotify_step, inotify_clean, false},
	{"channels", channels_make, channels_step, NULL, false},
	{"threads", threads_make, threads_step, NULL, false},
	{"x", x_make, x_step, NULL, false},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int skip(const char *name)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (strcmp(parts[i].name, name) == 0) {
			parts[i].skipped = true;
			return 0;
		}
	}
	fprintf(stderr, "shm-everything: no part is called %s\n", name);
	return -1;
}

static int make_all(void)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (!parts[i].skipped && parts[i].make() != 0)
			return -1;
	}
	return 0;
}

static int step_all(uint32_t step)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (!parts[i].skipped && parts[i].step(step) != 0)
			return -1;
	}
	printf("step %u ok\n", step);
	return 0;
}

static void clean_all(void)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (!parts[i].skipped && parts[i].clean)
			parts[i].clean();
	}
}

static int run(double rate, uint32_t count)
{
	struct timespec rest = {0, rate > 1 ? (long)(1e9 / rate) : 999999999};
	if (make_all() != 0)
		return 1;
	for (uint32_t step = 1; count == 0 || step <= count; step++) {
		if (step_all(step) != 0)
			return 1;
		nanosleep(&rest, NULL);
	}
	return 0;
}

static void wake(int signal)
{
	(void)signal; /* its use is that a read that waits for something lost ends with EINTR */
}

int main(int argc, char **argv)
{
	int next = 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = wake}, NULL);
	for (; next + 1 < argc && strcmp(argv[next], "--without") == 0; next += 2) {
		if (skip(argv[next + 1]) != 0)
			return 2;
	}
	if (!getenv("DISPLAY"))
		skip("x");
	double rate = next < argc ? atof(argv[next]) : 20;
	uint32_t count = next + 1 < argc ? strtoul(argv[next + 1], NULL, 10) : 0;
	int status = run(rate, count);
	clean_all();
	return status;
}
