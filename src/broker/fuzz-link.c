/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/link.h"
#include <assert.h>

static void again(void *user, const struct link_message *m)
{
	link_add(user, m); /* what was read can be written */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_fini) struct buf out;
	struct link_reader r;
	size_t at = size > 0 ? data[0] % size : 0;
	buf_init(&out, size + 16);
	link_reader_init(&r);
	if (link_feed(&r, (struct span){ data, at }, again, &out) == 0 &&
	    link_feed(&r, (struct span){ data + at, size - at }, again, &out) == 0)
		assert(out.n + r.partial.n == size &&
		       (out.n == 0 || memcmp(out.p, data, out.n) == 0));
	link_reader_fini(&r);
	return 0;
}
