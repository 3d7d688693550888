/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char form[CLOCK_TEXT_SIZE];
	int64_t ms, again;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, size);
	buf_add(&text, data, size);
	if (clock_parse(buf_str(&text), &ms) &&
	    (!clock_parse(clock_format(ms, form), &again) || again != ms) &&
	    ms >= -62167219200000 &&
	    ms <= 253402300799999) /* a zone can push it out of four digits */
		abort();
	if (duration_parse(buf_str(&text), &ms) &&
	    (!duration_parse(duration_format(ms, form), &again) || again != ms))
		abort();
	return 0;
}
