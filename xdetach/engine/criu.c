#define _GNU_SOURCE
#include "xdetach/engine/criu.h"

#include "base/io.h"
#include "base/log.h"
#include "xdetach/paths.h"
#include "xdetach/session/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LOG_NAME "criu.log"
#define LOG_MAX (64u << 20)

/* Files that are open and deleted are kept in the image up to this size each. */
#define GHOST_LIMIT "4294967295"

#define ARGUMENTS_MAX 64

/* criu may take this long, and a second more for every so many bytes. */
#define LIMIT_BASE_S 120
#define LIMIT_BYTES_A_SECOND (20u << 20)

struct arguments {
	char *argv[ARGUMENTS_MAX + 1];
	int count;
	bool failed;
};

static void arguments_finish(struct arguments *arguments)
{
	for (int i = 0; i < arguments->count; i++)
		free(arguments->argv[i]);
}

/* Takes the heap string over. */
static void add(struct arguments *arguments, char *text)
{
	if (!text || arguments->count == ARGUMENTS_MAX) {
		free(text);
		arguments->failed = true;
		return;
	}
	arguments->argv[arguments->count++] = text;
}

static void add_text(struct arguments *arguments, const char *text)
{
	add(arguments, strdup(text));
}

static void add_pair(struct arguments *arguments, const char *option, const char *value)
{
	add_text(arguments, option);
	add_text(arguments, value);
}

static void add_common(struct arguments *arguments, const char *dir)
{
	add_pair(arguments, "-D", dir);
	add_pair(arguments, "-W", dir);
	add_pair(arguments, "-o", LOG_NAME);
	add_text(arguments, "-v2");
	add_text(arguments, "--stream");
	add_text(arguments, "--file-locks");
	add_text(arguments, "--manage-cgroups=ignore");
	if (getuid() != 0)
		add_text(arguments, "--unprivileged");
}

/* ---- the process ---- */

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* A scheduler's signals to every process of a job must not end criu in mid-dump. */
static void block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void set_environment(const char *dir)
{
	scoped_free char *hook = paths_format(NULL, "%s/hook", dir);
	scoped_free char *shim = getuid() != 0 ? paths_helper("glckpt-mapfiles.so", NULL) : NULL;
	if (hook)
		setenv("GLCKPT_HOOK", hook, 1);
	if (shim)
		setenv("LD_PRELOAD", shim, 1);
}

static void run_criu(char **argv, const char *dir)
{
	struct err err = ERR_INIT;
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	raise_descriptor_limit();
	block_signals();
	set_environment(dir);
	setsid();
	if (namespace_keep_capabilities(&err) == 0)
		execv(argv[0], argv);
	_exit(127);
}

static pid_t start_criu(struct arguments *arguments, const char *dir, struct err *err)
{
	if (arguments->failed)
		return err_set(err, "out of memory");
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0)
		run_criu(arguments->argv, dir);
	return pid;
}

/* ---- its log ---- */

/* Warnings that criu calls errors though nothing is lost. */
static bool harmless(const char *line)
{
	return strstr(line, "rlimit") || strstr(line, "RLIMIT_NOFILE") ||
		strstr(line, "net.c:1253");
}

/* "(00.123) Error (criu/x.c:12): text" -> "text" of the first such line, which is the cause of the
 * others; NULL: none. */
static char *first_error(const char *dir)
{
	scoped_buf struct buf log = BUF_INIT;
	scoped_free char *path = paths_format(NULL, "%s/%s", dir, LOG_NAME);
	if (!path || io_read_file(AT_FDCWD, path, &log, LOG_MAX, NULL) < 0 || !log.data)
		return NULL;
	for (char *line = strtok(log.data, "\n"); line; line = strtok(NULL, "\n")) {
		char *error = strstr(line, "Error (");
		char *text = error ? strstr(error, "): ") : NULL;
		if (text && !harmless(line))
			return strdup(text + 3);
	}
	return NULL;
}

static int describe_failure(int status, const char *what, const char *dir, struct err *err)
{
	scoped_free char *text = first_error(dir);
	if (WIFSIGNALED(status))
		return err_set(err, "criu was killed by signal %d when it was to %s",
			WTERMSIG(status), what);
	if (WEXITSTATUS(status) == 127)
		return err_set(err, "criu cannot be executed (see `glckpt doctor`)");
	if (text)
		return err_set(err, "criu could not %s: %s", what, text);
	return err_set(err, "criu could not %s and did not say why (status %d)", what,
		WEXITSTATUS(status));
}

