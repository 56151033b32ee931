#define _GNU_SOURCE
#include "vnc/vencrypt.h"

#include "base/io.h"

#include <arpa/inet.h>
#include <rfb/rfb.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>

#define VERSION "RFB 003.008\n"
#define VERSION_SIZE 12

/* ---- in the clear ---- */

static void limit_reading(int fd, int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static bool say(int fd, const void *data, size_t size)
{
	return io_write_full(fd, data, size) == 0;
}

/* True where the next bytes are these. */
static bool hear(int fd, const void *data, size_t size)
{
	char heard[16];
	return size <= sizeof(heard) && io_read_full(fd, heard, size) == 0 &&
		!memcmp(heard, data, size);
}

static bool agree_on_version(int fd)
{
	return say(fd, VERSION, VERSION_SIZE) && hear(fd, VERSION, VERSION_SIZE);
}

/* One kind of security is offered at each step, and has to be taken. */
static bool agree_on_vencrypt(int fd)
{
	static const uint8_t kinds[] = {1, rfbVeNCrypt}, version[] = {0, 2}, good = 0, one = 1;
	const uint32_t kind = htonl(rfbVeNCryptX509VNC);
	return say(fd, kinds, sizeof(kinds)) && hear(fd, kinds + 1, 1) &&
		say(fd, version, sizeof(version)) && hear(fd, version, sizeof(version)) &&
		say(fd, &good, 1) && say(fd, &one, 1) && say(fd, &kind, sizeof(kind)) &&
		hear(fd, &kind, sizeof(kind)) && say(fd, &one, 1);
}

/* ---- within TLS ---- */

static void turn_away(const struct secure_peer *peer)
{
	static const char reason[] = "wrong password";
	const uint32_t said[] = {htonl(rfbVncAuthFailed), htonl(sizeof(reason) - 1)};
	sleep(VENCRYPT_WRONG_S);
	if (secure_send(peer, said, sizeof(said)))
		secure_send(peer, reason, sizeof(reason) - 1);
}

static int ask_password(const struct secure_peer *peer, struct pass *passes)
{
	uint8_t challenge[CHALLENGESIZE], answer[CHALLENGESIZE];
	const uint32_t good = htonl(rfbVncAuthOK);
	if (getrandom(challenge, sizeof(challenge), 0) != sizeof(challenge) ||
		!secure_send(peer, challenge, sizeof(challenge)) ||
		!secure_receive(peer, answer, sizeof(answer)))
		return -1;
	int right = pass_find(passes, challenge, answer);
	if (right < 0)
		turn_away(peer);
	return right >= 0 && secure_send(peer, &good, sizeof(good)) ? right : -1;
}

int vencrypt_greet(struct secure_peer *peer, const struct secure_identity *identity, int fd,
	struct pass *passes)
{
	int right = -1;
	limit_reading(fd, VENCRYPT_GREETING_S);
	if (agree_on_version(fd) && agree_on_vencrypt(fd) &&
		secure_peer_init(peer, identity, fd, VENCRYPT_GREETING_S))
		right = ask_password(peer, passes);
	limit_reading(fd, 0);
	return right;
}

/* ---- once it is in ---- */

static bool enter(int plain)
{
	const uint8_t none = rfbNoAuth, good[4] = {0};
	uint8_t count, kinds[255];
	return hear(plain, VERSION, VERSION_SIZE) && say(plain, VERSION, VERSION_SIZE) &&
		io_read_full(plain, &count, 1) == 0 && count &&
		io_read_full(plain, kinds, count) == 0 && memchr(kinds, none, count) &&
		say(plain, &none, 1) && hear(plain, good, sizeof(good));
}

void vencrypt_carry(const struct secure_peer *peer, int plain)
{
	if (enter(plain))
		secure_carry(peer, plain);
}
