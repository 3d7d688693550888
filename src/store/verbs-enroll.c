/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrollment: a new record, or a known one starting anew.
 *
 * The id that the protocol uses is the client's if it has one. Else MDMCore's is "device-N", N from
 * a counter that is never set back, and for the other channels it is the device's own id.
 */
#include "store/verbs.h"

#include "model/version.h"
#include <errno.h>
#include <inttypes.h>

#define TEXT_BYTES_MAX  1024
#define MDMCORE_COUNTER "mdmcore.device"
#define TRIES_MAX       1000

static int check_text(const char *what, const char *text, struct error *err)
{
	if (text && strnlen(text, TEXT_BYTES_MAX + 1) > TEXT_BYTES_MAX)
		return error_set(err, ERR_INVALID, "the device's %s is longer than %d bytes", what,
				 TEXT_BYTES_MAX);
	return 0;
}

static int check_enrollment(const struct enrollment *e, struct error *err)
{
	const struct {
		const char *what, *text;
	} texts[] = {
		{ "name", e->name },
		{ "serial", e->serial },
		{ "external id", e->external_id },
		{ "model", e->model },
		{ "OS version", e->os_version },
		{ "agent version", e->agent_version },
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int r = check_text(texts[i].what, texts[i].text, err);
		if (r)
			return r;
	}
	return 0;
}

static int check_parent(struct store_conn *tx, int64_t org_id, int64_t parent_id, struct arena *a,
			struct error *err)
{
	struct device host;
	if (parent_id == 0)
		return 0;
	int r = store_device_get(tx, parent_id, a, &host, err);
	if (r == 0 && host.org_id != org_id)
		return found(ROW_NOT_FOUND, "device", parent_id, err);
	return r;
}

/* The fleet to enroll into, and its chain. */
static int find_place(struct store_conn *tx, const struct enrollment *e, int64_t *ret_fleet,
		      int64_t *ret_chain, struct error *err)
{
	const struct fleet_tree *tree;
	int r = store_fleets(tx, e->org_id, &tree);
	if (r)
		return r;
	const struct fleet *f =
		e->fleet_id ? fleet_tree_get(tree, e->fleet_id) : fleet_tree_root(tree);
	if (f == NULL)
		return found(ROW_NOT_FOUND, e->fleet_id ? "fleet" : "organization",
			     e->fleet_id ? e->fleet_id : e->org_id, err);
	*ret_fleet = f->id;
	*ret_chain = fleet_tree_chain_changes(tree, f->id);
	return 0;
}

static const char *text_or(struct arena *a, const char *text, const char *otherwise)
{
	return text && *text ? arena_strdup(a, text) : otherwise;
}

/* "device-N" for the next N that nobody has taken by asking for it by name. */
static int insert_mdmcore(struct store_conn *tx, struct arena *a, struct device *d)
{
	int64_t n;
	int r = store_counter_get(tx, MDMCORE_COUNTER, &n);
	for (int tries = 0; r == 0 && tries < TRIES_MAX; tries++) {
		r = store_counter_set(tx, MDMCORE_COUNTER, ++n);
		if (r)
			return r;
		d->external_id = arena_printf(a, "device-%" PRId64, n);
		r = row_insert(tx, TABLE_device, d);
		if (r != ROW_EXISTS)
			return r;
		r = 0;
	}
	return r ? r : -EEXIST;
}

int give_number(struct store_conn *tx, struct arena *a, struct device *d)
{
	d->external_id = id_text(a, d->id);
	int r = row_update(tx, TABLE_device, COLUMN_BIT(device, external_id), d);
	for (int tries = 2; r == ROW_EXISTS && tries < TRIES_MAX; tries++) {
		d->external_id = arena_printf(a, "%" PRId64 "-%d", d->id, tries);
		r = row_update(tx, TABLE_device, COLUMN_BIT(device, external_id), d);
	}
	return r;
}

static int insert_numbered(struct store_conn *tx, struct arena *a, struct device *d)
{
	int r = row_insert(tx, TABLE_device, d);
	return r ? r : give_number(tx, a, d);
}

static int insert(struct store_conn *tx, const struct enrollment *e, struct arena *a,
		  struct device *d, struct error *err)
{
	bool named = e->external_id && *e->external_id;
	int r;
	if (named) {
		d->external_id = arena_strdup(a, e->external_id);
		r = row_insert(tx, TABLE_device, d);
	} else {
		r = e->channel == CHANNEL_MDMCORE ? insert_mdmcore(tx, a, d)
						  : insert_numbered(tx, a, d);
	}
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "device \"%s\" is enrolled on %s already",
				 named ? e->external_id : d->name, d->channel);
	return r;
}

