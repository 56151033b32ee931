/*
 * secret.h: secrets that let somebody in: random, compared in a time that says nothing of them.
 *
 * A token is good once; the oldest of too many goes first. Any thread.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

#define SECRET_SIZE 33 /* 32 hexadecimal digits and the 0 */
#define SECRET_TOKENS 8

int secret_make(char secret[SECRET_SIZE], struct err *err);

/* False where `secret` is "": that lets nobody in. `guess` may be NULL. */
bool secret_same(const char *guess, const char secret[SECRET_SIZE]);

struct secret_tokens {
	pthread_mutex_t lock;
	char tokens[SECRET_TOKENS][SECRET_SIZE]; /* "": used or none */
	unsigned next;
};

#define SECRET_TOKENS_INIT                        \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

int secret_issue(struct secret_tokens *tokens, char token[SECRET_SIZE], struct err *err);

/* What was issued is good for nothing any more. */
void secret_forget(struct secret_tokens *tokens);

/* True, once, for a token that was issued. */
bool secret_redeem(struct secret_tokens *tokens, const char *guess);

#endif
