/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes the man pages of reeve, from its tables, into the folder given.
 */
#include "base/file.h"
#include "reeve/help.h"

static int write_page(const char *dir, const struct noun *noun)
{
	CLEANUP(buf_fini) struct buf path, page;
	buf_init(&path, 4096);
	buf_init(&page, 1u << 20);
	buf_addf(&path, "%s/reeve%s%s.1", dir, noun ? "-" : "", noun ? noun->name : "");
	man_add(&page, noun);
	int r = path.failed || page.failed
			? -1
			: file_write_atomic(buf_str(&path), buf_span(&page), 0644);
	if (r < 0)
		fprintf(stderr, "%s: cannot write\n", buf_str(&path));
	return r;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	int r = write_page(dir, NULL);
	for (const struct noun *const *n = nouns; r == 0 && *n; n++)
		r = write_page(dir, *n);
	return r == 0 ? 0 : 1;
}
