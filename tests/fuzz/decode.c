/*
 * Feeds the decoder what a malicious client might publish, against a driver that answers as it
 * likes. The input is what a ring holds: message after message. So that changed bytes still reach
 * the decoders, heads are brought in order: an opcode that exists, a length that fits the opcode
 * and the input. The first byte says whether heads are left as they are instead, and whether the
 * messages arrive in a context's ring or in the control ring. The input lies in the arena, too.
 *
 * Build and run with `make fuzz`; tests/fuzz/record.py makes inputs of what programs said.
 */
#include "tests/fake_driver.h"
#include "tests/fuzz/driver.h"

#include <string.h>

#define AS_IT_IS 1
#define CONTROL 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake fake;

static uint32_t hash(const uint8_t *data, size_t size)
{
	uint32_t value = 2166136261u;
	for (size_t i = 0; i < size; i++)
		value = (value ^ data[i]) * 16777619u;
	return value;
}

/* A length in bytes that the decoder takes for this opcode, as near as may be to the one given. */
static size_t sound_length(const struct wire_head *head)
{
	const size_t least = wire_align(exec_entries[head->opcode].size);
	const size_t whole = (size_t)head->units * 8 % (WIRE_MESSAGE_MAX + 8);
	return whole < least ? least : whole;
}

/* Feeds one message; how many bytes of the input it took. */
static size_t feed_one(const uint8_t *data, size_t size)
{
	_Alignas(8) char message[WIRE_MESSAGE_MAX] = {0};
	struct wire_head head;
	memcpy(&head, data, sizeof(head));
	head.opcode %= WIRE_OPCODES;
	if (!exec_entries[head.opcode].decode)
		return sizeof(head);
	const size_t whole = sound_length(&head);
	const size_t taken = size < whole ? size : whole;
	head.units = (uint16_t)(whole / 8);
	memcpy(message, data, taken);
	memcpy(message, &head, sizeof(head));
	fake_feed(&fake, message, whole);
	return taken;
}

static void begin(const uint8_t *data, size_t size, unsigned mode)
{
	if (!fake.heap) {
		fake_init(&fake);
		fuzz_driver_fill(&fake.driver);
	}
	fuzz_driver_begin(hash(data, size));
	memcpy(fake.context.ring.arena, data, size);
	fake.context.exec.context = mode & CONTROL ? NULL : &fake.context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 + sizeof(struct wire_head))
		return 0;
	const unsigned mode = *data++;
	size--;
	begin(data, size, mode);
	if (mode & AS_IT_IS)
		fake_feed(&fake, data, size & ~(size_t)7);
	while (!(mode & AS_IT_IS) && size >= sizeof(struct wire_head)) {
		const size_t taken = feed_one(data, size);
		data += taken;
		size -= taken;
	}
	fake_reset(&fake);
	return 0;
}
