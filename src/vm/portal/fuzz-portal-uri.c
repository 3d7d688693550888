/* SPDX-License-Identifier: Apache-2.0
 *
 * A file URI: what comes out is an absolute path of one line, or nothing.
 */
#include "base/utf8.h"
#include "vm/portal/uri.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 8192);
	bool ok = file_uri_path((struct span){ data, size }, &out);
	if (ok ? out.n == 0 || out.p[0] != '/' || utf8_has_control(buf_span(&out)) : out.n != 0)
		abort();
	return 0;
}
