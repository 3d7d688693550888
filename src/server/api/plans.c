/* SPDX-License-Identifier: Apache-2.0
 *
 * Plan and apply: documents in, changes out. plan.h has the rules.
 *
 * Both plan on a job, against this moment's state, and answer all mistakes at once. Applying then
 * plans again inside its transaction, so what is carried out is what the state at that moment
 * needs, and either all of it or nothing.
 */
#include "base/file.h"
#include "server/api/nouns.h"
#include "server/api/plan.h"
#include <errno.h>
#include <string.h>

#define BODY_MAX (64u << 20)

/* ---- schemas ---- */

static const struct field plan_request_fields[] = {
	FIELD_REF("documents", AS_ARRAY, FIELD_NEEDED, "Document", NULL),
	FIELD_OF("prune", AS_BOOL, 0, "Delete what the documents' lists do not name"),
	{ 0 },
};
const struct schema plan_request_schema = { .name = "PlanRequest",
					    .fields = plan_request_fields,
					    .request = true };

static const struct field document_fields[] = {
	FIELD_OF("organization", AS_TEXT, 0, "Name; made when there is none. Else the request's"),
	FIELD_OF("domain", AS_TEXT, 0, NULL),
	FIELD_OF("config", AS_OBJECT, 0, "Configuration keys"),
	FIELD_REF("fleets", AS_ARRAY, 0, "DocumentFleet", "Those above them are made when missing"),
	FIELD_REF("devices", AS_ARRAY, 0, "DocumentDevice", NULL),
	{ 0 },
};
const struct schema document_schema = { .name = "Document",
					.fields = document_fields,
					.request = true };

static const struct field document_fleet_fields[] = {
	FIELD_OF("path", AS_TEXT, FIELD_NEEDED, "From the root: \"default/Sales\""),
	FIELD_OF("settings", AS_OBJECT, 0,
		 "All of them: name: value, or name: {\"value\", \"level\"}. Left out: they stay"),
	{ 0 },
};
const struct schema document_fleet_schema = { .name = "DocumentFleet",
					      .fields = document_fleet_fields,
					      .request = true };

static const struct field document_device_fields[] = {
	FIELD_OF("id", AS_INT, FIELD_NEEDED, NULL),
	FIELD_OF("name", AS_TEXT, 0, "For readers; the id says which"),
	FIELD_OF("settings", AS_OBJECT, 0, "As of a fleet"),
	{ 0 },
};
const struct schema document_device_schema = { .name = "DocumentDevice",
					       .fields = document_device_fields,
					       .request = true };

static const struct field plan_change_fields[] = {
	FIELD_OF("op", AS_TEXT, 0, "add, change or delete"),
	FIELD_OF("kind", AS_TEXT, 0, "organization, fleet or setting"),
	FIELD_OF("organization", AS_TEXT, 0, "Name"),
	FIELD_OF("fleet", AS_TEXT, FIELD_NULL, "Path"),
	FIELD_OF("device", AS_INT, FIELD_NULL, "Id"),
	FIELD_OF("name", AS_TEXT, 0,
		 "Of the setting, fleet or organization; or a configuration key of the latter"),
	FIELD_OF("before", AS_JSON, 0, NULL),
	FIELD_OF("after", AS_JSON, 0, NULL),
	{ 0 },
};
const struct schema plan_change_schema = { .name = "PlanChange", .fields = plan_change_fields };

static const struct field plan_fields[] = {
	FIELD_REF("changes", AS_ARRAY, 0, "PlanChange", "In the order they are carried out"),
	FIELD_OF("add", AS_INT, 0, NULL),
	FIELD_OF("change", AS_INT, 0, NULL),
	FIELD_OF("delete", AS_INT, 0, NULL),
	{ 0 },
};
const struct schema plan_schema = { .name = "Plan", .fields = plan_fields };

/* ---- the store as a source of plans ---- */

struct origin {
	struct http_request *req; /* whose reach counts */
	struct store_conn *conn;
	struct arena *arena;
};

