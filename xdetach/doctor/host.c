#include "xdetach/doctor/host.h"

#include "base/io.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <sys/utsname.h>

#define CPUINFO_MAX (16u << 20)

enum { NAMED_MAX = 4 };

/* Set by the kernel or a hypervisor and seen by no program, or changing on one machine. */
static const char *const unimportant[] = {"amd_lbr_v2", "aperfmperf", "arat", "arch_perfmon", "art",
	"bts", "constant_tsc", "cpuid_fault", "dtherm", "dtes64", "epb", "ept", "ept_ad", "est",
	"flexpriority", "flush_l1d", "hwp", "hwp_epp", "ibpb", "ibrs", "ibrs_enhanced", "ida",
	"md_clear", "nonstop_tsc", "npt", "nrip_save", "pebs", "pln", "pts", "ssbd", "stibp", "svm",
	"tm2", "tpr_shadow", "tsc_known_freq", "tsc_reliable", "vmx", "vnmi", "vpid", "xtopology",
	"hypervisor", "extd_apicid", "x2apic", "cqm", "cqm_llc", "rdt_a", "nopl", "cpuid",
	"arch_capabilities", "tsc_adjust", "tsc_deadline_timer"};

static bool is_important(const char *flag)
{
	for (size_t i = 0; i < array_len(unimportant); i++)
		if (!strcmp(flag, unimportant[i]))
			return false;
	return true;
}

/* ---- describing ---- */

/* The value of the first line that begins with `key`, cut out of the text, or NULL. */
static char *cpuinfo_value(char *text, const char *key)
{
	size_t size = strlen(key);
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, size) || !strchr(" \t:", line[size]))
			continue;
		char *colon = strchr(line, ':');
		if (!colon)
			return NULL;
		char *value = colon + 1 + strspn(colon + 1, " \t");
		return strndup(value, strcspn(value, "\n"));
	}
	return NULL;
}

static json_t *split_flags(char *flags)
{
	char *rest = NULL;
	json_t *list = json_array();
	for (char *flag = flags ? strtok_r(flags, " ", &rest) : NULL; flag;
		flag = strtok_r(NULL, " ", &rest))
		json_array_append_new(list, json_string(flag));
	return list;
}

/* "flags" on x86, "Features" on ARM. */
static int add_cpu(json_t *host, char *cpuinfo)
{
	scoped_free char *model = cpuinfo_value(cpuinfo, "model name");
	scoped_free char *flags = cpuinfo_value(cpuinfo, "flags");
	if (!flags)
		flags = cpuinfo_value(cpuinfo, "Features");
	if (json_object_set_new(host, "cpu", json_string(model ? model : "")) < 0)
		return -1;
	return json_object_set_new(host, "cpu_flags", split_flags(flags));
}

json_t *host_describe(struct err *err)
{
	struct utsname name;
	scoped_buf struct buf cpuinfo = BUF_INIT;
	if (io_read_file(AT_FDCWD, "/proc/cpuinfo", &cpuinfo, CPUINFO_MAX, err) < 0)
		return NULL;
	uname(&name);
	json_t *host = json_pack("{s:s, s:s, s:s, s:I, s:s}", "hostname", name.nodename, "kernel",
		name.release, "machine", name.machine, "page_size",
		(json_int_t)sysconf(_SC_PAGESIZE), "libc", gnu_get_libc_version());
	if (host && cpuinfo.size && add_cpu(host, cpuinfo.data) == 0)
		return host;
	json_decref(host);
	err_set(err, "the machine cannot be described: no memory, or no /proc/cpuinfo");
	return NULL;
}

/* ---- comparing ---- */

static const char *text_of(const json_t *host, const char *key)
{
	const char *text = json_string_value(json_object_get(host, key));
	return text ? text : "";
}

static bool has_flag(const json_t *flags, const char *flag)
{
	size_t i;
	json_t *have;
	json_array_foreach (flags, i, have) {
		const char *name = json_string_value(have);
		if (name && !strcmp(name, flag))
			return true;
	}
	return false;
}

/* "avx512f, avx512dq and 7 more" */
static size_t list_missing(const json_t *there, const json_t *here, struct buf *missing)
{
	size_t i, count = 0;
	json_t *flag;
	json_array_foreach (there, i, flag) {
		const char *name = json_string_value(flag);
		if (!name || !is_important(name) || has_flag(here, name))
			continue;
		if (count++ < NAMED_MAX)
			buf_printf(missing, "%s%s", missing->size ? ", " : "", name);
	}
	if (count > NAMED_MAX)
		buf_printf(missing, " and %zu more", count - NAMED_MAX);
	return count;
}

static int check_flags(const json_t *host, const json_t *here, struct err *err)
{
	scoped_buf struct buf missing = BUF_INIT;
	size_t count = list_missing(
		json_object_get(host, "cpu_flags"), json_object_get(here, "cpu_flags"), &missing);
	if (!count || buf_failed(&missing))
		return count ? err_set(err, "out of memory") : 0;
	return err_set(err,
		"the image was taken on %s (%s), whose processor has what this one lacks: %s; "
		"restore it "
		"on a machine that has them",
		text_of(host, "hostname"), text_of(host, "cpu"), missing.data);
}

/* Numbers are compared as numbers: 6.9 is older than 6.18. */
static int compare_release(const char *left, const char *right)
{
	for (int i = 0; i < 3; i++) {
		char *left_end, *right_end;
		long a = strtol(left, &left_end, 10), b = strtol(right, &right_end, 10);
		if (a != b)
			return a < b ? -1 : 1;
		if (*left_end != '.' || *right_end != '.')
			return 0;
		left = left_end + 1;
		right = right_end + 1;
	}
	return 0;
}

static void warn_kernel(const json_t *host, const json_t *here, char *warning)
{
	const char *then = text_of(host, "kernel"), *now = text_of(here, "kernel");
	if (compare_release(now, then) < 0)
		snprintf(warning, HOST_WARNING_MAX,
			"the kernel here (%s) is older than the one the image was taken on (%s)",
			now, then);
}

int host_compare(
	const json_t *host, const json_t *here, char warning[HOST_WARNING_MAX], struct err *err)
{
	if (warning)
		warning[0] = '\0';
	if (strcmp(text_of(host, "machine"), text_of(here, "machine")))
		return err_set(err,
			"the image was taken on another architecture (%s) than this one (%s)",
			text_of(host, "machine"), text_of(here, "machine"));
	json_int_t then = json_integer_value(json_object_get(host, "page_size"));
	json_int_t now = json_integer_value(json_object_get(here, "page_size"));
	if (then != now)
		return err_set(err,
			"the image was taken with memory pages of %lld bytes, and they have %lld "
			"here",
			(long long)then, (long long)now);
	if (check_flags(host, here, err) < 0)
		return -1;
	if (warning)
		warn_kernel(host, here, warning);
	return 0;
}

int host_check(const json_t *host, char warning[HOST_WARNING_MAX], struct err *err)
{
	json_t *here = host_describe(err);
	if (!here)
		return -1;
	int result = host_compare(host, here, warning, err);
	json_decref(here);
	return result;
}
