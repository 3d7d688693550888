/* SPDX-License-Identifier: Apache-2.0
 *
 * The model's invariants, row by row: one function a table, told what is wrong in one sentence. Reads
 * everything once; looks up what a row refers to. Findings are bounded.
 */
#include "store/check.h"
#include "store/conn.h"

#include "model/command.h"
#include "model/version.h"
#include <inttypes.h>
#include <stdarg.h>

#define FINDINGS_MAX 100

struct checker {
	struct store_conn *conn;
	json_t *findings;
	int64_t known_device; /* looked up last, and there: children come in runs */
	int r;
};

static void finding(struct checker *x, const char *fmt, ...) FORMAT_PRINTF(2, 3);
static void finding(struct checker *x, const char *fmt, ...)
{
	char sentence[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	json_array_append_new(x->findings, json_string(sentence));
}

/* Looks a row up; only whether it is there and, if wanted, its numbers matter. */
static bool there(struct checker *x, enum table_id t, const void *key, union any_record *ret)
{
	CLEANUP(arena_fini) struct arena a;
	union any_record unused;
	arena_init(&a);
	int r = row_get(x->conn, t, key, &a, ret ? ret : &unused);
	if (r < 0)
		x->r = r;
	return r == 0;
}

static bool device_there(struct checker *x, int64_t id)
{
	if (x->known_device == id)
		return true;
	if (!there(x, TABLE_device, &(struct device){ .id = id }, NULL))
		return false;
	x->known_device = id;
	return true;
}

static bool organization_there(struct checker *x, int64_t id)
{
	return there(x, TABLE_organization, &(struct organization){ .id = id }, NULL);
}

static bool fleet_there(struct checker *x, int64_t id, int64_t org_id)
{
	union any_record found;
	return there(x, TABLE_fleet, &(struct fleet){ .id = id }, &found) &&
	       found.fleet.org_id == org_id;
}

static bool is_json(const char *text)
{
	AUTO_JSON j = NULL;
	return json_parse(span_str(text), &j, NULL) == 0;
}

/* ---- one function a table ---- */

static void check_organization(struct checker *x, const void *record)
{
	const struct organization *o = record;
	const struct fleet_tree *tree;
	int r = cache_tree(x->conn, o->id, &tree);
	if (r)
		finding(x, "organization %" PRId64 ": its fleets are not a tree", o->id);
	else if (fleet_tree_root(tree) == NULL)
		finding(x, "organization %" PRId64 " has no root fleet", o->id);
	if (!is_json(o->config_json))
		finding(x, "organization %" PRId64 ": its configuration is not JSON", o->id);
}

static void check_fleet(struct checker *x, const void *record)
{
	const struct fleet *f = record;
	if (!organization_there(x, f->org_id))
		finding(x, "fleet %" PRId64 " is of organization %" PRId64 ", which is not there",
			f->id, f->org_id);
	if (f->parent_id && !fleet_there(x, f->parent_id, f->org_id))
		finding(x, "fleet %" PRId64 " is below fleet %" PRId64 ", which is not there",
			f->id, f->parent_id);
}

static void check_place(struct checker *x, const struct device *d)
{
	const struct fleet_tree *tree;
	if (cache_tree(x->conn, d->org_id, &tree) != 0) /* said of the organization */
		return;
	if (fleet_tree_get(tree, d->fleet_id) == NULL) {
		finding(x, "device %" PRId64 " is in fleet %" PRId64 ", which is not there", d->id,
			d->fleet_id);
		return;
	}
	int64_t version = version_of(d, fleet_tree_chain_changes(tree, d->fleet_id));
	if (version < 1)
		finding(x, "device %" PRId64 " is at version %" PRId64, d->id, version);
	if (d->judged_version > version)
		finding(x,
			"device %" PRId64 " was judged for version %" PRId64
			", but is at version %" PRId64,
			d->id, d->judged_version, version);
}

static void check_device(struct checker *x, const void *record)
{
	const struct device *d = record;
	enum kind kind;
	enum channel channel;
	check_place(x, d);
	if (d->lag != version_lag(d))
		finding(x, "device %" PRId64 ": lag is %" PRId64 ", should be %" PRId64, d->id,
			d->lag, version_lag(d));
	if (!kind_parse(d->kind, &kind) || !channel_parse(d->channel, &channel))
		finding(x, "device %" PRId64 ": kind \"%s\" or channel \"%s\" is not known", d->id,
			d->kind, d->channel);
	if (d->reported != there(x, TABLE_report, &(struct report){ .device_id = d->id }, NULL))
		finding(x, "device %" PRId64 " %s", d->id,
			d->reported ? "has reported, but the report is not there"
				    : "has not reported, but a report is there");
	if (d->parent_id && !there(x, TABLE_device, &(struct device){ .id = d->parent_id }, NULL))
		finding(x, "device %" PRId64 " is on device %" PRId64 ", which is not there", d->id,
			d->parent_id);
}

static void check_owner(struct checker *x, const char *what, int64_t device_id)
{
	if (!device_there(x, device_id))
		finding(x, "%s of device %" PRId64 ", which is not there", what, device_id);
}

static void check_attribute(struct checker *x, const void *record)
{
	check_owner(x, "an attribute", ((const struct attribute *)record)->device_id);
}

static void check_inventory(struct checker *x, const void *record)
{
	check_owner(x, "an inventory", ((const struct inventory *)record)->device_id);
}

static void check_sample(struct checker *x, const void *record)
{
	check_owner(x, "a sample", ((const struct sample *)record)->device_id);
}

static void check_raw_report(struct checker *x, const void *record)
{
	check_owner(x, "a raw report", ((const struct raw_report *)record)->device_id);
}

static void check_device_token(struct checker *x, const void *record)
{
	check_owner(x, "a token", ((const struct device_token *)record)->device_id);
}

static void check_state_key(struct checker *x, const void *record)
{
	check_owner(x, "a state key", ((const struct state_key *)record)->device_id);
}

static void check_pairing(struct checker *x, const void *record)
{
	const struct pairing *p = record;
	check_owner(x, "a pairing's host", p->host_id);
	check_owner(x, "a pairing's controller", p->controller_id);
}

static void check_task(struct checker *x, const void *record)
{
	check_owner(x, "a task", ((const struct task *)record)->device_id);
}

static void check_report(struct checker *x, const void *record)
{
	const struct report *r = record;
	check_owner(x, "a report", r->device_id);
	if (!is_json(r->observed_json))
		finding(x, "the report of device %" PRId64 " is not JSON", r->device_id);
}

static void check_setting(struct checker *x, const void *record)
{
	const struct setting *s = record;
	bool fleet = strcmp(s->scope, "fleet") == 0;
	bool target = fleet ? there(x, TABLE_fleet, &(struct fleet){ .id = s->scope_id }, NULL)
			    : device_there(x, s->scope_id);
	if (!target)
		finding(x, "setting %s of %s %" PRId64 ", which is not there", s->name, s->scope,
			s->scope_id);
	if (!is_json(s->value_json))
		finding(x, "setting %s of %s %" PRId64 " is not JSON", s->name, s->scope,
			s->scope_id);
	if (catalogue_find(s->name) == NULL)
		finding(x, "warning: setting %s of %s %" PRId64 " is not in the catalogue", s->name,
			s->scope, s->scope_id);
}

static void check_command(struct checker *x, const void *record)
{
	const struct command *c = record;
	union any_record device;
	enum command_state state;
	if (!there(x, TABLE_device, &(struct device){ .id = c->device_id }, &device))
		finding(x, "command %" PRId64 " is for device %" PRId64 ", which is not there",
			c->id, c->device_id);
	else if (device.device.org_id != c->org_id)
		finding(x, "command %" PRId64 " is of another organization than its device", c->id);
	if (!command_state_parse(c->state, &state))
		finding(x, "command %" PRId64 ": state \"%s\" is not known", c->id, c->state);
	else if (command_state_final(state) != c->finished)
		finding(x, "command %" PRId64 " is %s, but marked as %s", c->id, c->state,
			c->finished ? "finished" : "unfinished");
}

static void check_enrollment_token(struct checker *x, const void *record)
{
	const struct enrollment_token *t = record;
	if (!fleet_there(x, t->fleet_id, t->org_id))
		finding(x,
			"enrollment token %" PRId64 " admits into fleet %" PRId64
			", which is not there",
			t->id, t->fleet_id);
	if (t->uses_max && t->uses > t->uses_max)
		finding(x, "enrollment token %" PRId64 " was used %" PRId64 " of %" PRId64 " times",
			t->id, t->uses, t->uses_max);
}

static void check_session(struct checker *x, const void *record)
{
	const struct session *s = record;
	if (!there(x, TABLE_administrator, &(struct administrator){ .id = s->administrator_id },
		   NULL))
		finding(x, "a session of administrator %" PRId64 ", who is not there",
			s->administrator_id);
}

static void check_file(struct checker *x, const void *record)
{
	const struct file *f = record;
	if (!organization_there(x, f->org_id))
		finding(x, "file %" PRId64 " is of organization %" PRId64 ", which is not there",
			f->id, f->org_id);
	if (f->version < 1 || strlen(f->sha256) != 64)
		finding(x, "file %" PRId64 ": version %" PRId64 " or hash is not valid", f->id,
			f->version);
}

static const struct {
	enum table_id table;
	void (*check)(struct checker *x, const void *record);
} checks[] = {
	{ TABLE_organization, check_organization },
	{ TABLE_fleet, check_fleet },
	{ TABLE_device, check_device },
	{ TABLE_attribute, check_attribute },
	{ TABLE_report, check_report },
	{ TABLE_inventory, check_inventory },
	{ TABLE_setting, check_setting },
	{ TABLE_command, check_command },
	{ TABLE_sample, check_sample },
	{ TABLE_raw_report, check_raw_report },
	{ TABLE_device_token, check_device_token },
	{ TABLE_state_key, check_state_key },
	{ TABLE_pairing, check_pairing },
	{ TABLE_task, check_task },
	{ TABLE_enrollment_token, check_enrollment_token },
	{ TABLE_session, check_session },
	{ TABLE_file, check_file },
};

struct check_run {
	struct checker *checker;
	void (*check)(struct checker *x, const void *record);
};

static int check_row(void *user, const void *record)
{
	struct check_run *run = user;
	run->check(run->checker, record);
	if (run->checker->r)
		return run->checker->r;
	return json_array_size(run->checker->findings) >= FINDINGS_MAX ? ROW_STOP : 0;
}

int check_model(struct store_conn *c, json_t *findings)
{
	struct checker x = { .conn = c, .findings = findings };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(checks) && r == 0; i++) {
		struct check_run run = { &x, checks[i].check };
		struct scan s = { .table = checks[i].table, .index = INDEX_PRIMARY };
		r = row_scan(c, &s, check_row, &run);
	}
	return r;
}
