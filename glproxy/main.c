/*
 * glproxy: renders for application processes.
 *
 *	glproxy --listen SOCKET --dir RUNDIR	a proxy process for each process that asks
 *	        --restore DIRECTORY		... and first those of a snapshot (wire/hello.h)
 *	        --journal off|uploads|all	... and another for each that dies (journal.h)
 *	        --recover			... and for those that died with an earlier one
 *	        --profile NAME			... which show that OpenGL (profile.h)
 *	glproxy --check DIRECTORY		whether the driver here has what snapshots need
 *	glproxy --told DIRECTORY		by which driver and profile they were made, as JSON
 *	glproxy --describe			which driver is here, as JSON
 *	glproxy --serve DIR --client PID	one proxy, for one process
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "base/log.h"
#include "glproxy/confine.h"
#include "glproxy/listen.h"
#include "glproxy/live.h"
#include "glproxy/live_control.h"
#include "glproxy/proxy.h"
#include "glproxy/recover.h"
#include "glproxy/snapshot.h"
#include "glproxy/told.h"
#include "wire/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* A restored client's process comes into being after its proxy. */
static int open_client(const struct proxy *proxy)
{
	for (unsigned tries = 0;; tries++) {
		const int fd = (int)syscall(SYS_pidfd_open, proxy->client, 0);
		if (fd >= 0 || errno != ESRCH || !proxy->client_to_come || tries == 6000)
			return fd;
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	}
}

/* Ends the control ring when the client's process has ended; cancelled once the ring is served. */
static void *watch_client(void *data)
{
	struct proxy *proxy = data;
	scoped_fd int fd = open_client(proxy);
	if (fd >= 0)
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
	if (fd >= 0 || errno == ESRCH) {
		atomic_store(&proxy->control.shared->closed, 1);
		wire_wake(&proxy->control.shared->head);
	}
	return NULL;
}

/* ---- the journal ---- */

static enum journal_mode wanted_journal; /* off */

/* Where the journal of RUNDIR/pN is: RUNDIR/journal/pN, which no image keeps. */
static void journal_path(const char *directory, char *path, size_t size)
{
	const char *slash = strrchr(directory, '/');
	snprintf(path, size, "%.*s/journal%s", (int)(slash - directory), directory, slash);
}

/* Where a program waits for another proxy; without it, it does not (PROTOCOL.md). */
static void allow_another(const struct proxy *proxy)
{
	const int fd =
		openat(proxy->directory_fd, WIRE_AGAIN, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

/* Starts a journal over what was built from `base`, or over nothing. Without one it is as well. */
static void start_journal(struct proxy *proxy, const struct snapshot_place *base)
{
	char path[WIRE_DIR_MAX + 16];
	struct err err = ERR_INIT;
	if (wanted_journal == JOURNAL_OFF)
		return;
	journal_path(proxy->directory, path, sizeof(path));
	io_remove_tree(AT_FDCWD, path, NULL);
	proxy->journal = journal_create(path, wanted_journal, proxy->client, &err);
	if (proxy->journal && base && journal_base_copy(proxy->journal, base, &err)) {
		journal_close(proxy->journal);
		proxy->journal = NULL;
	}
	if (proxy->journal)
		allow_another(proxy);
	else
		log_line("process %d: no journal: %s", proxy->client, err.text);
}

static void end_journal(const struct proxy *proxy)
{
	char path[WIRE_DIR_MAX + 16];
	journal_path(proxy->directory, path, sizeof(path));
	io_remove_tree(AT_FDCWD, path, NULL);
}

#define ENDING_S 10 /* for what is left to be drawn when the client has ended */

/* A driver may be busy with a shader for hours. */
static void *end_anyway(void *data)
{
	struct proxy *proxy = data;
	nanosleep(&(struct timespec){ENDING_S, 0}, NULL);
	log_line("process %d has ended; its driver is still busy: given up", proxy->client);
	end_journal(proxy);
	io_remove_tree(AT_FDCWD, proxy->directory, NULL);
	_exit(0);
}

static int serve_on(struct proxy *proxy, int control)
{
	pthread_t watcher, hurry;
	if (control >= 0)
		live_control_start(proxy, control);
	const bool watches = !pthread_create(&watcher, NULL, watch_client, proxy);
	proxy_serve(proxy);
	if (watches) {
		pthread_cancel(watcher);
		pthread_join(watcher, NULL);
	}
	if (!pthread_create(&hurry, NULL, end_anyway, proxy))
		pthread_detach(hurry);
	end_journal(proxy);
	proxy_finish(proxy);
	_exit(0); /* another thread may be waiting for requests */
}

static int serve(const char *directory, pid_t client, int connection, int control)
{
	struct proxy proxy;
	struct err err = ERR_INIT;
	if (proxy_init(&proxy, directory, client, false, &err)) {
		log_line("%s", err.text);
		if (connection >= 0)
			listen_answer(connection, "", ENODEV);
		proxy_finish(&proxy);
		return 1;
	}
	if (control >= 0)
		start_journal(&proxy, NULL);
	if (connection >= 0) {
		listen_answer(connection, directory, 0);
		close(connection);
	}
	return serve_on(&proxy, control);
}

static int build(struct proxy *proxy, const char *directory, const char *file, struct err *err)
{
	scoped_free char *folder = strdup(file);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	if (!slash)
		return err_set(err, "%s: no path of a snapshot", file);
	*slash = '\0';
	const struct snapshot_place place = {.directory = folder, .name = slash + 1};
	const int client = snapshot_check(&place, err);
	if (client < 0 || proxy_init(proxy, directory, client, true, err))
		return -1;
	proxy->let_go = true;
	if (snapshot_adopt(proxy, &place, err) || snapshot_build(proxy, &place, err))
		return -1;
	proxy->restored = false;
	proxy->client_to_come = true;
	start_journal(proxy, &place);
	return 0;
}

static int start_threads(struct proxy *proxy, struct err *err)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++)
		if (proxy->contexts[id] && !context_start(proxy->contexts[id]))
			return err_set(err, "no thread can be made");
	return 0;
}

