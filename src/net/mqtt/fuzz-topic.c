/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "net/mqtt/mqtt.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	arena_init(&a);
	const char *filter = arena_strndup(&a, (const char *)data, size), *topic = filter;
	size_t n = strlen(filter);
	if (n < size)
		topic = arena_strndup(&a, (const char *)data + n + 1, size - n - 1);
	if (mqtt_topic_valid(filter))
		assert(mqtt_filter_valid(filter) && mqtt_filter_matches(filter, filter));
	if (mqtt_filter_valid(filter) && mqtt_topic_valid(topic))
		(void)mqtt_filter_matches(filter, topic);
	arena_fini(&a);
	return 0;
}
