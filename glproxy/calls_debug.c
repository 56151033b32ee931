/*
 * Debug messages (OpenGL 4.6, 20): the driver's are kept until the program's side fetches them.
 */
#include "glproxy/context.h"
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
	if (x->context)
		x->driver->DebugMessageCallback(on ? note : NULL, x->context);
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
