/* SPDX-License-Identifier: Apache-2.0
 *
 * A mime.cache of any bytes: a table, or a sentence.
 */
#include "vm/container/mime-cache.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mime_table t;
	struct error err = { .message = "" };
	mime_table_init(&t);
	if (mime_cache_read((struct span){ data, size }, 0, &t, &err) && !err.message[0])
		abort();
	mime_table_fini(&t);
	return 0;
}