static int origin_organization(void *user, const char *name, struct organization *ret,
			       struct error *err)
{
	struct origin *o = user;
	return *name ? api_org_ref(o->req, o->conn, name, ret, err)
		     : api_org(o->req, o->conn, ret, err);
}

static int origin_fleets(void *user, int64_t org_id, const struct fleet_tree **ret)
{
	struct origin *o = user;
	return store_fleets(o->conn, org_id, ret);
}

static int origin_settings(void *user, enum scope scope, int64_t id, struct setting **ret,
			   size_t *ret_n)
{
	struct origin *o = user;
	return store_setting_list(o->conn, scope, id, o->arena, ret, ret_n);
}

static int origin_device(void *user, int64_t id, struct device *ret, struct error *err)
{
	struct origin *o = user;
	return store_device_get(o->conn, id, o->arena, ret, err);
}

static int origin_device_next(void *user, int64_t org_id, int64_t after_id, int64_t *ret_id)
{
	struct origin *o = user;
	return device_next_with_settings(o->conn, org_id, after_id, o->arena, ret_id);
}

static int make(struct plan *p, struct http_request *req, struct store_conn *c,
		const json_t *documents, bool prune)
{
	struct origin origin = { req, c, p->arena };
	const struct plan_source source = {
		.user = &origin,
		.organization = origin_organization,
		.fleets = origin_fleets,
		.settings = origin_settings,
		.device = origin_device,
		.device_next = origin_device_next,
		.check_config = config_check_org,
	};
	return plan_make(p, &source, documents, prune);
}

int device_next_with_settings(struct store_conn *c, int64_t org_id, int64_t after_id,
			      struct arena *a, int64_t *ret_id)
{
	struct device d;
	struct error err;
	for (;;) {
		int r = store_setting_next(c, SCOPE_DEVICE, after_id, ret_id);
		if (r != 0 || *ret_id == 0)
			return r;
		after_id = *ret_id;
		r = store_device_get(c, after_id, a, &d, &err);
		if (r < 0 || (r == 0 && d.org_id == org_id && d.unenrolled_ms == 0))
			return r < 0 ? r : 0;
	}
}

/* ---- answers ---- */

/* problem+json with every mistake in "errors". */
static void reply_mistakes(struct http_request *req, const struct plan *p)
{
	const json_t *first = json_array_get(p->errors, 0);
	AUTO_JSON problem = json_pack(
		"{s:o, s:s, s:i, s:o, s:s, s:s, s:O}", "type",
		json_sprintf("urn:reeve:error:%s", err_slug(ERR_INVALID)), "title",
		err_title(ERR_INVALID), "status", err_http_status(ERR_INVALID), "detail",
		json_sprintf(
			"%zu mistakes, nothing was changed; the first: document %lld, %s %s: %s",
			p->n_errors,
			(long long)json_integer_value(json_object_get(first, "document")),
			json_string_value(json_object_get(first, "path")),
			json_string_value(json_object_get(first, "key")),
			json_string_value(json_object_get(first, "detail"))),
		"code", err_slug(ERR_INVALID), "request_id", http_request_id(req), "errors",
		p->errors);
	CLEANUP(free_charp) char *text = json_text(problem);
	http_reply(req, err_http_status(ERR_INVALID), "application/problem+json", span_str(text));
}

