/*
 * Debug messages (OpenGL 4.6, 20): the driver's are kept until the program's side fetches them.
 */
#include "glproxy/context.h"
#include "glproxy/debug.h"
#include "hand.h"

#include <stdlib.h>
#include <string.h>

#define KEPT 256 /* messages; more are lost, as GL allows */

struct debug_message {
	struct debug_message *next;
	GLuint values[4]; /* source, type, id, severity */
	GLsizei length;
	char text[];
};

static void GLAPIENTRY note(GLenum source, GLenum type, GLuint id, GLenum severity, GLsizei length,
	const GLchar *text, const void *data)
{
	struct context *context = (struct context *)(uintptr_t)data;
	const size_t size = length < 0 ? strlen(text) : (size_t)length;
	struct debug_message *message = malloc(sizeof(*message) + size + 1);
	if (!message)
		return;
	*message = (struct debug_message){
		.values = {source, type, id, severity}, .length = (GLsizei)size};
	memcpy(message->text, text, size);
	message->text[size] = '\0';
	pthread_mutex_lock(&context->debug_lock);
	struct debug_message **last = &context->debug_messages;
	unsigned count = 0;
	while (*last) {
		last = &(*last)->next;
		count++;
	}
	if (count < KEPT) {
		*last = message;
		message = NULL;
		context->ring.shared->messages++;
	}
	pthread_mutex_unlock(&context->debug_lock);
	free(message);
}

void proxy_ckDebug(struct exec *x, GLboolean on)
{
	if (!x->context)
		return;
	x->driver->DebugMessageCallback(on ? note : NULL, x->context);
	debug_note_callback(x->context, on);
}

/* ---- snapshots: what has not been fetched yet ---- */

void debug_drop_messages(struct context *context)
{
	while (context->debug_messages) {
		struct debug_message *message = context->debug_messages;
		context->debug_messages = message->next;
		free(message);
	}
	context->ring.shared->messages = 0;
}

void take_debug_messages(struct take *t)
{
	const struct debug_message *message = t->context->debug_messages;
	for (; message; message = message->next)
		PUT(&t->out, ckDebugKeep, .source = message->values[0], .type = message->values[1],
			.id = message->values[2], .severity = message->values[3],
			.size = (GLuint)message->length,
			.text = stream_data(&t->out, message->text, (size_t)message->length));
}

void proxy_ckDebugKeep(struct exec *x, GLenum source, GLenum type, GLuint id, GLenum severity,
	GLuint size, const GLchar *text)
{
	if (x->rebuilding && x->context && text)
		note(source, type, id, severity, (GLsizei)size, text, x->context);
	else
		exec_refuse(x, "a message of snapshots");
}

GLuint proxy_ckDebugNext(struct exec *x, GLuint *values, GLuint size, GLchar *text)
{
	if (!x->context || !values || !text || !size)
		return 0;
	pthread_mutex_lock(&x->context->debug_lock);
	struct debug_message *message = x->context->debug_messages;
	if (message) {
		x->context->debug_messages = message->next;
		x->map.shared->messages--;
	}
	pthread_mutex_unlock(&x->context->debug_lock);
	if (!message)
		return 0;
	const size_t length =
		(size_t)message->length < size ? (size_t)message->length : (size_t)size - 1;
	memcpy(values, message->values, sizeof(message->values));
	memcpy(text, message->text, length);
	text[length] = '\0';
	free(message);
	return (GLuint)length + 1;
}
