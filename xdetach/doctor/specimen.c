#define _GNU_SOURCE
#include "xdetach/doctor/specimen.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <xcb/xcb.h>

#define STEP_MS 20
#define SHARED_SIZE (1u << 20)

struct specimen {
	const char *dir;
	int tcp, local; /* listening */
	int pair[2], pipe[2], pty[2];
	int memfd;
	uint64_t *mapped; /* of memfd */
	uint64_t *segment;
	int timer;
	pid_t child;
	xcb_connection_t *display; /* NULL without an X server */
	xcb_atom_t property;
};

/* ---- setting up ---- */

static int listen_on_tcp(struct specimen *specimen, struct err *err)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	specimen->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (specimen->tcp < 0 || bind(specimen->tcp, (struct sockaddr *)&any, sizeof(any)) < 0 ||
		listen(specimen->tcp, 4) < 0)
		return err_errno(err, "a TCP socket");
	return 0;
}

static int listen_on_unix(struct specimen *specimen, struct err *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", specimen->dir);
	specimen->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (specimen->local < 0 ||
		bind(specimen->local, (struct sockaddr *)&name, sizeof(name)) < 0 ||
		listen(specimen->local, 4) < 0)
		return err_errno(err, "a Unix socket");
	return 0;
}

static int make_channels(struct specimen *specimen, struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, specimen->pair) < 0)
		return err_errno(err, "a socket pair");
	if (pipe2(specimen->pipe, O_CLOEXEC) < 0)
		return err_errno(err, "a pipe");
	if (openpty(&specimen->pty[0], &specimen->pty[1], NULL, NULL, NULL) < 0)
		return err_errno(err, "a pseudo-terminal");
	return 0;
}

static int make_shared_memory(struct specimen *specimen, struct err *err)
{
	specimen->memfd = memfd_create("specimen", MFD_CLOEXEC);
	if (specimen->memfd < 0 || ftruncate(specimen->memfd, SHARED_SIZE) < 0)
		return err_errno(err, "a memfd");
	specimen->mapped =
		mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, specimen->memfd, 0);
	if (specimen->mapped == MAP_FAILED)
		return err_errno(err, "a memfd");
	int id = shmget(IPC_PRIVATE, SHARED_SIZE, IPC_CREAT | 0600);
	specimen->segment = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	if (specimen->segment == (void *)-1)
		return err_errno(err, "SysV shared memory");
	shmctl(id, IPC_RMID, NULL);
	return 0;
}

static int start_timer(struct specimen *specimen, struct err *err)
{
	struct itimerspec each = {{0, STEP_MS * 1000000}, {0, STEP_MS * 1000000}};
	specimen->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (specimen->timer < 0 || timerfd_settime(specimen->timer, 0, &each, NULL) < 0)
		return err_errno(err, "a timer");
	return 0;
}

static int start_child(struct specimen *specimen, struct err *err)
{
	specimen->child = fork();
	if (specimen->child < 0)
		return err_errno(err, "a child process");
	if (specimen->child > 0)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int connect_display(struct specimen *specimen, struct err *err)
{
	static const char name[] = "GLCKPT_SPECIMEN";
	if (!getenv("DISPLAY"))
		return 0;
	specimen->display = xcb_connect(NULL, NULL);
	xcb_intern_atom_cookie_t cookie =
		xcb_intern_atom(specimen->display, 0, sizeof(name) - 1, name);
	scoped_free xcb_intern_atom_reply_t *atom =
		xcb_intern_atom_reply(specimen->display, cookie, NULL);
	if (!atom)
		return err_set(err, "the X server does not answer");
	specimen->property = atom->atom;
	return 0;
}

/* ---- a step: what was left under way by the step before must have arrived ---- */

/* A restore interrupts a poll(2) with EINTR, as any signal may. */
static bool readable(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int result;
	do
		result = poll(&ready, 1, 5000);
	while (result < 0 && errno == EINTR);
	return result == 1;
}

static int expect_message(int fd, uint64_t step, const char *what, struct err *err)
{
	uint64_t got = 0;
	if (!readable(fd) || read(fd, &got, sizeof(got)) != sizeof(got) || got != step)
		return err_set(err, "what was under way in %s is lost", what);
	return 0;
}

/* The line arrives at the far end, and its echo at ours. */
static int expect_line(const int pty[2], uint64_t step, struct err *err)
{
	for (int i = 1; i >= 0; i--) {
		char line[32] = "";
		if (!readable(pty[i]) || read(pty[i], line, sizeof(line) - 1) <= 0 ||
			strtoull(line, NULL, 10) != step)
			return err_set(err, "what was under way in a pseudo-terminal is lost");
	}
	return 0;
}

static int receive_channels(struct specimen *specimen, uint64_t step, struct err *err)
{
	if (expect_message(specimen->pair[1], step, "a socket pair", err) < 0 ||
		expect_message(specimen->pipe[0], step, "a pipe", err) < 0)
		return -1;
	return expect_line(specimen->pty, step, err);
}

static int send_channels(struct specimen *specimen, uint64_t step, struct err *err)
{
	char line[32];
	int length = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)step);
	if (io_write_full(specimen->pair[0], &step, sizeof(step)) < 0 ||
		io_write_full(specimen->pipe[1], &step, sizeof(step)) < 0 ||
		io_write_full(specimen->pty[0], line, (size_t)length) < 0)
		return err_errno(err, "sending");
	return 0;
}

