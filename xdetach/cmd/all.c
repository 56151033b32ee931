#include "xdetach/cmd.h"

extern const struct cmd cmd_launch, cmd_checkpoint, cmd_restore, cmd_list, cmd_show, cmd_logs,
	cmd_wait, cmd_kill, cmd_screenshot, cmd_doctor, cmd_run, cmd_view, cmd_attach, cmd_detach,
	cmd_web, cmd_record, cmd_gl;

const struct cmd *const cmd_all[] = {&cmd_launch, &cmd_checkpoint, &cmd_restore, &cmd_run,
	&cmd_list, &cmd_show, &cmd_logs, &cmd_wait, &cmd_kill, &cmd_screenshot, &cmd_record,
	&cmd_view, &cmd_attach, &cmd_detach, &cmd_web, &cmd_gl, &cmd_doctor, NULL};
