#include "glproxy/debug.h"

#include "hand.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* GL_MAX_DEBUG_GROUP_STACK_DEPTH of all drivers */

/* A glDebugMessageControl() of a level that none after it has replaced. */
struct rule {
	unsigned depth;
	GLenum source, type, severity;
	GLboolean enabled;
	GLsizei count;
	GLuint *ids;
};

struct debug_group {
	GLenum source;
	GLuint id;
	char *text;
};

struct debug {
	bool called; /* the program has a callback */
	unsigned depth;
	struct debug_group groups[DEPTH_MAX];
	struct rule *rules;
	size_t count;
};

struct debug *debug_create(void)
{
	return calloc(1, sizeof(struct debug));
}

/* Forgets the rules of this depth and deeper: they are the last. */
static void drop_rules(struct debug *debug, unsigned depth)
{
	while (debug->count && debug->rules[debug->count - 1].depth >= depth)
		free(debug->rules[--debug->count].ids);
}

void debug_clear(struct debug *debug)
{
	drop_rules(debug, 0);
	free(debug->rules);
	while (debug->depth)
		free(debug->groups[--debug->depth].text);
	memset(debug, 0, sizeof(*debug));
}

void debug_destroy(struct debug *debug)
{
	if (debug)
		debug_clear(debug);
	free(debug);
}

void debug_note_callback(struct context *context, bool on)
{
	context->debug->called = on;
}

/* ---- rules ---- */

static bool is_replaced(const struct rule *old, const struct rule *new)
{
	return old->depth == new->depth && old->source == new->source && old->type == new->type &&
		old->severity == new->severity && old->count == new->count &&
		(!new->count ||
			!memcmp(old->ids, new->ids, (size_t) new->count * sizeof(*new->ids)));
}

static void drop_replaced(struct debug *debug, const struct rule *new)
{
	for (size_t i = debug->count; i-- > 0;) {
		struct rule *rule = &debug->rules[i];
		if (!is_replaced(rule, new))
			continue;
		free(rule->ids);
		debug->count--;
		memmove(rule, rule + 1, (debug->count - i) * sizeof(*rule));
	}
}

/* Takes the rule's numbers over. */
static void add_rule(struct debug *debug, struct rule rule)
{
	drop_replaced(debug, &rule);
	struct rule *grown = realloc(debug->rules, (debug->count + 1) * sizeof(*grown));
	if (!grown) {
		free(rule.ids);
		return;
	}
	debug->rules = grown;
	debug->rules[debug->count++] = rule;
}

void proxy_glDebugMessageControl(struct exec *x, GLenum source, GLenum type, GLenum severity,
	GLsizei count, const GLuint *ids, GLboolean enabled)
{
	exec_errors_take(x);
	x->driver->DebugMessageControl(source, type, severity, count, ids, enabled);
	if (exec_errors_since(x) || !x->context)
		return;
	const size_t size = ids && count > 0 ? (size_t)count * sizeof(*ids) : 0;
	struct rule rule = {.depth = x->context->debug->depth,
		.source = source,
		.type = type,
		.severity = severity,
		.enabled = enabled,
		.count = size ? count : 0,
		.ids = malloc(size + 1)};
	if (rule.ids && size)
		memcpy(rule.ids, ids, size);
	if (rule.ids)
		add_rule(x->context->debug, rule);
}

/* ---- groups ---- */

void proxy_glPushDebugGroup(
	struct exec *x, GLenum source, GLuint id, GLsizei length, const GLchar *message)
{
	exec_errors_take(x);
	x->driver->PushDebugGroup(source, id, length, message);
	if (exec_errors_since(x) || !x->context || x->context->debug->depth == DEPTH_MAX)
		return;
	struct debug *debug = x->context->debug;
	debug->groups[debug->depth++] = (struct debug_group){.source = source,
		.id = id,
		.text = message ? strndup(message, length < 0 ? strlen(message) : (size_t)length)
				: NULL};
}

void proxy_glPopDebugGroup(struct exec *x)
{
	exec_errors_take(x);
	x->driver->PopDebugGroup();
	struct debug *debug = x->context ? x->context->debug : NULL;
	if (exec_errors_since(x) || !debug || !debug->depth)
		return;
	drop_rules(debug, debug->depth);
	free(debug->groups[--debug->depth].text);
}

/* ---- snapshots ---- */

static void put_enabled(struct take *t, GLenum name, bool on)
{
	if (on)
		PUT(&t->out, glEnable, .cap = name);
	else
		PUT(&t->out, glDisable, .cap = name);
}

/* Neither here nor where the stream is executed: a walk asks for much that a context does not have,
 * which the program has no part in. */
void take_debug_off(struct take *t)
{
	t->debug_output = t->gl->IsEnabled(GL_DEBUG_OUTPUT);
	t->debug_known = !take_failed(t);
	if (!t->debug_known)
		return;
	t->gl->Disable(GL_DEBUG_OUTPUT);
	put_enabled(t, GL_DEBUG_OUTPUT, false);
}

static void put_level(struct take *t, unsigned depth)
{
	const struct debug *debug = t->context->debug;
	for (size_t i = 0; i < debug->count; i++) {
		const struct rule *r = &debug->rules[i];
		if (r->depth == depth)
			PUT(&t->out, glDebugMessageControl, .source = r->source, .type = r->type,
				.severity = r->severity, .count = r->count,
				.ids = stream_data(&t->out, r->count ? r->ids : NULL,
					(size_t)r->count * sizeof(*r->ids)),
				.enabled = r->enabled);
	}
}

static void put_group(struct take *t, const struct debug_group *group)
{
	const char *text = group->text ? group->text : "";
	PUT(&t->out, glPushDebugGroup, .source = group->source, .id = group->id, .length = -1,
		.message = stream_data(&t->out, text, strlen(text) + 1));
}

void take_debug(struct take *t)
{
	const struct debug *debug = t->context->debug;
	put_level(t, 0);
	for (unsigned i = 0; i < debug->depth; i++) {
		put_group(t, &debug->groups[i]);
		put_level(t, i + 1);
	}
	take_debug_messages(t);
	if (debug->called)
		PUT(&t->out, ckDebug, .on = GL_TRUE);
	if (!t->debug_known)
		return;
	put_enabled(t, GL_DEBUG_OUTPUT_SYNCHRONOUS, t->gl->IsEnabled(GL_DEBUG_OUTPUT_SYNCHRONOUS));
	put_enabled(t, GL_DEBUG_OUTPUT, t->debug_output);
	if (t->debug_output)
		t->gl->Enable(GL_DEBUG_OUTPUT);
}
