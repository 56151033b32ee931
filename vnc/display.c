#define _GNU_SOURCE
#include "vnc/display.h"

#include <X11/Xauth.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <xcb/damage.h>
#include <xcb/randr.h>
#include <xcb/shm.h>
#include <xcb/xfixes.h>
#include <xcb/xtest.h>

/* ---- the guard ---- */

/* What the signal handler cuts; a handler has no other way to know. */
static volatile sig_atomic_t guarded = -1;

static void cut(int number)
{
	int saved = errno;
	if (guarded >= 0)
		shutdown(guarded, SHUT_RDWR);
	errno = saved;
}

/* Viewers' threads take a signal in their waiting for the viewer's end. */
static void mask_alarm(int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(how, &set, NULL);
}

static void guard_fd(int fd)
{
	const struct sigaction action = {.sa_handler = cut, .sa_flags = SA_RESTART};
	const struct itimerval limit = {
		.it_value = {DISPLAY_LIMIT_MS / 1000, DISPLAY_LIMIT_MS % 1000 * 1000L}};
	guarded = fd;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
	mask_alarm(SIG_UNBLOCK);
}

void display_guard_begin(const struct display *display)
{
	if (display->connection)
		guard_fd(xcb_get_file_descriptor(display->connection));
}

void display_guard_end(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	mask_alarm(SIG_BLOCK);
	guarded = -1;
}

/* ---- reaching the server ---- */

/* A socket's path may be longer than sun_path: it is reached through its folder's descriptor. */
static int connect_socket(const char *path, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *slash = strrchr(path, '/');
	scoped_free char *dir = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	scoped_fd int at = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (at < 0)
		return err_errno(err, "%s", path);
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d%s", at, slash);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "the private X server does not answer");
	return steal_fd(&fd);
}

static xcb_connection_t *introduce(int fd, const char *authority)
{
	scoped_file FILE *file = fopen(authority, "re");
	Xauth *cookie = file ? XauReadAuth(file) : NULL;
	xcb_auth_info_t auth = {0};
	if (cookie)
		auth = (xcb_auth_info_t){.name = cookie->name,
			.namelen = cookie->name_length,
			.data = cookie->data,
			.datalen = cookie->data_length};
	xcb_connection_t *connection = xcb_connect_to_fd(fd, cookie ? &auth : NULL);
	if (cookie)
		XauDisposeAuth(cookie);
	return connection;
}

/* ---- what the server must be able to do ---- */

static int need(struct display *display, xcb_extension_t *id, const char *name, uint8_t *first,
	struct err *err)
{
	const xcb_query_extension_reply_t *found = xcb_get_extension_data(display->connection, id);
	if (!found || !found->present)
		return err_set(err, "the private X server lacks the extension %s", name);
	if (first)
		*first = found->first_event;
	return 0;
}

/* Extensions want to hear the client's version before anything else. */
static void agree_on_versions(xcb_connection_t *connection)
{
	free(xcb_damage_query_version_reply(
		connection, xcb_damage_query_version(connection, 1, 1), NULL));
	free(xcb_xfixes_query_version_reply(
		connection, xcb_xfixes_query_version(connection, 4, 0), NULL));
	free(xcb_randr_query_version_reply(
		connection, xcb_randr_query_version(connection, 1, 3), NULL));
	free(xcb_shm_query_version_reply(connection, xcb_shm_query_version(connection), NULL));
}

static int look_at_server(struct display *display, struct err *err)
{
	const xcb_screen_t *screen =
		xcb_setup_roots_iterator(xcb_get_setup(display->connection)).data;
	if (need(display, &xcb_damage_id, "DAMAGE", &display->damage_event, err) < 0 ||
		need(display, &xcb_xfixes_id, "XFIXES", &display->xfixes_event, err) < 0 ||
		need(display, &xcb_randr_id, "RANDR", &display->randr_event, err) < 0 ||
		need(display, &xcb_shm_id, "MIT-SHM", NULL, err) < 0 ||
		need(display, &xcb_test_id, "XTEST", NULL, err) < 0)
		return -1;
	if (screen->root_depth != 24)
		return err_set(err, "a screen of depth %d cannot be watched", screen->root_depth);
	agree_on_versions(display->connection);
	display->root = screen->root;
	display->width = screen->width_in_pixels;
	display->height = screen->height_in_pixels;
	xcb_randr_select_input(
		display->connection, display->root, XCB_RANDR_NOTIFY_MASK_SCREEN_CHANGE);
	return 0;
}

int display_open(
	struct display *display, const char *socket, const char *authority, struct err *err)
{
	*display = (struct display){0};
	int fd = connect_socket(socket, err);
	if (fd < 0)
		return -1;
	guard_fd(fd);
	display->connection = introduce(fd, authority);
	int result = xcb_connection_has_error(display->connection)
		? err_set(err, "the private X server turned the connection away")
		: look_at_server(display, err);
	display_guard_end();
	if (result < 0)
		display_close(display);
	return result;
}

/* ---- letting go ---- */

/* The server closes its end when it has read everything; only then nothing is left of us in it. */
static void await_end(int fd)
{
	char rest[4096];
	ssize_t got;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	shutdown(fd, SHUT_WR);
	do {
		got = read(fd, rest, sizeof(rest));
	} while (got > 0 || (got < 0 && errno == EINTR));
}

void display_close(struct display *display)
{
	if (!display->connection)
		return;
	if (!display_lost(display)) {
		display_guard_begin(display);
		xcb_flush(display->connection);
		await_end(xcb_get_file_descriptor(display->connection));
		display_guard_end();
	}
	xcb_disconnect(display->connection);
	*display = (struct display){0};
}

bool display_lost(const struct display *display)
{
	return display->connection && xcb_connection_has_error(display->connection);
}

void display_block_alarm(void)
{
	mask_alarm(SIG_BLOCK);
}

void display_sync(const struct display *display)
{
	xcb_connection_t *connection = display->connection;
	free(xcb_get_input_focus_reply(connection, xcb_get_input_focus(connection), NULL));
}
