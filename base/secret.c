#define _GNU_SOURCE
#include "base/secret.h"

#include <string.h>
#include <sys/random.h>

int secret_make(char secret[SECRET_SIZE], struct err *err)
{
	unsigned char bytes[SECRET_SIZE / 2];
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_errno(err, "getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

bool secret_same(const char *guess, const char secret[SECRET_SIZE])
{
	unsigned char different = 0;
	if (!guess || strlen(guess) != SECRET_SIZE - 1 || !secret[0])
		return false;
	for (size_t i = 0; i < SECRET_SIZE - 1; i++)
		different |= (unsigned char)(guess[i] ^ secret[i]);
	return !different;
}

int secret_issue(struct secret_tokens *tokens, char token[SECRET_SIZE], struct err *err)
{
	if (secret_make(token, err) < 0)
		return -1;
	pthread_mutex_lock(&tokens->lock);
	memcpy(tokens->tokens[tokens->next++ % SECRET_TOKENS], token, SECRET_SIZE);
	pthread_mutex_unlock(&tokens->lock);
	return 0;
}

void secret_forget(struct secret_tokens *tokens)
{
	pthread_mutex_lock(&tokens->lock);
	memset(tokens->tokens, 0, sizeof(tokens->tokens));
	pthread_mutex_unlock(&tokens->lock);
}

bool secret_redeem(struct secret_tokens *tokens, const char *guess)
{
	bool good = false;
	pthread_mutex_lock(&tokens->lock);
	for (size_t i = 0; i < SECRET_TOKENS; i++) {
		if (!secret_same(guess, tokens->tokens[i]))
			continue;
		tokens->tokens[i][0] = '\0';
		good = true;
	}
	pthread_mutex_unlock(&tokens->lock);
	return good;
}
