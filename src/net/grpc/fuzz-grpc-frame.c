/* SPDX-License-Identifier: Apache-2.0
 *
 * The five-byte framing in pieces whose size the first byte chooses: no more than was fed is kept, and how it is cut
 * makes no difference.
 */
#include "net/grpc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span left = { data, size };
	struct deframer cut, whole;
	uint8_t step;
	if (!span_get_u8(&left, &step))
		return 0;
	deframer_init(&cut, 1000);
	deframer_init(&whole, 1000);
	enum frame_result in_one = deframer_feed(&whole, left), r = FRAME_OK;
	for (struct span piece; left.n > 0 && r == FRAME_OK;) {
		(void)!span_get_bytes(&left, left.n > step ? (size_t)step + 1 : left.n, &piece);
		r = deframer_feed(&cut, piece);
	}
	if (r != in_one || (r == FRAME_OK && !span_eq(buf_span(&cut.body), buf_span(&whole.body))))
		abort();
	deframer_fini(&cut);
	deframer_fini(&whole);
	return 0;
}
