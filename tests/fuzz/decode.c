/*
 * Feeds the decoder what a malicious client might publish, against a driver that does nothing. The
 * input is cut into messages with heads that are sound, so that the bytes reach the decoders; the
 * last piece goes in as it is. Build and run with `make fuzz`.
 */
#include "tests/fake_driver.h"

#include <string.h>

#define INLINE_BYTES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake fake;

/* A message of the opcode that the first two bytes name; how many bytes it took. */
static size_t feed_one(const uint8_t *data, size_t size)
{
	_Alignas(8) char message[WIRE_MESSAGE_MAX] = {0};
	const unsigned opcode = (data[0] | (unsigned)data[1] << 8) % WIRE_OPCODES;
	const size_t whole = wire_align(exec_entries[opcode].size) + INLINE_BYTES;
	const struct wire_head head = {(uint16_t)opcode, (uint16_t)(whole / 8)};
	const size_t body = size - 2 < whole - sizeof(head) ? size - 2 : whole - sizeof(head);
	if (!exec_entries[opcode].decode)
		return 2;
	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), data + 2, body);
	fake_feed(&fake, message, whole);
	return 2 + body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	if (runs++ % 256 == 0) {
		if (fake.heap)
			fake_finish(&fake);
		fake_init(&fake);
	}
	while (size > 8) {
		const size_t taken = feed_one(data, size);
		data += taken;
		size -= taken;
	}
	if (size)
		fake_feed(&fake, data, size);
	return 0;
}