/* Setting is what the route asked for; making the rest needs more. */
static int check_scopes(struct http_request *req, const struct plan *p, struct error *err)
{
	static const char *const scopes[] = { [PLAN_ORGANIZATION] = "organizations:write",
					      [PLAN_CONFIG] = "organizations:write",
					      [PLAN_FLEET] = "fleets:write",
					      [PLAN_SETTING] = "settings:write" };
	for (size_t i = 0; i < p->n; i++) {
		int r = api_may(req, scopes[p->changes[i].kind], err);
		if (r == 0 && p->changes[i].kind == PLAN_ORGANIZATION)
			r = api_unbound(req, err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- requests ---- */

struct wish {
	json_t *body; /* owned */
	const json_t *documents;
	bool prune;
};

static void wish_fini(struct wish *w)
{
	json_decref(w->body);
}

/* The body lies in a file, for documents may be large. */
static int wish_read(struct http_request *req, struct wish *ret, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	const struct http_body_file *file = http_request_body_file(req);
	buf_init(&text, BODY_MAX);
	if (!file)
		return error_set(err, ERR_INVALID, "the body must be a JSON object");
	int r = file_read(file->path, &text);
	if (r == -EFBIG)
		r = error_set(err, ERR_TOO_LARGE, "the documents are larger than %u bytes",
			      BODY_MAX);
	if (r == 0)
		r = json_parse(buf_span(&text), &ret->body, err);
	if (r == 0)
		r = fields_check(plan_request_fields, ret->body, err);
	if (r != 0)
		return r;
	ret->documents = json_object_get(ret->body, "documents");
	ret->prune = json_is_true(json_object_get(ret->body, "prune"));
	return 0;
}

/* Plans, and answers when that is all there is to say: mistakes. *ret_answered. */
static int plan_now(struct http_request *req, const struct wish *w, struct plan *p,
		    bool *ret_answered)
{
	struct store_conn *c = api_conn(req);
	int r = store_read_begin(c);
	if (r != 0)
		return r;
	r = make(p, req, c, w->documents, w->prune);
	store_read_end(c);
	*ret_answered = r == 0 && p->n_errors > 0;
	if (*ret_answered)
		reply_mistakes(req, p);
	return r;
}

static int plan_later(struct http_request *req, void *arg, struct error *err)
{
	CLEANUP(wish_fini) struct wish w = { 0 };
	CLEANUP(plan_fini) struct plan p;
	bool answered = false;
	plan_init(&p, http_arena(req));
	int r = wish_read(req, &w, err);
	if (r == 0)
		r = plan_now(req, &w, &p, &answered);
	if (r == 0 && !answered)
		http_reply_json(req, 200, plan_to_json(&p));
	return r;
}

API_HANDLER(plan_show)
{
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org,
			err); /* a bad ?org= is no mistake of a document */
	if (r == 0)
		api_later(req, LATER_WORK, plan_later, NULL);
	return r;
}

static int apply(struct store_conn *tx, struct op *op)
{
	const struct wish *w = op->arg;
	CLEANUP(plan_fini) struct plan p;
	plan_init(&p, op->arena);
	int r = make(&p, op->req, tx, w->documents, w->prune);
	if (r == 0 && p.n_errors > 0) /* it had none a moment ago */
		r = error_set(&op->err, ERR_CONFLICT,
			      "what the documents name has changed in the meantime; try again");
	if (r == 0)
		r = check_scopes(op->req, &p, &op->err);
	if (r == 0)
		r = plan_apply(&p, tx, &op->by, &op->err);
	if (r == 0)
		op_answer(op, 200, 0, plan_to_json(&p));
	return r;
}

static void apply_ended(struct op *op, int r)
{
	wish_fini(op->arg);
}

/* Mistakes and missing rights are found before the writer is asked. */
static int rehearse(struct http_request *req, struct wish *w, bool *ret_answered, struct error *err)
{
	CLEANUP(plan_fini) struct plan p;
	plan_init(&p, http_arena(req));
	int r = wish_read(req, w, err);
	if (r == 0)
		r = plan_now(req, w, &p, ret_answered);
	if (r == 0 && !*ret_answered)
		r = check_scopes(req, &p, err);
	return r;
}

/* Once the op is submitted the request may be gone at any moment. */
static int apply_later(struct http_request *req, void *arg, struct error *err)
{
	struct wish *w = arg;
	bool answered = false;
	int r = rehearse(req, w, &answered, err);
	if (r != 0 || answered) {
		wish_fini(w);
		return r;
	}
	struct op *op = op_new(req, apply, w);
	op->ended = apply_ended;
	op_submit_deferred(op);
	return JOB_PASSED_ON;
}

API_HANDLER(plan_carry_out)
{
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	if (r == 0)
		api_later(req, LATER_WORK, apply_later, arena_new(http_arena(req), struct wish));
	return r;
}
