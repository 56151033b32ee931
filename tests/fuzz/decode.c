/*
 * Feeds the decoder what a malicious client might publish: libFuzzer's bytes as one ring, against a
 * driver that does nothing. Build with `make fuzz`.
 */
#include "tests/fake_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake fake;
	if (size > WIRE_RING_SIZE / 2)
		return 0;
	fake_init(&fake);
	fake_feed(&fake, data, size);
	fake_finish(&fake);
	return 0;
}
