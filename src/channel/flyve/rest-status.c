/* SPDX-License-Identifier: Apache-2.0
 *
 * What agents of D2 may say over HTTP instead of MQTT: the same statuses, read and applied by the same code.
 */
#include "channel/flyve/receive.h"
#include "channel/flyve/rest.h"
#include "channel/flyve/session.h"

#include "base/clock.h"
#include "base/crypto.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct saying { /* in the request's arena; the news are finished with the answer */
	struct flyve_news news;
	json_t *answer; /* owned until it is given */
	int status;
};

static int apply(struct store_conn *tx, struct op *op)
{
	struct flyve_heard heard;
	return flyve_news_apply(tx, &((struct saying *)op->arg)->news, &heard);
}

static void render(struct op *op, int r, const struct error *err)
{
	struct saying *s = op->arg;
	bool foreign = s->news.n_bad > 0;
	flyve_news_fini(&s->news);
	if (r || foreign)
		json_decref(s->answer);
	if (r) {
		flyve_rest_result(op->req, r, err);
		return;
	}
	if (foreign) {
		flyve_rest_error(op->req, 404, "ERROR_ITEM_NOT_FOUND",
				 "no such task of this agent");
		return;
	}
	if (op->server->flyve)
		flyve_wake(op->server->flyve);
	http_reply_json(op->req, s->status, s->answer);
}

/* Takes the answer over. */
static void say(struct http_request *req, const struct device *d, enum flyve_status status,
		int64_t task_id, struct span payload, json_t *answer)
{
	struct saying *s = arena_new(http_arena(req), struct saying);
	const struct flyve_topic t = { .status = status, .task_id = task_id };
	struct error err;
	int r = flyve_news_read(&t, payload, &s->news, &err);
	if (r) {
		flyve_news_fini(&s->news);
		json_decref(answer);
		flyve_rest_error(req, 400, "ERROR_GLPI_UPDATE", err.message);
		return;
	}
	s->news.device_id = d->id;
	s->news.at_ms = clock_utc_ms();
	s->news.settled = flyve_is_settled(server_of(req));
	s->news.reachable = broker_online(server_of(req)->broker, d->id);
	s->answer = answer;
	s->status = json_is_array(answer) ? 200 : 201;
	struct op *op = op_new(req, apply, s);
	op->render = render;
	op_submit(op);
}

static json_t *updated(struct http_request *req, int64_t id)
{
	const char *key = arena_printf(http_arena(req), "%" PRId64, id);
	return json_pack("[{s:b, s:s}]", key, 1, "message", "");
}

static void say_json(struct http_request *req, const struct device *d, enum flyve_status status,
		     int64_t task_id, json_t *steals_payload, json_t *answer)
{
	CLEANUP(free_charp) char *text = json_text(steals_payload);
	json_decref(steals_payload);
	say(req, d, status, task_id, span_str(text), answer);
}

static void say_inventory(struct http_request *req, const struct device *d, const char *text)
{
	CLEANUP(buf_fini) struct buf xml;
	buf_init(&xml, FLYVE_INVENTORY_MAX);
	if (flyve_inventory_decode(text, &xml))
		say(req, d, FLYVE_STATUS_INVENTORY, 0, buf_span(&xml), updated(req, d->id));
	else
		flyve_rest_error(req, 400, "ERROR_GLPI_UPDATE", "_inventory is not base64");
}

static bool is_word(const json_t *v, const char *word)
{
	const char *s = json_string_value(v);
	return s && strcasecmp(s, word) == 0;
}

static bool read_flag(const json_t *v, bool *ret)
{
	int64_t n = 0;
	*ret = json_is_true(v) || is_word(v, "true");
	if (*ret || json_is_false(v) || is_word(v, "false"))
		return true;
	bool known = flyve_json_int(v, &n);
	*ret = n != 0;
	return known;
}

/* What is said of another agent, whoever that is, is not this one's. */
static bool is_own(struct http_request *req, const struct device *d, const json_t *input)
{
	static const char *const keys[] = { "_agents_id", "computers_id" };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *v = json_object_get(input, keys[i]);
		int64_t id = 0;
		if (!v || (flyve_json_int(v, &id) && id == d->id))
			continue;
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", "not this session's agent");
		return false;
	}
	return true;
}

/* PUT PluginFlyvemdmAgent/{id}: one of is_online, _pong, _inventory, _unenroll_request's answer. */
void flyve_rest_update(struct http_request *req)
{
	struct device d;
	struct error err;
	json_t *input = NULL;
	int64_t id = 0;
	if (!flyve_rest_device(req, &d) || !flyve_rest_input(req, &input))
		return;
	if (http_path_id(req, "id", &id, &err) != 0 || id != d.id) {
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", "not this session's agent");
		return;
	}
	const json_t *online = json_object_get(input, "is_online");
	const char *inventory = json_string_value(json_object_get(input, "_inventory"));
	bool flag = false;
	if (online && !read_flag(online, &flag))
		flyve_rest_error(req, 400, "ERROR_GLPI_UPDATE",
				 "is_online is neither true nor false");
	else if (inventory)
		say_inventory(req, &d, inventory);
	else if (json_object_get(input, "_pong"))
		say(req, &d, FLYVE_STATUS_PING, 0, span_str("!"), updated(req, d.id));
	else if (online)
		say_json(req, &d, FLYVE_STATUS_ONLINE, 0, json_pack("{s:b}", "online", flag),
			 updated(req, d.id));
	else
		http_reply_json(req, 200, updated(req, d.id));
}

void flyve_rest_geolocation(struct http_request *req)
{
	struct device d;
	json_t *input = NULL;
	if (!flyve_rest_device(req, &d) || !flyve_rest_input(req, &input) ||
	    !is_own(req, &d, input))
		return;
	json_t *payload = json_object();
	static const char *const keys[][2] = { { "latitude", "latitude" },
					       { "longitude", "longitude" },
					       { "_datetime", "datetime" },
					       { "_gps", "gps" } };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *v = json_object_get(input, keys[i][0]);
		if (v)
			json_object_set(payload, keys[i][1], v);
	}
	say_json(req, &d, FLYVE_STATUS_GEOLOCATION, 0, payload,
		 json_pack("{s:I, s:s}", "id", (json_int_t)d.id, "message", ""));
}

void flyve_rest_task_status(struct http_request *req)
{
	struct device d;
	struct error err;
	json_t *input = NULL;
	int64_t id = 0;
	if (!flyve_rest_device(req, &d) || !flyve_rest_input(req, &input))
		return;
	if (http_path_id(req, "id", &id, &err) != 0) {
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", err.message);
		return;
	}
	say_json(req, &d, FLYVE_STATUS_TASK_ID, id, json_incref(input), updated(req, id));
}
