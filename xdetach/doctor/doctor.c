#define _GNU_SOURCE
#include "xdetach/doctor/doctor.h"

#include "base/io.h"
#include "xdetach/doctor/smoke.h"
#include "xdetach/engine/criu.h"
#include "xdetach/paths.h"
#include "xdetach/session/gl-driver.h"
#include "xdetach/session/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Below these a job of the ordinary kind does not fit. */
#define LITTLE_SPACE_GIB 2.0
#define LITTLE_MEMORY_GIB 1.0

#define GIB (1024.0 * 1024 * 1024)

/* ---- findings ---- */

static void add(json_t *findings, const char *check, const char *state, const char *advice,
	const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];
	vsnprintf(text, sizeof(text), format, args);
	json_t *finding = json_pack("{s:s, s:s}", "check", check, "state", state);
	json_object_set_new(finding, "text", json_string(text));
	if (advice)
		json_object_set_new(finding, "advice", json_string(advice));
	json_array_append_new(findings, finding);
}

static void printf_like(3, 4) fine(json_t *findings, const char *check, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(findings, check, "ok", NULL, format, args);
	va_end(args);
}

static void printf_like(4, 5)
	warn(json_t *findings, const char *check, const char *advice, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(findings, check, "warn", advice, format, args);
	va_end(args);
}

static void printf_like(4, 5)
	fail(json_t *findings, const char *check, const char *advice, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(findings, check, "fail", advice, format, args);
	va_end(args);
}

bool doctor_fit(const json_t *findings)
{
	size_t index;
	json_t *finding;
	json_array_foreach (findings, index, finding) {
		const char *state = json_string_value(json_object_get(finding, "state"));
		if (state && !strcmp(state, "fail"))
			return false;
	}
	return true;
}

/* ---- trying things in a child, where they do no harm ---- */

typedef int probe_fn(const char *dir, struct err *err);

static void run_probe(probe_fn *probe, const char *dir, int report)
{
	struct err fault = ERR_INIT;
	if (probe(dir, &fault) == 0)
		_exit(0);
	io_write_full(report, fault.text, strlen(fault.text));
	_exit(1);
}

static int in_child(probe_fn *probe, const char *dir, struct err *err)
{
	scoped_buf struct buf fault = BUF_INIT;
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		run_probe(probe, dir, report[1]);
	close(report[1]);
	int status = -1;
	if (pid > 0) {
		io_read_all(report[0], &fault, ERR_TEXT_MAX, NULL);
		waitpid(pid, &status, 0);
	}
	close(report[0]);
	if (status == 0)
		return 0;
	return err_set(err, "%s", fault.size ? fault.data : "the process that tried it died");
}

/* ---- namespaces ---- */

static long sysctl(const char *path)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, path, &text, 64, NULL) < 0 || !text.size)
		return -1;
	return strtol(text.data, NULL, 10);
}

/* With AppArmor's restriction the namespace is made, and worth nothing: hence the mount. */
static int probe_user_namespace(const char *dir, struct err *err)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_errno(err, "making a user namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "mounting in a user namespace");
	return 0;
}

