/* SPDX-License-Identifier: Apache-2.0
 *
 * Which desired version a device has applied, by the timestamps that it names; see stamp.h and
 * channel/chrome/handlers.h.
 */
#include "channel/chrome/policy/stamp.h"

#include "channel/chrome/handlers.h"
#include "model/version.h"

static int current_version(struct store_conn *c, const struct device *d, int64_t *ret)
{
	const struct fleet_tree *tree;
	int r = store_fleets(c, d->org_id, &tree);
	if (r == 0)
		*ret = version_of(d, fleet_tree_chain_changes(tree, d->fleet_id));
	return r;
}

int chrome_applied_version(struct store_conn *c, const struct device *d, int64_t timestamp_ms,
			   int64_t *ret)
{
	int64_t version = 0, epoch = 0;
	*ret = 0;
	if (timestamp_ms < d->enrolled_ms)
		return 0;
	int r = store_counter_get(c, STORE_COUNTER_RESTORED, &epoch);
	if (r == 0)
		r = current_version(c, d, &version);
	if (r == 0)
		*ret = stamp_version(timestamp_ms, epoch, version);
	return r;
}

bool chrome_policy_token_parse(const char *token, int64_t *ret_version, int64_t *ret_timestamp_ms)
{
	return stamp_token_parse(token, ret_version, ret_timestamp_ms);
}
