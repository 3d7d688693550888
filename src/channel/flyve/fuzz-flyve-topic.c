/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of topics: what is accepted names a safe device.
 */
#include "channel/flyve/topic.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flyve_topic t;
	struct span in = { data, size };
	if (flyve_topic_parse(in, &t) &&
	    (t.name.n == 0 || t.name.n > FLYVE_NAME_MAX || t.org_id <= 0))
		abort();
	(void)flyve_topic_is_ours(in);
	return 0;
}
