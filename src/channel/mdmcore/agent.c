/* SPDX-License-Identifier: Apache-2.0
 *
 * What agents do: enroll, fetch their policy, leave their FCM token, report.
 *
 * The policy fetch is the hottest read there is. Its answer is kept as bytes for as long as the
 * store's generation stays the same, so a hit costs no SQL and no copy.
 */
#include "channel/mdmcore/handlers.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/cache.h"
#include "server/seen.h"

/* At most 'max' bytes without control characters. */
static int check_text(const char *key, const char *text, size_t max, struct error *err)
{
	if (strlen(text) > max)
		return error_set(err, ERR_INVALID, "%s: longer than %zu bytes.", key, max);
	if (utf8_has_control(span_str(text)))
		return error_set(err, ERR_INVALID, "%s: control characters.", key);
	return 0;
}

/* ---- POST /enroll ---- */

static int enroll_apply(struct store_conn *tx, struct op *op)
{
	struct device d;
	json_t *policy = NULL;
	int r = store_device_enroll(tx, &op->by, op->arg, op->arena, &d, &op->err);
	if (r == 0)
		r = mdmcore_read_policy(tx, &d, &policy);
	if (r)
		return r;
	op->status = 200;
	op->body = json_pack("{s:o, s:o}", "deviceId", mdmcore_device_id_json(d.external_id),
			     "policy", policy);
	return 0;
}

static int read_enroll(const json_t *body, struct enrollment *e, struct error *err)
{
	const struct {
		const char *key;
		const char **ret;
	} texts[] = { { "model", &e->model },
		      { "osVersion", &e->os_version },
		      { "agentVersion", &e->agent_version } };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++) {
		*texts[i].ret = "";
		r = json_read_str(body, texts[i].key, false, texts[i].ret, err);
		if (r == 0)
			r = check_text(texts[i].key, *texts[i].ret, TEXT_MAX, err);
	}
	return r;
}

