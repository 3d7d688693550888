/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine/qmp.h"

static void on_event(void *user, const char *name, const json_t *data)
{
	(void)user;
	(void)name;
	(void)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct qmp_events events = { .event = on_event };
	struct qmp *q = qmp_new_unconnected(&events);
	qmp_command(q, "x", NULL, NULL, NULL);
	if (qmp_take(q, (struct span){ data, size / 2 }))
		(void)!qmp_take(q, (struct span){ data + size / 2, size - size / 2 });
	qmp_close(q);
	return 0;
}
