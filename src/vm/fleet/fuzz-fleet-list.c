/* SPDX-License-Identifier: Apache-2.0
 *
 * Any answer as the list of a host's machines, into a book that knows one of them.
 */
#include "vm/fleet/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *user, const struct book_row *row)
{
	book_row(user, row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct book b;
	struct error err;
	book_init(&b);
	(void)book_put(&b, &(struct fleet_child){ .key = "web", .kind = "vm" });
	book_complete(&b);
	if (list_read((struct span){ data, size }, take, &b, &err) == 0)
		(void)book_next(&b, true, 0);
	book_fini(&b);
	return 0;
}