static int replace(struct proxy *proxy, const char *directory, bool hold, struct err *err)
{
	char path[WIRE_DIR_MAX + 16];
	journal_path(directory, path, sizeof(path));
	struct journal *journal = journal_open(path, err);
	return journal ? recover(proxy, directory, journal, hold, err) : -1;
}

/* From a snapshot; without one, from the journal of the proxy before. */
static int serve_again(const char *directory, const char *file, bool hold, int control)
{
	static struct proxy proxy;
	struct err err = ERR_INIT;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	const int built = file ? build(&proxy, directory, file, &err)
			       : replace(&proxy, directory, hold, &err);
	if (built || start_threads(&proxy, &err)) {
		live_control_say(control, &err);
		_exit(1); /* the files stay as they are */
	}
	live_control_say(control, &err);
	return serve_on(&proxy, control);
}

static bool choose_journal(const char *name)
{
	static const char *const names[] = {"off", "uploads", "all"};
	for (size_t i = 0; i < array_len(names); i++)
		if (!strcmp(name, names[i])) {
			wanted_journal = (enum journal_mode)i;
			return true;
		}
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
		{"dir", required_argument, NULL, 'd'}, {"serve", required_argument, NULL, 's'},
		{"client", required_argument, NULL, 'c'}, {"restore", required_argument, NULL, 'r'},
		{"journal", required_argument, NULL, 'j'}, {"recover", no_argument, NULL, 'a'},
		{"profile", required_argument, NULL, 'p'}, {"check", required_argument, NULL, 'k'},
		{"told", required_argument, NULL, 't'}, {"describe", no_argument, NULL, 'e'}, {0}};
	struct listen listen = {.serve = serve, .serve_again = serve_again};
	const char *served = NULL, *checked = NULL, *told = NULL;
	bool describe = false;
	int client = 0;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'l')
			listen.socket = optarg;
		else if (option == 'd')
			listen.directory = optarg;
		else if (option == 's')
			served = optarg;
		else if (option == 'c')
			client = atoi(optarg);
		else if (option == 'r')
			listen.from = optarg;
		else if (option == 'a')
			listen.recover = true;
		else if (option == 'k')
			checked = optarg;
		else if (option == 't')
			told = optarg;
		else if (option == 'e')
			describe = true;
		else if (!(option == 'j' && choose_journal(optarg)) &&
			!(option == 'p' && profile_choose(optarg)))
			return 2;
	}
	log_name("glproxy");
	/* The driver is found as on any desktop, or as the user says; not by our own library. */
	const char *vendors = getenv("__EGL_VENDOR_LIBRARY_FILENAMES");
	if (vendors && strstr(vendors, "glckpt"))
		unsetenv("__EGL_VENDOR_LIBRARY_FILENAMES");
	unsetenv("__GLX_VENDOR_LIBRARY_NAME");
	struct err err = ERR_INIT;
	if (checked || told || describe) {
		const int status = checked ? told_check(checked, &err)
			: told             ? told_print(told, &err)
					   : told_describe(&err);
		if (status)
			fprintf(stderr, "%s\n", err.text);
		return status ? 1 : 0;
	}
	if (confine(&err)) {
		log_line("not confined: %s", err.text);
		return 1;
	}
	if (served)
		return serve(served, client, -1, -1);
	listen.journal = wanted_journal != JOURNAL_OFF;
	if (listen.socket && listen.directory)
		return listen_run(&listen);
	fprintf(stderr,
		"usage: glproxy --listen SOCKET --dir RUNDIR [--journal off|uploads|all] "
		"[--restore DIRECTORY | --recover]\n"
		"       glproxy --serve DIR --client PID\n");
	return 2;
}
