/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = { data, size }, part;
	uint8_t what, u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	while (span_get_u8(&s, &what))
		(void)(what % 8 == 0   ? span_get_u8(&s, &u8)
		       : what % 8 == 1 ? span_get_be16(&s, &u16)
		       : what % 8 == 2 ? span_get_be24(&s, &u32)
		       : what % 8 == 3 ? span_get_be32(&s, &u32)
		       : what % 8 == 4 ? span_get_varint(&s, &u64)
		       : what % 8 == 5 ? span_get_utf8(&s, &u32)
		       : what % 8 == 6 ? span_get_bytes(&s, what, &part)
				       : span_get_until(&s, 'x', &part));
	return 0;
}
