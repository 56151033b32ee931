#include "xdetach/doctor/doctor.h"
#include "xdetach/cmd.h"
#include "xdetach/doctor/smoke.h"
#include "xdetach/doctor/specimen.h"

#include <stdio.h>
#include <string.h>

static int option_json, option_smoke;
static char *option_specimen;

static const struct poptOption options[] = {
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON", NULL},
	{"smoke", '\0', POPT_ARG_NONE, &option_smoke, 0,
		"checkpoint and restore a small session too", NULL},
	{"specimen", '\0', POPT_ARG_STRING | POPT_ARGFLAG_DOC_HIDDEN, &option_specimen, 0,
		"be the program of that session", "DIR"},
	POPT_TABLEEND,
};

static const char *member(const json_t *finding, const char *key)
{
	const char *text = json_string_value(json_object_get(finding, key));
	return text ? text : "";
}

static void print_lines(const json_t *findings)
{
	size_t index;
	json_t *finding;
	json_array_foreach (findings, index, finding) {
		printf("%-4s  %-10s  %s\n", member(finding, "state"), member(finding, "check"),
			member(finding, "text"));
		if (member(finding, "advice")[0])
			printf("%-4s  %-10s  -> %s\n", "", "", member(finding, "advice"));
	}
}

static int print_findings(json_t *findings, struct err *err)
{
	if (option_json)
		return cmd_print_json(
			json_pack("{s:b, s:O}", "fit", doctor_fit(findings), "findings", findings),
			err);
	print_lines(findings);
	return cmd_flush(err);
}

static int examine(struct err *err)
{
	json_t *findings = doctor_examine(option_smoke, err);
	int status = findings ? print_findings(findings, err) : -1;
	if (status == 0 && !doctor_fit(findings))
		status = err_set(err, "sessions cannot run here: see what is marked \"fail\"");
	json_decref(findings);
	return status;
}

static int run(const char **arguments, struct err *err)
{
	if (option_specimen)
		return specimen_run(option_specimen, err);
	if (option_smoke && arguments[0])
		return smoke_run(arguments[0], err);
	if (arguments[0])
		return err_set_status(
			err, STATUS_USAGE, "%s: a CRIU is named with --smoke only", arguments[0]);
	return examine(err);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.arguments = "[CRIU]",
	.summary = "say what this machine can and cannot do, and what to do about it",
	.details =
		"Each line is ok, warn or fail. The status is 0 when sessions can run here, else "
		"1.\nWith --smoke and a CRIU only that one is tried.",
	.options = options,
	.max_arguments = 1,
	.run = run,
};
