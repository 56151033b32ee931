/*
 * supervisor-state.h: what the supervisor's files share: supervisor.c (life and death of the
 * session), supervisor-job.c (workers), supervisor-serve.c (clients), supervisor-watch.c (who
 * watches). For nobody else.
 */
#ifndef XDETACH_SUPERVISOR_STATE_H
#define XDETACH_SUPERVISOR_STATE_H

#include "xdetach/session/loop.h"
#include "xdetach/session/outlet.h"
#include "xdetach/session/proctree.h"
#include "xdetach/session/supervisor.h"

#include <stdint.h>
#include <sys/types.h>

/* Images that --every made and that are kept. */
#define PERIODIC_KEPT 2

/* Between SIGTERM and SIGKILL for what runs on when the application has ended. */
#define LEFTOVER_GRACE_S 3

struct client {
	struct client *next;
	struct supervisor *supervisor;
	struct watch watch;
	bool waits_for_end;
	json_t *request; /* a checkpoint, asked for while another is being taken */
	bool watches;    /* is told when the display may be held */
	bool holds;      /* was told so, and has not let go since */
};

enum job_kind {
	JOB_NONE,
	JOB_CHECKPOINT,
	JOB_RESTORE,
};

struct job {
	enum job_kind kind;
	pid_t pid;
	struct watch watch;    /* its channel */
	struct client *client; /* who asked, and still waits; NULL: nobody */
	bool client_waits;     /* until the image is durable */
	bool stop;
	bool periodic;
	bool thawed;    /* the application runs on */
	json_t *result; /* its last message; NULL so far */
	char *path;
	json_t *pipes;
	struct proctree_stopped stopped; /* before the dump */
};

struct supervisor {
	struct plan *plan;
	struct loop loop;
	struct watch signals, listener, front, report;
	struct outlet_log log;
	struct outlet output, error;
	bool one_output; /* standard error is the same file as standard output */
	struct inlet input;
	struct client *clients;
	struct job job;

	pid_t gl;     /* who starts proxies; 0: none */
	pid_t root;   /* the stub */
	pid_t app;    /* the application; 0 until it runs */
	bool running; /* the application has been started */
	bool root_ended;
	bool checkpointed; /* ended because an image was taken with --stop */
	int root_status;   /* exit status in glckpt's sense */
	double kill_at;    /* monotonic; 0: nobody has to be killed */
	double next_periodic;
	double let_go_by; /* the worker waits for watchers until then; 0: it does not */
	time_t started;
	json_t *last_checkpoint; /* what the worker said at its end, or NULL */
	char *periodic[PERIODIC_KEPT + 1];
};

/* supervisor.c */
void supervisor_note(struct supervisor *supervisor, const char *format, ...) printf_like(2, 3);
void supervisor_started(struct supervisor *supervisor, double restore_s);
void supervisor_failed(struct supervisor *supervisor, const struct err *err);
void supervisor_tell_kept(struct supervisor *supervisor, const json_t *checkpoint, bool stop);
bool supervisor_is_orphan(const struct supervisor *supervisor);
void supervisor_signal_app(struct supervisor *supervisor, int number);
void supervisor_kill_tree(struct supervisor *supervisor);

/* supervisor-job.c */
struct job_request {
	const char *path; /* NULL: a new one in the session's image folder */
	const char *fail;
	struct client *client;
	bool stop, wait, close_tcp, periodic;
};
int job_start_checkpoint(
	struct supervisor *supervisor, const struct job_request *request, struct err *err);
int job_start_restore(struct supervisor *supervisor, struct err *err);
void job_forget_client(struct supervisor *supervisor, const struct client *client);
void job_finish(struct supervisor *supervisor);

/* supervisor-serve.c */
int serve_start(struct supervisor *supervisor, struct err *err);
void serve_finish(struct supervisor *supervisor);
void serve_next(struct supervisor *supervisor); /* the checkpoint that waited longest */
void serve_tell(struct client *client, json_t *message);
void serve_tell_waiting(struct supervisor *supervisor, json_t *message);

/* supervisor-watch.c: who watches the display */
void watch_add(struct client *client);
void watch_attach(struct supervisor *supervisor); /* the display may be held again */
void watch_let_go(struct supervisor *supervisor); /* the worker is about to dump */
void watch_look(struct supervisor *supervisor);   /* has everybody let go, or is it too late? */

#endif
