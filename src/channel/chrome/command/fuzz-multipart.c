/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads: the first line of the input is the header Content-Type, the rest is the body.
 */
#include "channel/chrome/command/multipart.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { data, size }, line;
	struct multipart m;
	struct multipart_part part;
	struct error err;
	char type[256];
	bool there = span_get_until(&rest, '\n', &line);
	if (!there)
		return 0;
	snprintf(type, sizeof type, "%.*s", (int)(line.n < 255 ? line.n : 255),
		 (const char *)line.p);
	int r = multipart_init(&m, type, rest, &err);
	while (r == 0 && there)
		r = multipart_next(&m, &part, &there, &err);
	return 0;
}
