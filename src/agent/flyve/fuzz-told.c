/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of a broker: each line of the input is a topic, a tab, a payload.
 */
#include "agent/flyve/told.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { data, size }, line, topic;
	struct told t;
	json_t *settings, *tasks;
	told_init(&t, "0/agent/S");
	while (span_get_until(&rest, '\n', &line) && span_get_until(&line, '\t', &topic)) {
		char text[128];
		struct told_news news;
		struct error err;
		snprintf(text, sizeof text, "%.*s", (int)topic.n, (const char *)topic.p);
		(void)!told_take(&t, text, line, &news, &err);
	}
	told_desired(&t, &settings, &tasks);
	json_decref(settings);
	json_decref(tasks);
	told_fini(&t);
	return 0;
}