/* The memfd is read by its descriptor and written through its mapping: one object, not two. */
static int step_memory(struct specimen *specimen, uint64_t step, struct err *err)
{
	uint64_t got = 0;
	size_t last = SHARED_SIZE / sizeof(got) - 1;
	if (io_pread_full(specimen->memfd, &got, sizeof(got), SHARED_SIZE - sizeof(got)) < 0 ||
		got != step || specimen->mapped[last] != step)
		return err_set(err, "a memfd that is mapped and open came back as two");
	if (specimen->segment[last] != step)
		return err_set(err, "the contents of SysV shared memory are lost");
	specimen->mapped[last] = specimen->segment[last] = step + 1;
	return 0;
}

static int check_socket(int fd, const char *what, struct err *err)
{
	int listening = 0;
	socklen_t size = sizeof(listening);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
		return err_set(err, "%s does not listen any more", what);
	return 0;
}

static int check_processes(struct specimen *specimen, struct err *err)
{
	if (waitpid(specimen->child, NULL, WNOHANG) != 0)
		return err_set(err, "the child process is gone");
	if (check_socket(specimen->tcp, "a TCP socket", err) < 0)
		return -1;
	return check_socket(specimen->local, "a Unix socket", err);
}

/* A property of the root window holds the step. */
static int step_display(struct specimen *specimen, uint32_t step, struct err *err)
{
	xcb_connection_t *c = specimen->display;
	if (!c)
		return 0;
	xcb_window_t root = xcb_setup_roots_iterator(xcb_get_setup(c)).data->root;
	xcb_get_property_cookie_t cookie =
		xcb_get_property(c, 0, root, specimen->property, XCB_ATOM_CARDINAL, 0, 1);
	scoped_free xcb_get_property_reply_t *reply = xcb_get_property_reply(c, cookie, NULL);
	if (!reply)
		return err_set(err, "the connection to the X server is lost");
	if (step &&
		(xcb_get_property_value_length(reply) != sizeof(step) ||
			memcmp(xcb_get_property_value(reply), &step, sizeof(step))))
		return err_set(err, "the X server has forgotten a property");
	step++;
	xcb_change_property(c, XCB_PROP_MODE_REPLACE, root, specimen->property, XCB_ATOM_CARDINAL,
		32, 1, &step);
	xcb_flush(c);
	return 0;
}

static int wait_for_timer(struct specimen *specimen, struct err *err)
{
	uint64_t expirations;
	if (!readable(specimen->timer) ||
		read(specimen->timer, &expirations, sizeof(expirations)) < 0)
		return err_set(err, "a timer has stopped");
	return 0;
}

static int write_count(struct specimen *specimen, uint64_t step, struct err *err)
{
	char text[32];
	scoped_free char *path = paths_format(err, "%s/count", specimen->dir);
	int length = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)step);
	return path ? io_write_file(AT_FDCWD, path, text, (size_t)length, 0600, err) : -1;
}

static int step_once(struct specimen *specimen, uint64_t step, struct err *err)
{
	if (wait_for_timer(specimen, err) < 0 || step_memory(specimen, step, err) < 0 ||
		step_display(specimen, (uint32_t)step, err) < 0 ||
		check_processes(specimen, err) < 0)
		return -1;
	if (step && receive_channels(specimen, step, err) < 0)
		return -1;
	if (send_channels(specimen, step + 1, err) < 0)
		return -1;
	return write_count(specimen, step, err);
}

static int set_up(struct specimen *specimen, struct err *err)
{
	if (listen_on_tcp(specimen, err) < 0 || listen_on_unix(specimen, err) < 0 ||
		make_channels(specimen, err) < 0 || make_shared_memory(specimen, err) < 0 ||
		start_timer(specimen, err) < 0 || connect_display(specimen, err) < 0)
		return -1;
	return start_child(specimen, err);
}

static void write_fault(const char *dir, const struct err *fault)
{
	scoped_free char *path = paths_format(NULL, "%s/fault", dir);
	if (path)
		io_write_file(AT_FDCWD, path, fault->text, strlen(fault->text), 0600, NULL);
}

int specimen_run(const char *dir, struct err *err)
{
	struct specimen specimen = {.dir = dir};
	int result = set_up(&specimen, err);
	for (uint64_t step = 0; result == 0; step++)
		result = step_once(&specimen, step, err);
	write_fault(dir, err);
	if (specimen.child > 0)
		kill(specimen.child, SIGKILL);
	return result;
}

/* ---- seen from outside ---- */

static int read_beside(const char *dir, const char *name, struct buf *text)
{
	scoped_free char *path = paths_format(NULL, "%s/%s", dir, name);
	return path ? io_read_file(AT_FDCWD, path, text, ERR_TEXT_MAX, NULL) : -1;
}

int specimen_count(const char *dir, long *count, struct err *err)
{
	scoped_buf struct buf number = BUF_INIT, fault = BUF_INIT;
	if (read_beside(dir, "fault", &fault) == 0)
		return err_set(err, "%s", fault.data);
	*count = read_beside(dir, "count", &number) == 0 ? strtol(number.data, NULL, 10) : -1;
	return 0;
}