void mdmcore_enroll(struct http_request *req)
{
	struct enrollment *e = arena_new(http_arena(req), struct enrollment);
	struct error err;
	json_t *body = NULL;
	int r = mdmcore_org(req, &e->org_id, &err);
	if (r == 0 && !mdmcore_body(req, &body))
		return;
	if (r == 0)
		r = read_enroll(body, e, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	e->kind = KIND_ANDROID;
	e->channel = CHANNEL_MDMCORE;
	e->name = e->model;
	op_submit(mdmcore_op(req, enroll_apply, e));
}

/* ---- GET /devices/{id}/policy ---- */

struct policy_answer { /* a value of server->answers */
	int64_t device_id;
	size_t n;
	char body[];
};

static struct policy_answer *policy_answer_new(int64_t device_id, const json_t *policy)
{
	CLEANUP(free_charp) char *text = json_text(policy);
	size_t n = strlen(text);
	struct policy_answer *a = malloc(sizeof *a + n);
	if (!a)
		abort();
	*a = (struct policy_answer){ .device_id = device_id, .n = n };
	memcpy(a->body, text, n);
	return a;
}

static int read_answer(struct http_request *req, const char *id, struct policy_answer **ret,
		       struct error *err)
{
	struct device d;
	AUTO_JSON policy = NULL;
	int r = mdmcore_device(req, id, &d, err);
	if (r == 0)
		r = mdmcore_read_policy(store_reader(server_of(req)->store), &d, &policy);
	if (r == 0)
		*ret = policy_answer_new(d.id, policy);
	return r;
}

void mdmcore_policy_show(struct http_request *req)
{
	struct server *s = server_of(req);
	const char *id = http_path_param(req, "id");
	char text[ID_MAX + sizeof "mdmcore:"];
	int n = snprintf(text, sizeof text, "mdmcore:%s", id);
	struct span key = { (const uint8_t *)text, (size_t)n };
	bool cacheable = n < (int)sizeof text; /* longer ids are nobody's */
	uint64_t generation = server_generation(s);
	struct cache_entry *e = cacheable ? cache_get(s->answers, key, generation) : NULL;
	if (!e) {
		struct policy_answer *fresh = NULL;
		struct error err;
		int r = read_answer(req, id, &fresh, &err);
		if (r != 0) {
			http_reply_result(req, r, &err);
			return;
		}
		e = cache_put(s->answers, key, generation, fresh);
	}
	const struct policy_answer *a = cache_value(e);
	seen_device(s->seen, a->device_id, clock_utc_ms());
	http_reply_static(req, 200, JSON_TYPE, (struct span){ (const uint8_t *)a->body, a->n },
			  cache_unref, e);
}

/* ---- POST /devices/{id}/token ---- */

struct token {
	int64_t device_id;
	const char *text;
};

static int token_apply(struct store_conn *tx, struct op *op)
{
	struct token *x = op->arg;
	struct device d;
	int r = mdmcore_device_again(tx, op, x->device_id, &d);
	op->status = 202;
	if (r || strcmp(d.fcm_token, x->text) == 0) /* agents send it at every sync */
		return r;
	return store_device_facts(tx, d.id, NULL, NULL, NULL, x->text, &op->err);
}

void mdmcore_token(struct http_request *req)
{
	struct token *x = arena_new(http_arena(req), struct token);
	struct device d = { 0 };
	struct error err;
	json_t *body = NULL;
	int r = mdmcore_device(req, http_path_param(req, "id"), &d, &err);
	if (r == 0 && !mdmcore_body(req, &body))
		return;
	if (r == 0)
		r = json_read_str(body, "token", true, &x->text, &err);
	if (r == 0)
		r = check_text("token", x->text, FCM_TOKEN_MAX, &err);
	x->device_id = d.id;
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(mdmcore_op(req, token_apply, x));
}

/* ---- POST /devices/{id}/report ---- */

struct report_in {
	int64_t device_id;
	int64_t applied_version;
	bool camera_disabled;
	const char *raw;
};

static int report_apply(struct store_conn *tx, struct op *op)
{
	struct report_in *x = op->arg;
	struct device d;
	enum verdict verdict;
	int64_t version;
	AUTO_JSON observed = json_pack("{s:{s:b, s:s}}", CAMERA, "value", x->camera_disabled,
				       "state", "observed");
	int r = mdmcore_device_again(tx, op, x->device_id, &d);
	op->status = 202;
	return r ? r
		 : store_report(tx, d.id, x->applied_version, observed, x->raw, op->by.now_ms,
				&verdict, &version, &op->err);
}

/* The report says itself whose it is; the id of the path is not looked at. The protocol knows no 404
 * here: what nobody enrolled is taken and dropped, and the agent learns it from its next policy. */
void mdmcore_report(struct http_request *req)
{
	struct report_in *x = arena_new(http_arena(req), struct report_in);
	struct mdmcore_report in;
	struct device d = { 0 };
	struct error err;
	json_t *body = NULL;
	int64_t org_id;
	int r = mdmcore_org(req, &org_id, &err);
	if (r == 0 && !mdmcore_body(req, &body))
		return;
	if (r == 0)
		r = mdmcore_read_report(body, &in, &err);
	if (r == 0)
		r = mdmcore_device(req, in.device_id, &d, &err);
	if (r == ERR_NOT_FOUND) {
		log_limited(LOG_LEVEL_INFO, "a report of no known device was dropped",
			    F_STR("device", in.device_id), F_STR("peer", http_peer(req)));
		http_reply_empty(req, 202);
		return;
	}
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	AUTO_JSON shown = mdmcore_report_json(&in);
	CLEANUP(free_charp) char *raw = json_text(shown);
	*x = (struct report_in){ .device_id = d.id,
				 .applied_version = in.applied_version,
				 .camera_disabled = in.camera_disabled,
				 .raw = arena_strdup(http_arena(req), raw) };
	op_submit(mdmcore_op(req, report_apply, x));
}
