/* SPDX-License-Identifier: Apache-2.0
 *
 * See account.h; and the plain source of accounts, which knows no protocol.
 */
#include "server/broker/account.h"

#include "base/log.h"

_Static_assert(BROKER_FLEETS_MAX == RIGHTS_FLEETS_MAX, "one limit");

static bool valid(const struct broker_account *x)
{
	size_t n = strlen(x->user);
	return n >= 1 && n <= LINK_USER_MAX && *x->user != '$' &&
	       x->password_hash.n == SHA256_SIZE && rights_root_valid(span_str(x->root));
}

static void drop_bad_fleets(struct broker_account *x, struct arena *a)
{
	const char **good = arena_new_n(a, const char *, x->n_fleets + 1);
	size_t n = 0;
	for (size_t i = 0; i < x->n_fleets && n < BROKER_FLEETS_MAX; i++)
		if (rights_root_valid(span_str(x->fleets[i])))
			good[n++] = x->fleets[i];
	x->fleets = good;
	x->n_fleets = n;
}

int account_get(const struct broker_source *source, struct store_conn *c, const struct device *d,
		struct arena *a, struct broker_account *ret)
{
	struct error err;
	*ret = (struct broker_account){ 0 };
	if (d->unenrolled_ms != 0 || strcmp(d->channel, channel_name(source->channel)) != 0)
		return ERR_NOT_FOUND;
	int r = source->account(c, d, a, ret, &err);
	if (r)
		return r < 0 ? r : ERR_NOT_FOUND;
	if (!valid(ret)) {
		log_limited(LOG_LEVEL_WARN, "a device can have no MQTT account",
			    F_INT("device", d->id), F_STR("user", ret->user));
		return ERR_NOT_FOUND;
	}
	drop_bad_fleets(ret, a);
	return 0;
}

/* Roots with a NUL behind each, and one more. */
static struct span pack_fleets(const struct broker_account *x, struct arena *a)
{
	size_t size = 1, at = 0;
	for (size_t i = 0; i < x->n_fleets; i++)
		size += strlen(x->fleets[i]) + 1;
	char *packed = arena_alloc(a, size); /* zeroed */
	for (size_t i = 0; i < x->n_fleets; i++) {
		size_t n = strlen(x->fleets[i]) + 1;
		memcpy(packed + at, x->fleets[i], n);
		at += n;
	}
	return (struct span){ (const uint8_t *)packed, size };
}

static unsigned flags_of(const struct broker_account *x)
{
	return x->everything_filter ? RIGHTS_EVERYTHING_FILTER : 0;
}

struct rights account_rights(const struct broker_account *x, struct arena *a)
{
	return (struct rights){ .root = x->root,
				.fleets = (const char *)pack_fleets(x, a).p,
				.flags = flags_of(x) };
}

struct link_message account_message(const struct broker_account *x, int64_t device_id,
				    struct arena *a)
{
	return (struct link_message){ .type = LINK_ACCOUNT,
				      .number = (uint64_t)device_id,
				      .flags = flags_of(x),
				      .user = span_str(x->user),
				      .hash = x->password_hash,
				      .root = span_str(x->root),
				      .fleets = pack_fleets(x, a) };
}

/* ---- without knowing the protocol ---- */

static int plain_account(struct store_conn *c, const struct device *d, struct arena *a,
			 struct broker_account *ret, struct error *err)
{
	const struct fleet_tree *tree = NULL;
	long long entity = d->org_id - 1;
	if (d->token_hash.n == 0 || !*d->external_id)
		return error_set(err, ERR_NOT_FOUND, "This device cannot log in.");
	int r = store_fleets(c, d->org_id, &tree);
	if (r)
		return r;
	const struct fleet *root = fleet_tree_root(tree);
	const char **fleets = arena_new(a, const char *);
	fleets[0] = arena_printf(a, "%lld/fleet/%lld", entity, (long long)d->fleet_id);
	*ret = (struct broker_account){
		.user = arena_strdup(a, d->external_id),
		.password_hash = arena_dup(a, d->token_hash),
		.root = arena_printf(a, "%lld/agent/%s", entity, d->external_id),
		.fleets = fleets,
		.n_fleets = !root || root->id != d->fleet_id,
	};
	return 0;
}

static int plain_device(struct store_conn *c, const char *user, struct arena *a, struct device *ret,
			struct error *err)
{
	return store_device_by_external(c, CHANNEL_FLYVE, user, a, ret, err);
}

const struct broker_source broker_source_plain = { CHANNEL_FLYVE, plain_account, plain_device };
