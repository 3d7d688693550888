/* SPDX-License-Identifier: Apache-2.0
 *
 * GET PluginFlyvemdmAgent/{id}: the device's record. To the session that enrolled it, it comes with
 * credentials, new ones each time; a device's own session sees the rest.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/sync.h"

#include "base/clock.h"
#include "base/log.h"
#include <inttypes.h>
#include <string.h>

#define RECENT_MAX 100 /* commands that are looked at */

/* What the enrollment said of its person and system. */
static int read_attributes(struct store_conn *c, int64_t id, struct arena *a,
			   const char **ret_email, const char **ret_type)
{
	struct attribute *list = NULL;
	size_t n = 0;
	int r = store_attribute_list(c, id, a, &list, &n);
	*ret_email = *ret_type = "";
	for (size_t i = 0; i < n && r == 0; i++) {
		if (strcmp(list[i].name, "email") == 0)
			*ret_email = list[i].value;
		else if (strcmp(list[i].name, "mdm_type") == 0)
			*ret_type = list[i].value;
	}
	return r;
}

/* "wipe" while one is to be done, "lock" as the last order of the two says. */
static int read_flags(struct store_conn *c, const struct device *d, struct arena *a, int *ret_wipe,
		      int *ret_lock)
{
	struct command *list = NULL;
	size_t n = 0;
	int r = store_command_list(c, d->org_id, d->id, NULL, 0, RECENT_MAX, a, &list, &n);
	*ret_wipe = *ret_lock = -1;
	for (size_t i = 0; i < n && r == 0; i++) { /* newest first */
		enum command_state state;
		bool known = command_state_parse(list[i].state, &state);
		bool counts = known && (!command_state_final(state) || state == COMMAND_DONE);
		if (strcmp(list[i].type, "wipe") == 0 && !list[i].finished)
			*ret_wipe = 1;
		else if (counts && *ret_lock < 0 && strcmp(list[i].type, "lock") == 0)
			*ret_lock = 1;
		else if (counts && *ret_lock < 0 && strcmp(list[i].type, "unlock") == 0)
			*ret_lock = 0;
	}
	*ret_wipe = *ret_wipe > 0;
	*ret_lock = *ret_lock > 0;
	return r;
}

/* In this protocol an agent's name is its person's address. */
static json_t *record(struct server *s, const struct device *d, const struct flyve_agent *agent,
		      struct arena *a)
{
	char seen[CLOCK_TEXT_SIZE] = "";
	const char *email = "", *type = "";
	int wipe = 0, lock = 0;
	if (d->last_seen_ms)
		clock_format(d->last_seen_ms, seen);
	int r = read_attributes(store_reader(s->store), d->id, a, &email, &type);
	if (r == 0)
		r = read_flags(store_reader(s->store), d, a, &wipe, &lock);
	if (r)
		log_limited(LOG_LEVEL_ERROR, "an agent's record cannot be read in full",
			    F_INT("device", d->id), F_INT("error", r));
	return json_pack(
		"{s:I, s:s, s:s, s:I, s:i, s:i, s:s, s:I, s:I, s:s, s:s, s:i, s:s, s:s, s:s}", "id",
		(json_int_t)d->id, "name", *email ? email : d->name, "version", d->agent_version,
		"computers_id", (json_int_t)d->id, "wipe", wipe, "lock", lock, "enroll_status",
		"enrolled", "entities_id", (json_int_t)(d->org_id - 1), "plugin_flyvemdm_fleets_id",
		(json_int_t)d->fleet_id, "last_report", seen, "last_contact", seen, "is_online",
		broker_online(s->broker, d->id) ? 1 : 0, "mdm_type", *type ? type : "android",
		"certificate", "", "topic",
		flyve_agent_root(a, (enum flyve_dialect)agent->root, d->org_id, d->external_id));
}

static void answer_credentials(struct flyve_handover *h)
{
	struct server *s = server_of(h->req);
	struct broker_address at = broker_public(s->broker);
	json_t *o = record(s, &h->device, &h->agent, http_arena(h->req));
	json_t *more = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "mqttpasswd", h->password,
		"mqttuser", h->device.external_id, "api_token", h->token, "broker", at.host, "port",
		arena_printf(http_arena(h->req), "%d", at.port), "tls", at.tls ? "1" : "0",
		"android_bugcollecctor_url", "", "android_bugcollector_login", "",
		"android_bugcollector_passwd", "");
	json_object_update(o, more);
	json_decref(more);
	http_reply_header(h->req, "Cache-Control", "no-store");
	http_reply_json(h->req, 200, o);
}

static void reply_record(struct http_request *req, int64_t id)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	struct flyve_agent agent;
	struct device d;
	struct error err;
	int r = store_device_get(c, id, http_arena(req), &d, &err);
	if (r == 0 && d.unenrolled_ms)
		r = error_set(&err, ERR_GONE, "the device is no longer managed");
	if (r == 0)
		r = flyve_agent_of(c, id, http_arena(req), &agent);
	if (r)
		flyve_rest_result(req, r, &err);
	else
		http_reply_json(req, 200, record(server_of(req), &d, &agent, http_arena(req)));
}

void flyve_rest_record(struct http_request *req)
{
	struct flyve_session s;
	struct error err;
	int64_t id = 0;
	if (!flyve_rest_session(req, &s))
		return;
	int r = http_path_id(req, "id", &id, &err);
	if (r == 0 && (s.device_id == 0 || s.device_id != id))
		r = error_set(&err, ERR_NOT_FOUND, "there is no such agent in this session");
	if (r) {
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", err.message);
		return;
	}
	if (!s.enrollment_token_id) {
		reply_record(req, id);
		return;
	}
	struct flyve_handover *h = arena_new(http_arena(req), struct flyve_handover);
	*h = (struct flyve_handover){ .req = req,
				      .device_id = id,
				      .refuse = flyve_rest_result,
				      .answer = answer_credentials };
	flyve_hand_over(h);
}