/* What every enrollment starts with: version 1, nothing reported. */
static void start_anew(struct device *d, const struct enrollment *e, int64_t chain, int64_t now_ms,
		       struct arena *a)
{
	d->token_hash = e->token_hash.n ? arena_dup(a, e->token_hash) : (struct span){ NULL, 0 };
	d->enrolled_ms = d->last_seen_ms = now_ms;
	d->unenrolled_ms = 0;
	d->version_base = version_base_for(1, d->changes, chain);
	d->applied_version = d->judged_version = 0;
	d->lag = version_lag(d);
	d->reported = d->satisfied = false;
	d->fcm_token = "";
	d->revision++;
}

int store_device_enroll(struct store_conn *tx, const struct change *by, const struct enrollment *e,
			struct arena *a, struct device *ret, struct error *err)
{
	struct device d = { .org_id = e->org_id, .parent_id = e->parent_id };
	int64_t chain;
	int r = check_enrollment(e, err);
	if (r == 0)
		r = find_place(tx, e, &d.fleet_id, &chain, err);
	if (r == 0)
		r = check_parent(tx, e->org_id, e->parent_id, a, err);
	if (r)
		return r;
	d.kind = kind_name(e->kind);
	d.channel = channel_name(e->channel);
	d.serial = text_or(a, e->serial, "");
	d.model = text_or(a, e->model, "");
	d.os_version = text_or(a, e->os_version, "");
	d.agent_version = text_or(a, e->agent_version, "");
	d.name = text_or(a, e->name, text_or(a, e->serial, ""));
	start_anew(&d, e, chain, by->now_ms, a);
	r = insert(tx, e, a, &d, err);
	if (r == 0 && *d.name == '\0') { /* people need something to call it by */
		d.name = d.external_id;
		r = row_update(tx, TABLE_device, COLUMN_BIT(device, name), &d);
	}
	if (r)
		return r;
	*ret = d;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_DEVICE_ENROLLED,
					      .org_id = d.org_id,
					      .fleet_id = d.fleet_id,
					      .device_id = d.id,
					      .object = d.name,
					      .after = record_json(TABLE_device, &d) });
}

/* The old incarnation's reports and what it was told to do. */
static int forget_incarnation(struct store_conn *tx, const struct change *by,
			      const struct device *d)
{
	int64_t n;
	struct scan tasks = { .table = TABLE_task,
			      .index = INDEX_OF(task, by_device),
			      .n_equal = 1,
			      .key = &(struct task){ .device_id = d->id } };
	int r = row_delete(tx, TABLE_report, &(struct report){ .device_id = d->id });
	if (r == ROW_NOT_FOUND)
		r = 0;
	if (r == 0)
		r = row_delete_where(tx, &tasks, &n);
	return r ? r : requeue_commands(tx, by, d);
}

static void take_facts(struct device *d, const struct enrollment *e, struct arena *a)
{
	d->kind = kind_name(e->kind);
	d->channel = channel_name(e->channel);
	d->serial = text_or(a, e->serial, d->serial);
	d->model = text_or(a, e->model, d->model);
	d->os_version = text_or(a, e->os_version, d->os_version);
	d->agent_version = text_or(a, e->agent_version, d->agent_version);
	d->external_id = text_or(a, e->external_id, d->external_id);
	if (e->parent_id)
		d->parent_id = e->parent_id;
}

int store_device_reenroll(struct store_conn *tx, const struct change *by, int64_t id,
			  const struct enrollment *e, struct arena *a, struct device *ret,
			  struct error *err)
{
	const struct fleet_tree *tree = NULL;
	struct device before, d;
	int r = check_enrollment(e, err);
	if (r == 0)
		r = store_device_get(tx, id, a, &before, err);
	if (r == 0)
		r = check_parent(tx, before.org_id, e->parent_id, a, err);
	if (r == 0)
		r = store_fleets(tx, before.org_id, &tree);
	if (r)
		return r;
	d = before;
	take_facts(&d, e, a);
	start_anew(&d, e, fleet_tree_chain_changes(tree, d.fleet_id), by->now_ms, a);
	r = row_put(tx, TABLE_device, &d);
	if (r == ROW_EXISTS)
		return error_set(err, ERR_CONFLICT, "device \"%s\" is enrolled on %s already",
				 d.external_id, d.channel);
	if (r == 0)
		r = forget_incarnation(tx, by, &d);
	if (r)
		return r;
	*ret = d;
	return event_add_change(tx, by,
				&(struct event_new){ .type = EVENT_DEVICE_ENROLLED,
						     .org_id = d.org_id,
						     .fleet_id = d.fleet_id,
						     .device_id = d.id,
						     .object = d.name },
				TABLE_device, &before, &d);
}
