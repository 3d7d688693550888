/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounded, valid text; text.h has the contract.
 */
#include "agent/text.h"
#include "base/utf8.h"

void text_copy(char *to, size_t size, const char *from)
{
	struct buf out;
	uint32_t c;
	buf_init(&out, size - 1);
	for (struct span s = span_str(from); span_get_utf8_lossy(&s, &c) && !out.failed;)
		utf8_add(&out, utf8_is_control(c) ? ' ' : c);
	memcpy(to, buf_str(&out), out.n + 1);
	buf_fini(&out);
}
