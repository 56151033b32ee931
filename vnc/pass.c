#define _GNU_SOURCE
#include "vnc/pass.h"

#include <rfb/rfb.h>
#include <string.h>
#include <sys/random.h>

int pass_init(struct pass *pass, struct err *err)
{
	*pass = (struct pass){.lock = PTHREAD_MUTEX_INITIALIZER, .tokens = SECRET_TOKENS_INIT};
	return pass_renew(pass, err);
}

/* Of 64 letters and digits, because VNC's passwords have eight of them and no more. */
static int make_password(char password[PASS_PASSWORD_SIZE], struct err *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+";
	unsigned char random[PASS_PASSWORD_SIZE - 1];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_errno(err, "getrandom");
	for (size_t i = 0; i < sizeof(random); i++)
		password[i] = letters[random[i] % 64];
	password[sizeof(random)] = '\0';
	return 0;
}

int pass_renew(struct pass *pass, struct err *err)
{
	char key[SECRET_SIZE], password[PASS_PASSWORD_SIZE];
	if (secret_make(key, err) < 0 || make_password(password, err) < 0)
		return -1;
	secret_forget(&pass->tokens);
	pthread_mutex_lock(&pass->lock);
	memcpy(pass->key, key, sizeof(key));
	memcpy(pass->password, password, sizeof(password));
	pthread_mutex_unlock(&pass->lock);
	return 0;
}

int pass_token(struct pass *pass, char token[SECRET_SIZE], struct err *err)
{
	return secret_issue(&pass->tokens, token, err);
}

static void copy_key(struct pass *pass, char key[SECRET_SIZE])
{
	pthread_mutex_lock(&pass->lock);
	memcpy(key, pass->key, SECRET_SIZE);
	pthread_mutex_unlock(&pass->lock);
}

bool pass_redeem(struct pass *pass, const char *token, char key[SECRET_SIZE])
{
	copy_key(pass, key);
	return secret_redeem(&pass->tokens, token);
}

bool pass_is_key(struct pass *pass, const char *guess)
{
	char key[SECRET_SIZE];
	copy_key(pass, key);
	return secret_same(guess, key);
}

void pass_password(struct pass *pass, char password[PASS_PASSWORD_SIZE])
{
	pthread_mutex_lock(&pass->lock);
	memcpy(password, pass->password, PASS_PASSWORD_SIZE);
	pthread_mutex_unlock(&pass->lock);
}

static bool same(const uint8_t *a, const uint8_t *b, size_t size)
{
	uint8_t different = 0;
	for (size_t i = 0; i < size; i++)
		different |= a[i] ^ b[i];
	return !different;
}

int pass_find(struct pass *passes, const uint8_t *challenge, const uint8_t *answer)
{
	uint8_t expected[CHALLENGESIZE];
	char password[PASS_PASSWORD_SIZE];
	for (int right = 0; right < PASS_RIGHTS; right++) {
		memcpy(expected, challenge, sizeof(expected));
		pass_password(&passes[right], password);
		rfbEncryptBytes(expected, password);
		if (same(expected, answer, sizeof(expected)))
			return right;
	}
	return -1;
}
