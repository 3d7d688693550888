/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of version.h. Counters are ours, but applied_version is whatever a device claims:
 * the lag saturates instead of overflowing.
 */
#include "model/version.h"

int64_t version_of(const struct device *d, int64_t chain)
{
	return d->version_base + d->changes + chain;
}

int64_t version_base_for(int64_t version, int64_t device_changes, int64_t chain)
{
	return version - device_changes - chain;
}

int64_t version_fleet_move_delta(int64_t old_chain_above, int64_t new_chain_above)
{
	return 1 - (new_chain_above - old_chain_above);
}

int64_t version_lag(const struct device *d)
{
	int64_t lag;
	if (__builtin_sub_overflow(d->applied_version, d->version_base + d->changes, &lag))
		return d->applied_version < 0 ? INT64_MIN : INT64_MAX;
	return lag;
}
