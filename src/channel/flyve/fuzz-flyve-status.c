/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of statuses: each reader sees every input.
 */
#include "channel/flyve/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore(void *user, const struct flyve_task_status *s)
{
	return s->task_id % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct flyve_position p;
	struct error err;
	char version[64];
	size_t n_bad;
	bool online;
	(void)!(flyve_read_online(in, &online, &err) | flyve_read_unenroll(in, &err) |
		flyve_read_position(in, &p, &err) | flyve_read_version(in, version, &err) |
		flyve_read_tasks(in, ignore, NULL, &n_bad, &err) |
		flyve_read_task(in, 7, ignore, NULL, &err));
	return 0;
}
