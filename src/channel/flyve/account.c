/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts at the broker. What a device may read follows from the store as it is now, so a moved device
 * loses its old fleet with the commit; which messages it is told to read follows a moment later (sync.h).
 */
#include "channel/flyve/flyve.h"
#include "channel/flyve/sync.h"

#include <string.h>

static const char *without_slash(const char *root)
{
	return root + (*root == '/');
}

static int no_account(struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "the device has no account at the broker");
}

static int account(struct store_conn *c, const struct device *d, struct arena *a,
		   struct broker_account *ret, struct error *err)
{
	struct flyve_agent agent;
	bool differs = false;
	if (strcmp(d->channel, channel_name(CHANNEL_FLYVE)) != 0 || d->unenrolled_ms ||
	    d->token_hash.n == 0 || !flyve_name_safe(d->external_id))
		return no_account(err);
	int r = flyve_agent_of(c, d->id, a, &agent);
	if (r == 0)
		r = flyve_device_differs(c, d, a, &differs);
	if (r)
		return r;
	const char **fleets = arena_new_n(a, const char *, 1);
	fleets[0] = without_slash(flyve_fleet_root(a, FLYVE_D2, d->org_id, d->fleet_id));
	*ret = (struct broker_account){
		.user = arena_strdup(a, d->external_id),
		.password_hash = arena_dup(a, d->token_hash),
		.root = without_slash(flyve_agent_root(a, FLYVE_D2, d->org_id, d->external_id)),
		.fleets = fleets,
		.n_fleets = differs ? 0 : 1,
		.everything_filter = agent.dialect == FLYVE_D1,
	};
	return 0;
}

static int device(struct store_conn *c, const char *user, struct arena *a, struct device *ret,
		  struct error *err)
{
	return store_device_by_external(c, CHANNEL_FLYVE, user, a, ret, err);
}

const struct broker_source flyve_broker_source = { .channel = CHANNEL_FLYVE,
						   .account = account,
						   .device = device };
