/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy files of others. What is an object by the strict rules (and has no
 * zero byte) must be the same one by ours.
 */
#include "agent/providers/chrome/relaxed-json.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON relaxed = relaxed_json_parse((struct span){ data, size });
	bool text = size > 0 && !memchr(data, 0, size);
	AUTO_JSON strict = text ? json_loadb((const char *)data, size, 0, NULL) : NULL;
	assert(!json_is_object(strict) || json_equal(strict, relaxed));
	return 0;
}