/* ---- waiting, with hooks ---- */

struct conversation {
	int listener, peer, pidfd;
	const struct criu_hooks *hooks;
	struct err *err;
	bool failed; /* a hook did */
};

static void conversation_finish(struct conversation *conversation)
{
	scope_close_fd(&conversation->listener);
	scope_close_fd(&conversation->peer);
	scope_close_fd(&conversation->pidfd);
}

static int listen_for_hooks(const char *dir, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int length = snprintf(to.sun_path, sizeof(to.sun_path), "%s/hook", dir);
	if (length < 0 || (size_t)length >= sizeof(to.sun_path))
		return err_set(err, "%s: the path is too long; set a shorter XDG_RUNTIME_DIR", dir);
	unlink(to.sun_path);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 1) < 0)
		return err_errno(err, "%s", to.sun_path);
	return steal_fd(&fd);
}

static int call_hook(const struct criu_hooks *hooks, const char *line, struct err *err)
{
	if (!strncmp(line, "freezing", 8))
		return hooks->freezing ? hooks->freezing(hooks->data, err) : 0;
	if (!strncmp(line, "frozen", 6))
		return hooks->frozen ? hooks->frozen(hooks->data, err) : 0;
	if (!strcmp(line, "dumped 0\n"))
		return hooks->dumped ? hooks->dumped(hooks->data, err) : 0;
	return 0; /* a dump that failed has its sentence in the log */
}

/* One line of the plugin. A hook that failed ends criu, which leaves the processes running. */
static void hook_said(struct conversation *conversation, pid_t criu)
{
	char line[64];
	ssize_t got = read(conversation->peer, line, sizeof(line) - 1);
	if (got <= 0) {
		close(steal_fd(&conversation->peer));
		return;
	}
	line[got] = '\0';
	if (call_hook(conversation->hooks, line, conversation->err) < 0) {
		conversation->failed = true;
		kill(criu, SIGKILL);
		return;
	}
	if (send(conversation->peer, "go\n", 3, MSG_NOSIGNAL) < 0)
		close(steal_fd(&conversation->peer));
}

static void converse(struct conversation *conversation, pid_t criu, struct pollfd *waits)
{
	if (waits[0].revents & POLLIN)
		conversation->peer = accept4(conversation->listener, NULL, NULL, SOCK_CLOEXEC);
	else if (waits[1].revents)
		hook_said(conversation, criu);
}

/* Waits for criu to end, at most `limit_s`; 0 with its wait status, or -1 when it was killed. */
static int wait_for_criu(struct conversation *conversation, pid_t criu, unsigned limit_s,
	const char *what, int *status)
{
	double end = io_now() + limit_s;
	bool late = false;
	for (;;) {
		struct pollfd waits[] = {
			{.fd = conversation->peer < 0 ? conversation->listener : -1,
				.events = POLLIN},
			{.fd = conversation->peer, .events = POLLIN},
			{.fd = conversation->pidfd, .events = POLLIN},
		};
		double left = end - io_now();
		int ready = poll(waits, array_len(waits), left > 0 ? (int)(left * 1000) + 1 : 0);
		if (ready > 0 && waits[2].revents)
			break;
		if (ready > 0)
			converse(conversation, criu, waits);
		if (ready == 0 && !late) {
			late = true;
			kill(criu, SIGKILL);
			end = io_now() + 60;
		}
	}
	if (waitpid(criu, status, 0) < 0)
		return err_errno(conversation->err, "criu");
	if (late)
		return err_set(conversation->err, "criu did not %s within %u seconds and was ended",
			what, limit_s);
	return conversation->failed ? -1 : 0;
}