static const char *user_namespace_advice(void)
{
	static const char container[] =
		"a container's seccomp filter may forbid it: give the container "
		"`--security-opt seccomp=unconfined`, or run glckpt outside of it";
	if (sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		return "let an administrator run: sysctl -w kernel.unprivileged_userns_clone=1";
	if (sysctl("/proc/sys/user/max_user_namespaces") == 0)
		return "let an administrator run: sysctl -w user.max_user_namespaces=10000";
	if (sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		return "let an administrator run: sysctl -w "
		       "kernel.apparmor_restrict_unprivileged_userns=0, or allow userns in an "
		       "AppArmor profile for glckpt";
	return container;
}

static void check_user(json_t *findings)
{
	struct err err = ERR_INIT;
	if (geteuid() == 0)
		fine(findings, "user", "running as root");
	else if (in_child(probe_user_namespace, NULL, &err) == 0)
		fine(findings, "user", "running as an ordinary user, who may make user namespaces");
	else
		fail(findings, "user", user_namespace_advice(), "%s", err.text);
}

static int probe_pid_choice(struct err *err)
{
	static const int wanted = 100;
	if (namespace_set_last_pid(wanted - 1, err) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid == wanted ? 0 : err_set(err, "a process did not get the PID it needs");
}

static int probe_inside(const char *dir, struct err *err)
{
	if (namespace_settle(err) < 0)
		return -1;
	if (unshare(CLONE_NEWIPC) < 0)
		return err_errno(err, "making an IPC namespace");
	return probe_pid_choice(err);
}

static int probe_namespaces(const char *dir, struct err *err)
{
	if (namespace_enter(dir, &(struct namespace_clock){0}, err) < 0)
		return -1;
	return in_child(probe_inside, dir, err);
}

static void check_namespaces(json_t *findings)
{
	static const char advice[] =
		"in a container: give it a /proc without masks and no seccomp filter "
		"(`--security-opt "
		"systempaths=unconfined --security-opt seccomp=unconfined`, as root also "
		"`--cap-add SYS_ADMIN`), or run glckpt outside of it; elsewhere: Linux 5.9 or "
		"newer with CONFIG_CHECKPOINT_RESTORE and CONFIG_TIME_NS";
	struct err err = ERR_INIT;
	char dir[] = "/tmp/glckpt-doctor-XXXXXX";
	if (!mkdtemp(dir))
		err_errno(&err, "a folder in /tmp");
	else
		in_child(probe_namespaces, dir, &err);
	io_remove_tree(AT_FDCWD, dir, NULL);
	if (err_is_set(&err))
		fail(findings, "namespaces", advice, "%s", err.text);
	else
		fine(findings, "namespaces",
			"mount, PID, time and IPC namespaces, a fresh /proc, private terminals and "
			"chosen PIDs");
}

static void check_ptrace(json_t *findings)
{
	if (sysctl("/proc/sys/kernel/yama/ptrace_scope") == 3)
		fail(findings, "ptrace",
			"let an administrator set kernel.yama.ptrace_scope to 2 or less "
			"in /etc/sysctl.d and reboot",
			"nobody may look into a process (kernel.yama.ptrace_scope is 3)");
	else
		fine(findings, "ptrace", "processes may be looked into");
}

/* ---- criu ---- */

/* What was seen to fail: from this kernel on, criu below that version. */
static const struct misfit {
	int kernel_major, kernel_minor;
	int criu_major, criu_minor;
	const char *what;
} misfits[] = {
	{0, 0, 4, 0, "it knows neither ordinary users nor the hooks that glckpt needs"},
	{6, 13, 4, 1, "it does not know this kernel's vDSO area"},
	{6, 16, 4, 2, "it cannot dump an X server on this kernel"},
};

static bool below(int major, int minor, int other_major, int other_minor)
{
	return major < other_major || (major == other_major && minor < other_minor);
}

static const char *find_misfit(const char *version)
{
	int kernel_major = 0, kernel_minor = 0, criu_major = 0, criu_minor = 0;
	struct utsname kernel;
	uname(&kernel);
	sscanf(kernel.release, "%d.%d", &kernel_major, &kernel_minor);
	sscanf(version, "%d.%d", &criu_major, &criu_minor);
	for (size_t i = 0; i < array_len(misfits); i++) {
		const struct misfit *m = &misfits[i];
		if (!below(kernel_major, kernel_minor, m->kernel_major, m->kernel_minor) &&
			below(criu_major, criu_minor, m->criu_major, m->criu_minor))
			return m->what;
	}
	return NULL;
}

static const char criu_advice[] =
	"run `make criu` in glckpt's source: it fetches one that works, without privilege";

static void check_criu(json_t *findings)
{
	struct err err = ERR_INIT;
	scoped_free char *criu = paths_criu(&err);
	scoped_free char *version = criu ? criu_version(&err) : NULL;
	if (!version) {
		fail(findings, "criu", criu_advice, "%s", err.text);
		return;
	}
	const char *misfit = find_misfit(version);
	if (misfit)
		fail(findings, "criu", criu_advice, "%s is version %s: %s", criu, version, misfit);
	else
		fine(findings, "criu", "%s is version %s", criu, version);
}

static void check_smoke(json_t *findings)
{
	struct err err = ERR_INIT;
	double start = io_now();
	scoped_free char *criu = paths_criu(&err);
	if (criu && smoke_run(criu, &err) == 0)
		fine(findings, "smoke", "a session was checkpointed, restored and went on: %.1f s",
			io_now() - start);
	else
		fail(findings, "smoke", criu_advice, "%s", err.text);
}

/* ---- programs ---- */

static void check_helpers(json_t *findings)
{
	static const char *const names[] = {"glckpt-stub", "glckpt-mapfiles.so",
		"criu-plugin/glckpt.so", "bin/glproxy", "libGLX_glckpt.so.0", "libEGL_glckpt.so.0",
		"50_glckpt.json", "glckpt-vnc"};
	for (size_t i = 0; i < array_len(names); i++) {
		struct err err = ERR_INIT;
		scoped_free char *path = paths_helper(names[i], &err);
		if (!path) {
			fail(findings, "helpers", "run `make`, or `make install` again", "%s",
				err.text);
			return;
		}
	}
	fine(findings, "helpers", "glckpt's own helpers are there");
}

static void check_program(json_t *findings, const char *check, const char *const *names,
	const char *purpose, const char *advice)
{
	for (; *names; names++) {
		scoped_free char *path = paths_program(*names);
		if (!path)
			continue;
		fine(findings, check, "%s: %s", purpose, path);
		return;
	}
	warn(findings, check, advice, "%s: none is installed", purpose);
}

static void check_programs(json_t *findings)
{
	check_program(findings, "xvfb", (const char *const[]){"Xvfb", NULL}, "private X server",
		"apt-get install xvfb, or launch with --no-display");
	check_program(findings, "xvnc", (const char *const[]){"Xvnc", "Xtigervnc", NULL},
		"X server for --xserver xvnc", "apt-get install tigervnc-standalone-server");
	check_program(findings, "xauth", (const char *const[]){"xauth", NULL},
		"X cookies for programs that ask", "apt-get install xauth");
	check_program(findings, "viewer",
		(const char *const[]){"xtigervncviewer", "vncviewer", NULL}, "viewer of sessions",
		"apt-get install tigervnc-viewer, to watch a session");
	if (access("/usr/share/novnc/vnc.html", R_OK) == 0)
		fine(findings, "web", "viewer of sessions in a browser: noVNC");
	else
		warn(findings, "web", "apt-get install novnc, to watch a session in a browser",
			"viewer of sessions in a browser: noVNC is not installed");
}

static void list_profiles(const json_t *profiles, char *text, size_t size)
{
	size_t i, used = 0;
	json_t *profile;
	text[0] = '\0';
	json_array_foreach (profiles, i, profile)
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
				json_string_value(profile));
}

static void check_gl(json_t *findings)
{
	char profiles[128];
	struct err err = ERR_INIT;
	json_t *here = gl_driver_here(&err);
	list_profiles(json_object_get(here, "profiles"), profiles, sizeof(profiles));
	if (here)
		fine(findings, "gl", "rendering proxies draw by %s; profiles: %s",
			json_string_value(json_object_get(here, "driver")), profiles);
	else
		warn(findings, "gl",
			"apt-get install libgl1-mesa-dri libegl1; GALLIUM_DRIVER and other "
			"variables of the driver may say a wrong one",
			"OpenGL: %s", err.text);
	json_decref(here);
}

/* ---- places ---- */

static void check_run_dir(json_t *findings)
{
	static const char advice[] =
		"log in so that XDG_RUNTIME_DIR is set, or set it to a folder of yours on tmpfs";
	struct err err = ERR_INIT;
	struct statfs fs;
	scoped_free char *dir = paths_run_dir(&err);
	if (!dir || statfs(dir, &fs) < 0)
		fail(findings, "run-dir", advice, "%s", dir ? "it cannot be looked at" : err.text);
	else if (fs.f_type == TMPFS_MAGIC)
		fine(findings, "run-dir", "%s is in memory", dir);
	else
		warn(findings, "run-dir", advice,
			"%s is on a disk: slower, and left by a power cut", dir);
}

/* The folder that images go to, or the nearest one above it that is there. */
static char *existing_image_dir(struct err *err)
{
	char *dir = paths_image_dir(err);
	while (dir && dir[1] && access(dir, F_OK) < 0) {
		char *slash = strrchr(dir, '/');
		slash[slash == dir ? 1 : 0] = '\0';
	}
	return dir;
}

/* Really tried: root may write everywhere, and yet not in /proc or on a read-only disk. */
static bool is_writable(const char *dir)
{
	scoped_free char *probe = paths_format(NULL, "%s/.glckpt-doctor-XXXXXX", dir);
	return probe && mkdtemp(probe) && rmdir(probe) == 0;
}

static void check_space(json_t *findings, const char *dir)
{
	struct statfs fs;
	statfs(dir, &fs);
	double free_gib = (double)fs.f_bavail * (double)fs.f_bsize / GIB;
	if (!is_writable(dir))
		fail(findings, "images", "set GLCKPT_IMAGE_DIR to a folder that can be written",
			"%s cannot be written", dir);
	else if (free_gib < LITTLE_SPACE_GIB)
		warn(findings, "images", "make room, or set GLCKPT_IMAGE_DIR to a larger disk",
			"only %.1f GiB are free in %s", free_gib, dir);
	else
		fine(findings, "images", "%.1f GiB are free in %s", free_gib, dir);
}

static int open_unnamed(const char *dir, int flags)
{
	return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
}

static void check_direct(json_t *findings, const char *dir)
{
	scoped_fd int fd = open_unnamed(dir, O_DIRECT);
	if (fd >= 0)
		fine(findings, "direct-io", "images are written past the page cache");
	else
		warn(findings, "direct-io",
			"set GLCKPT_IMAGE_DIR to a local disk, where it matters",
			"images go through the page cache: large ones are slower");
}

static void check_reflink(json_t *findings, const char *dir)
{
	scoped_fd int from = open_unnamed(dir, 0), to = open_unnamed(dir, 0);
	char block[4096] = "";
	bool shared =
		io_write_full(from, block, sizeof(block)) == 0 && ioctl(to, FICLONE, from) == 0;
	fine(findings, "reflink", "files open for writing are %s when they are kept",
		shared ? "shared" : "copied");
}

static void check_images(json_t *findings)
{
	struct err err = ERR_INIT;
	scoped_free char *dir = existing_image_dir(&err);
	if (!dir) {
		fail(findings, "images", "set GLCKPT_IMAGE_DIR", "%s", err.text);
		return;
	}
	check_space(findings, dir);
	check_direct(findings, dir);
	check_reflink(findings, dir);
}

static void check_memory(json_t *findings)
{
	scoped_buf struct buf text = BUF_INIT;
	io_read_file(AT_FDCWD, "/proc/meminfo", &text, 65536, NULL);
	const char *line = text.data ? strstr(text.data, "MemAvailable:") : NULL;
	double gib = line ? strtod(line + strlen("MemAvailable:"), NULL) * 1024 / GIB : 0;
	if (gib < LITTLE_MEMORY_GIB)
		warn(findings, "memory", "end something else before a large job is restored",
			"only %.1f GiB are available", gib);
	else
		fine(findings, "memory", "%.1f GiB are available", gib);
}

json_t *doctor_examine(bool smoke, struct err *err)
{
	json_t *findings = json_array();
	if (!findings) {
		err_set(err, "out of memory");
		return NULL;
	}
	check_user(findings);
	if (doctor_fit(findings))
		check_namespaces(findings);
	check_ptrace(findings);
	check_criu(findings);
	check_helpers(findings);
	check_programs(findings);
	check_gl(findings);
	check_run_dir(findings);
	check_images(findings);
	check_memory(findings);
	if (smoke && doctor_fit(findings))
		check_smoke(findings);
	return findings;
}
