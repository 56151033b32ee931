/*
 * pass.h: the secrets by which somebody gets in from a port: a pass for each right.
 *
 * A token is good once; it is swapped for the key, by which a browser can come back by itself. The
 * password is for viewers. They stay the same until they are renewed. Any thread.
 */
#ifndef VNC_PASS_H
#define VNC_PASS_H

#include "base/secret.h"

#include <stdint.h>

/* What the protocol has room for, and the 0. */
#define PASS_PASSWORD_SIZE 9

enum pass_right {
	PASS_USE,  /* the session, by keys, pointer, clipboard and size */
	PASS_LOOK, /* at it, and no more */
	PASS_RIGHTS,
};

struct pass {
	pthread_mutex_t lock;
	char key[SECRET_SIZE];
	char password[PASS_PASSWORD_SIZE];
	struct secret_tokens tokens;
};

int pass_init(struct pass *pass, struct err *err);

/* Makes all of them anew: what was given out is good for nothing any more. */
int pass_renew(struct pass *pass, struct err *err);

int pass_token(struct pass *pass, char token[SECRET_SIZE], struct err *err);
bool pass_redeem(struct pass *pass, const char *token, char key[SECRET_SIZE]);
bool pass_is_key(struct pass *pass, const char *guess);
void pass_password(struct pass *pass, char password[PASS_PASSWORD_SIZE]);

/* The right of the pass, of PASS_RIGHTS, whose password answers a challenge of VNC's
 * authentication (16 bytes both); -1: none does. */
int pass_find(struct pass *passes, const uint8_t *challenge, const uint8_t *answer);

#endif
