/* SPDX-License-Identifier: Apache-2.0
 *
 * What PolicyData says of the device: from its row, its attributes, the configuration and its desired state.
 */
#include "channel/chrome/policy/policy.h"

#include "channel/chrome/policy/stamp.h"
#include "model/version.h"
#include <stdlib.h>

#define SUB_MESSAGES_SINCE 95 /* the first Chrome that knows policies in sub-messages */

/* ---- who is asking ---- */

/* "Chromium 156.0.8078.79(…)" -> 156; 0: it does not say. */
static long major_of(const char *agent)
{
	const char *space = agent;
	while ((space = strchr(space, ' '))) {
		char *end;
		long major = strtol(++space, &end, 10);
		if (end > space && *end == '.' && major > 0)
			return major;
	}
	return 0;
}

/* A client that does not say its version is an old one when it asks for what only old ones ask for. */
bool policy_client_is_flat(const char *agent, const Dm__DevicePolicyRequest *m)
{
	long major = major_of(agent);
	if (major > 0)
		return major < SUB_MESSAGES_SINCE;
	for (size_t i = 0; i < m->n_requests; i++)
		if (m->requests[i]->signature_type ==
			    DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA256_RSA ||
		    m->requests[i]->device_info)
			return false;
	return true;
}

/* ---- what is read ---- */

static const char *attribute(const struct attribute *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].value;
	return "";
}

/* A registration with a user's account is of that user; others are of nobody in particular. */
static const char *username(const struct policy_context *c, const char *user)
{
	return strchr(user, '@') ? user : arena_printf(c->r->arena, "policy@%s", c->config.domain);
}

static int facts_of_device(struct policy_context *c)
{
	struct arena *a = c->r->arena;
	const struct device *d = &c->device;
	struct attribute *all;
	size_t n;
	int r = store_attribute_list(store_reader(c->r->server->store), d->id, a, &all, &n);
	if (r)
		return r;
	c->facts = (struct policy_facts){
		.request_token = c->r->token,
		.machine_name = d->name,
		.username = username(c, attribute(all, n, "user")),
		.device_id = c->r->device_id,
		.service_account_identity = c->config.service_account_identity,
		.location = attribute(all, n, "location"),
		.asset_id = attribute(all, n, "asset_id"),
		.directory_id = arena_printf(a, "%lld", (long long)d->id),
		.managed_by = c->config.domain,
		.version = c->version,
		.serial_missing = *d->serial == '\0',
	};
	return 0;
}

static const char *text_of(const struct desired *d, const char *name)
{
	const struct desired_setting *s = desired_get(d, name);
	const char *text = s ? json_string_value(s->value) : NULL;
	return text ? text : "";
}

static int64_t number_of(const struct desired *d, const char *name)
{
	const struct desired_setting *s = desired_get(d, name);
	return s ? json_integer_value(s->value) : 0;
}

static void facts_of_state(const struct desired *d, struct policy_facts *f)
{
	const struct desired_setting *disabled = desired_get(d, "chromeos.disabled");
	f->disabled = disabled && json_is_true(disabled->value);
	f->disabled_message = text_of(d, "chromeos.disabled_message");
	f->invalidation_source = number_of(d, "chromeos.invalidation_source");
	f->invalidation_name = text_of(d, "chromeos.invalidation_name");
	f->invalidation_topic = text_of(d, "chromeos.invalidation_topic");
	f->command_invalidation_source = number_of(d, "chromeos.command_invalidation_source");
	f->command_invalidation_name = text_of(d, "chromeos.command_invalidation_name");
	f->command_invalidation_topic = text_of(d, "chromeos.command_invalidation_topic");
}

static void facts_of_answer(const struct answer *old, struct policy_facts *f)
{
	const struct policy_facts *o = &old->facts;
	f->disabled = o->disabled;
	f->disabled_message = o->disabled_message;
	f->invalidation_source = o->invalidation_source;
	f->invalidation_name = o->invalidation_name;
	f->invalidation_topic = o->invalidation_topic;
	f->command_invalidation_source = o->command_invalidation_source;
	f->command_invalidation_name = o->command_invalidation_name;
	f->command_invalidation_topic = o->command_invalidation_topic;
}

bool policy_same_state(const struct policy_context *c, const struct answer *old)
{
	return old->version == c->version && old->epoch == c->epoch &&
	       old->enrolled_ms == c->device.enrolled_ms && old->error_code == 0;
}

static int read_version(struct policy_context *c, struct store_conn *conn, struct error *err)
{
	const struct fleet_tree *tree;
	int r = store_device_get(conn, c->r->device.id, c->r->arena, &c->device, err);
	if (r == 0 && c->device.unenrolled_ms != 0)
		return error_set(err, ERR_GONE, "This device is no longer managed.");
	if (r == 0)
		r = store_fleets(conn, c->device.org_id, &tree);
	if (r == 0)
		r = store_counter_get(conn, STORE_COUNTER_RESTORED, &c->epoch);
	if (r == 0)
		c->version =
			version_of(&c->device, fleet_tree_chain_changes(tree, c->device.fleet_id));
	if (r == 0)
		nearness_of(tree, c->device.fleet_id, &c->near);
	return r == ERR_NOT_FOUND ? error_set(err, ERR_GONE, "This device is no longer managed.")
				  : r;
}

int policy_desired(struct policy_context *c, struct error *err)
{
	(void)err;
	if (c->has_desired)
		return 0;
	desired_init(&c->desired, CHANNEL_CHROME);
	int r = store_desired(store_reader(c->r->server->store), &c->device, &c->desired);
	c->has_desired = r == 0;
	return r;
}

static int gather(struct policy_context *c, const struct answer *old, struct store_conn *conn,
		  struct error *err)
{
	int r = read_version(c, conn, err);
	if (r == 0)
		r = facts_of_device(c);
	if (r)
		return r;
	if (old && policy_same_state(c, old)) {
		/* 'old' may go before the request does. */
		facts_of_answer(old, &c->facts);
		policy_facts_copy(&c->facts, c->r->arena, &c->facts);
		return 0;
	}
	r = policy_desired(c, err);
	if (r == 0)
		facts_of_state(&c->desired, &c->facts);
	return r;
}

int policy_gather(struct policy_context *c, const struct answer *old, struct error *err)
{
	struct store_conn *conn = store_reader(c->r->server->store);
	if (c->gathered)
		return 0;
	int r = store_read_begin(conn);
	if (r)
		return r;
	r = gather(c, old, conn, err);
	store_read_end(conn);
	c->gathered = r == 0;
	return r;
}

void policy_context_fini(struct policy_context *c)
{
	if (c->has_desired)
		desired_fini(&c->desired);
}