static int run_and_wait(struct arguments *arguments, const char *dir, unsigned limit_s,
	const char *what, const struct criu_hooks *hooks, struct err *err)
{
	static const struct criu_hooks none = {0};
	scoped(conversation_finish) struct conversation conversation = {
		.listener = listen_for_hooks(dir, err),
		.peer = -1,
		.pidfd = -1,
		.hooks = hooks ? hooks : &none,
		.err = err,
	};
	if (conversation.listener < 0)
		return -1;
	pid_t criu = start_criu(arguments, dir, err);
	if (criu < 0)
		return -1;
	conversation.pidfd = (int)syscall(SYS_pidfd_open, criu, 0);
	int status = 0;
	if (wait_for_criu(&conversation, criu, limit_s, what, &status) < 0)
		return -1;
	if (status != 0)
		return describe_failure(status, what, dir, err);
	return 0;
}

/* ---- dump and restore ---- */

int criu_dump(const struct criu_dump *dump, const struct criu_hooks *hooks, struct err *err)
{
	scoped(arguments_finish) struct arguments arguments = {0};
	scoped_free char *criu = paths_criu(err);
	scoped_free char *plugins = criu ? paths_helper("criu-plugin", err) : NULL;
	if (!plugins)
		return -1;
	add_text(&arguments, criu);
	add_text(&arguments, "dump");
	add(&arguments, paths_format(err, "-t"));
	add(&arguments, paths_format(err, "%d", dump->root));
	add_common(&arguments, dump->dir);
	add_pair(&arguments, "-L", plugins);
	add_pair(&arguments, "--ghost-limit", GHOST_LIMIT);
	add_text(&arguments, "--force-irmap");
	add_text(&arguments, dump->leave_running ? "-R" : "-s");
	add_pair(&arguments, "--timeout", "30");
	add_pair(&arguments, "--network-lock", "skip");
	if (dump->close_tcp)
		add_text(&arguments, "--tcp-close");
	return run_and_wait(&arguments, dump->dir, dump->limit_s, "dump the processes", hooks, err);
}

int criu_restore(const struct criu_restore *restore, struct err *err)
{
	scoped(arguments_finish) struct arguments arguments = {0};
	scoped_free char *criu = paths_criu(err);
	if (!criu)
		return -1;
	add_text(&arguments, criu);
	add_text(&arguments, "restore");
	add_common(&arguments, restore->dir);
	add_text(&arguments, "-d");
	add_text(&arguments, "-S");
	if (restore->close_tcp)
		add_text(&arguments, "--tcp-close");
	for (size_t i = 0; i < restore->inherit_count; i++) {
		const struct criu_inherit *inherit = &restore->inherit[i];
		fcntl(inherit->fd, F_SETFD, 0);
		add_text(&arguments, "--inherit-fd");
		add(&arguments, paths_format(err, "fd[%d]:%s", inherit->fd, inherit->name));
	}
	return run_and_wait(
		&arguments, restore->dir, restore->limit_s, "restore the processes", NULL, err);
}

int criu_lock(const char *run_dir, struct err *err)
{
	/* The folder of all sessions: a lock of its own file would be left behind. */
	scoped_free char *path = paths_format(err, "%s/..", run_dir);
	scoped_fd int fd = path ? io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err) : -1;
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX) < 0)
		return err_errno(err, "%s", path);
	return steal_fd(&fd);
}

unsigned criu_limit(uint64_t bytes)
{
	return LIMIT_BASE_S + (unsigned)(bytes / LIMIT_BYTES_A_SECOND);
}

char *criu_make_dir(const char *run_dir, struct err *err)
{
	scoped_free char *dir = paths_format(err, "%s/criu", run_dir);
	if (!dir || io_remove_tree(AT_FDCWD, dir, err) < 0)
		return NULL;
	if (mkdir(dir, 0700) < 0) {
		err_errno(err, "%s", dir);
		return NULL;
	}
	return steal_ptr(&dir);
}

char *criu_version(struct err *err)
{
	scoped_free char *criu = paths_criu(err);
	scoped_free char *command =
		criu ? paths_format(err, "'%s' --version 2>/dev/null", criu) : NULL;
	FILE *output = command ? popen(command, "re") : NULL;
	if (!output)
		return NULL;
	char line[128] = "";
	bool read_one = fgets(line, sizeof(line), output) != NULL;
	pclose(output);
	char number[32];
	if (read_one && sscanf(line, "Version: %31s", number) == 1)
		return paths_format(err, "%s", number);
	err_set(err, "%s does not tell its version (see `glckpt doctor`)", criu);
	return NULL;
}
