/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent says over MQTT: presence, tasks, answers to commands, the inventory, and goodbye. Everything
 * with QoS 1, so that the broker's acknowledgement ends the exchange.
 */
#include "agent/flyve/feedback.h"
#include "agent/flyve/link-private.h"
#include "base/clock.h"
#include "base/log.h"

#define XML_MAX    (4u << 20) /* what the server takes */
#define STATUS_MAX 255        /* bytes, likewise */

static int publish(struct flyve_link *l, const char *suffix, struct span payload, struct error *err)
{
	CLEANUP(free_charp) char *topic = NULL;
	if (asprintf(&topic, "%s/Status/%s", l->topic, suffix) < 0)
		abort();
	const struct mqtt_message m = { .topic = topic, .payload = payload, .qos = 1 };
	return mqtt_publish(l->mqtt, &m, &l->last_id, err);
}

static int publish_json(struct flyve_link *l, const char *suffix, json_t *steals, struct error *err)
{
	CLEANUP(free_charp) char *text = json_text(steals);
	json_decref(steals);
	return publish(l, suffix, span_str(text), err);
}

int link_say_online(struct agent *a, struct error *err)
{
	return publish_json(flyve_link_of(a), "Online", json_pack("{s:b}", "online", 1), err);
}

/* ---- tasks ---- */

static json_t *task_words(const json_t *task)
{
	const char *message = json_string_value(json_object_get(task, "message"));
	json_t *ret = json_pack("{s:O}", "status", json_object_get(task, "status"));
	if (*message)
		json_object_set_new(ret, "message",
				    json_stringn(message, strnlen(message, STATUS_MAX)));
	return ret;
}

static int say_task(struct flyve_link *l, const json_t *task, struct error *err)
{
	char suffix[48];
	snprintf(suffix, sizeof suffix, "Task/%lld",
		 (long long)json_integer_value(json_object_get(task, "id")));
	return publish_json(l, suffix, task_words(task), err);
}

/* D1: several in one message. */
static int say_grouped(struct flyve_link *l, json_t *steals_list, struct error *err)
{
	if (json_array_size(steals_list) == 0) {
		json_decref(steals_list);
		return 0;
	}
	return publish_json(l, "Task", json_pack("{s:o}", "updateStatus", steals_list), err);
}

static const char *key_of(const json_t *task, char text[32])
{
	snprintf(text, 32, "%lld", (long long)json_integer_value(json_object_get(task, "id")));
	return text;
}

static int say_report(struct agent *a, struct error *err)
{
	struct flyve_link *l = flyve_link_of(a);
	json_decref(a->flight);
	a->flight = json_incref(a->state.report);
	if (json_integer_value(json_object_get(a->flight, "applied_version")) != a->state.version)
		return 0; /* of tasks that are gone; a report of the new ones follows */
	AUTO_JSON tasks =
		feedback_tasks(l->tasks, a->state.settings, json_object_get(a->flight, "settings"));
	json_t *grouped = json_array();
	const json_t *task;
	size_t i;
	int r = 0;
	json_array_foreach (tasks, i, task) {
		char key[32];
		AUTO_JSON words = task_words(task);
		if (r || json_equal(words, json_object_get(l->said, key_of(task, key))))
			continue;
		if (json_is_true(json_object_get(task, "grouped"))) {
			json_t *entry = json_copy(words);
			json_object_set_new(entry, "taskId", json_string(key));
			json_array_append_new(grouped, entry);
		} else {
			r = say_task(l, task, err);
		}
		if (r == 0)
			json_object_set(l->said, key, words);
	}
	if (r) {
		json_decref(grouped);
		return r;
	}
	return say_grouped(l, grouped, err);
}

static void reported(struct agent *a)
{
	int64_t version = json_integer_value(json_object_get(a->flight, "applied_version"));
	agent_report_over(a);
	log_debug("reported", F_INT("version", version));
	if (!a->said_reported) {
		printf("reeve-agent: reported version %lld\n", (long long)version);
		fflush(stdout);
	}
	a->said_reported = true;
}

/* ---- commands ---- */

static int say_position(struct flyve_link *l, const struct ledger_entry *e, struct error *err)
{
	return publish_json(l, "Geolocation",
			    feedback_position(e->done ? e->result : NULL, clock_utc_ms() / 1000),
			    err);
}

static int say_order(struct flyve_link *l, const struct ledger_entry *e, struct error *err)
{
	AUTO_JSON task = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)e->id, "status",
				   e->state == LEDGER_TAKEN ? "received"
				   : e->done                ? "done"
							    : "failed",
				   "message", e->state == LEDGER_FINISHED ? e->message : "");
	return say_task(l, task, err);
}

/* Queries have an answer of their own; the inventory's is an exchange of its own (SEND), and leaving, too. */
static int say_command(struct agent *a, struct error *err)
{
	struct flyve_link *l = flyve_link_of(a);
	const struct ledger_entry *e = ledger_to_deliver(&a->state.ledger);
	if (!e)
		return 0;
	a->delivery_id = e->id;
	bool is_query = e->id >= LINK_OWN_ID;
	if (is_query && e->state != LEDGER_FINISHED)
		return 0;
	if (strcmp(e->type, "ping") == 0)
		return publish(l, "Ping", span_str("!"), err);
	if (strcmp(e->type, "locate") == 0)
		return say_position(l, e, err);
	return is_query ? 0 : say_order(l, e, err);
}

static int say_inventory(struct agent *a, struct error *err)
{
	CLEANUP(buf_fini) struct buf xml;
	buf_init(&xml, XML_MAX);
	feedback_inventory(a->inventory, flyve_link_of(a)->user, &xml);
	if (xml.failed)
		return error_set(err, ERR_TOO_LARGE, "the inventory is larger than %u bytes",
				 XML_MAX);
	return publish(flyve_link_of(a), "Inventory", buf_span(&xml), err);
}

static int say_goodbye(struct agent *a, struct error *err)
{
	return publish_json(flyve_link_of(a), "Unenroll",
			    json_pack("{s:s}", "unenroll", "unenrolled"), err);
}

/* ---- all of them ---- */

static void delivered(struct agent *a)
{
	ledger_delivered(&a->state.ledger, a->delivery_id, true);
	agent_commands_changed(a);
}

static void sent(struct agent *a)
{
	json_object_clear(a->inventory);
}

static void left(struct agent *a)
{
}

static const struct {
	int (*say)(struct agent *a, struct error *err);
	void (*said)(struct agent *a);
} rows[] = {
	[SYNC_DO_DELIVER] = { say_command, delivered },
	[SYNC_DO_REPORT] = { say_report, reported },
	[SYNC_DO_SEND] = { say_inventory, sent },
	[SYNC_DO_LEAVE] = { say_goodbye, left },
};

int link_say(struct agent *a, enum sync_action_type type, struct error *err)
{
	struct flyve_link *l = flyve_link_of(a);
	if (!l->mqtt || !l->connected)
		return error_set(err, ERR_UNAVAILABLE, "there is no connection to the broker");
	return rows[type].say(a, err);
}

void link_said(struct agent *a, enum sync_action_type type)
{
	rows[type].said(a);
}
