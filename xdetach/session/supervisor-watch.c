#include "xdetach/session/supervisor-state.h"

#include "base/io.h"
#include "wire/ctl.h"

/*
 * A watcher (the VNC bridge) holds a connection to the private X server, which no image can keep.
 * It is told when it may hold one, and asked to let go before a dump. It is waited for, but not
 * for long: then the dump finds the connection and says so.
 */
#define LET_GO_S 2.0

static void tell(struct client *client, const char *event, bool stop)
{
	serve_tell(client, json_pack("{s:s, s:b}", "event", event, "stop", stop));
}

void watch_attach(struct supervisor *supervisor)
{
	if (!supervisor->running || supervisor->root_ended || supervisor->checkpointed)
		return;
	for (struct client *client = supervisor->clients; client; client = client->next) {
		if (!client->watches || client->holds)
			continue;
		client->holds = true;
		tell(client, "attach", false);
	}
}

void watch_add(struct client *client)
{
	struct supervisor *supervisor = client->supervisor;
	client->watches = client->waits_for_end = true;
	if (supervisor->job.kind != JOB_CHECKPOINT || supervisor->job.thawed)
		watch_attach(supervisor);
}

/* ---- before a dump ---- */

static bool somebody_holds(const struct supervisor *supervisor)
{
	for (const struct client *client = supervisor->clients; client; client = client->next)
		if (client->holds)
			return true;
	return false;
}

static void answer_worker(struct supervisor *supervisor)
{
	supervisor->let_go_by = 0;
	ctl_send(supervisor->job.watch.fd, json_pack("{s:s}", "event", "let-go"), NULL);
}

void watch_let_go(struct supervisor *supervisor)
{
	for (struct client *client = supervisor->clients; client; client = client->next)
		if (client->holds)
			tell(client, "detach", supervisor->job.stop);
	supervisor->let_go_by = io_now() + LET_GO_S;
	watch_look(supervisor);
}

void watch_look(struct supervisor *supervisor)
{
	double by = supervisor->let_go_by;
	if (by && (!somebody_holds(supervisor) || io_now() >= by))
		answer_worker(supervisor);
}
