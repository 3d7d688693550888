/* SPDX-License-Identifier: Apache-2.0
 *
 * request=policy (and ping): several policies of one device, each answered or refused on its own.
 *
 * Most requests only read. Two things make one a write, which then holds back the answer until it is
 * durable: state keys that ride along, and a timestamp that the device has not named before and that says
 * something new about what it has applied.
 */
#include "channel/chrome/policy/policy.h"
#include "channel/chrome/policy/keys.h"
#include "channel/chrome/policy/stamp.h"

#include "server/auth.h"

#define PARTS_MAX           32 /* of one request */
#define RESPONSES_FEW       8
#define RESPONSES_MAX       512 /* one an extension */
#define ENTITY_MAX          256
#define STATUS_INVALID_PART 400
#define STATUS_NO_POLICY    902

struct responses {
	Dm__PolicyFetchResponse **items; /* in the arena, room for 'max' */
	size_t n, max;
};

static Dm__PolicyFetchResponse *add_response(struct policy_context *c, struct responses *all)
{
	Dm__PolicyFetchResponse *p = arena_new(c->r->arena, Dm__PolicyFetchResponse);
	if (all->n == all->max) {
		size_t max = all->max ? 4 * all->max : RESPONSES_FEW;
		Dm__PolicyFetchResponse **more =
			arena_new_n(c->r->arena, Dm__PolicyFetchResponse *, max);
		if (all->n > 0)
			memcpy(more, all->items, all->n * sizeof *more);
		all->items = more;
		all->max = max;
	}
	dm__policy_fetch_response__init(p);
	all->items[all->n++] = p;
	return p;
}

static void refuse(struct policy_context *c, struct responses *all, const char *type,
		   int32_t status, const char *message)
{
	if (all->n >= RESPONSES_MAX)
		return;
	Dm__PolicyFetchResponse *p = add_response(c, all);
	p->has_error_code = true;
	p->error_code = status;
	p->error_message = arena_strdup(c->r->arena, message);
	p->policy_type = arena_strdup(c->r->arena, type);
}

/* ---- an answer as messages ---- */

static ProtobufCBinaryData binary(struct span s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)s.p };
}

#define SET_BYTES(p, field, span)                                                                  \
	do {                                                                                       \
		(p)->has_##field = (span).n > 0;                                                   \
		(p)->field = binary(span);                                                         \
	} while (0)

static void add_item(struct policy_context *c, const struct answer_item *item,
		     const struct policy_fetch *f, const struct key_fields *k,
		     struct responses *all)
{
	Dm__PolicyFetchResponse *p = add_response(c, all);
	/* The answer may go before the response is packed. */
	SET_BYTES(p, policy_data, arena_dup(c->r->arena, item->data));
	if (item->signature.n == 0)
		return;
	SET_BYTES(p, policy_data_signature, arena_dup(c->r->arena, item->signature));
	SET_BYTES(p, new_public_key, k->new_public_key);
	SET_BYTES(p, new_public_key_signature, k->new_public_key_signature);
	SET_BYTES(p, new_public_key_verification_signature_deprecated, k->verification_deprecated);
	SET_BYTES(p, new_public_key_verification_data, k->verification_data);
	SET_BYTES(p, new_public_key_verification_data_signature, k->verification_data_signature);
	p->has_policy_data_signature_type = true;
	p->policy_data_signature_type = f->signature;
}

static int key_fields_of(struct policy_context *c, const struct policy_fetch *f,
			 const struct answer *a, struct key_fields *ret, struct error *err)
{
	const struct key_wish wish = { .org_id = c->r->device.org_id,
				       .domain = policy_domain(&a->facts),
				       .has_version = f->message->has_public_key_version,
				       .version = f->message->public_key_version,
				       .type = f->signature };
	*ret = (struct key_fields){ 0 };
	return a->key ? key_fields_make(c->r->server, a->key, &wish, c->r->arena, ret, err) : 0;
}

static int add_answer(struct policy_context *c, const struct policy_fetch *f,
		      const struct answer *a, struct responses *all, struct error *err)
{
	struct key_fields k;
	int r = key_fields_of(c, f, a, &k, err);
	for (size_t i = 0; r == 0 && i < a->n && all->n < RESPONSES_MAX; i++)
		add_item(c, &a->items[i], f, &k, all);
	return r;
}

/* ---- one part of the request ---- */

static int answer_part(struct policy_context *c, const struct policy_type *t,
		       const struct policy_fetch *f, bool optional, struct responses *all,
		       struct error *err)
{
	CLEANUP(answer_unrefp) struct answer *a = NULL;
	int r = policy_answer(c, t, f, &a, err);
	if (r)
		return r;
	if (a->error_code == 0)
		return add_answer(c, f, a, all, err);
	if (!optional)
		refuse(c, all, f->type, a->error_code, a->error_message);
	return 0;
}

/* A type that stands for others: what there is of them. */
static int answer_parts(struct policy_context *c, const struct policy_type *t,
			const struct policy_fetch *f, struct responses *all, struct error *err)
{
	int r = 0;
	for (size_t i = 0; t->parts[i] && r == 0; i++) {
		struct policy_fetch part = *f;
		part.type = t->parts[i];
		r = answer_part(c, policy_type_find(part.type), &part, true, all, err);
	}
	return r;
}

static bool is_signature(int type)
{
	return type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__NONE ||
	       type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA1_RSA ||
	       type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA256_RSA;
}

static int answer_fetch(struct policy_context *c, const Dm__PolicyFetchRequest *m,
			struct responses *all, struct error *err)
{
	const struct policy_fetch f = { .type = m->policy_type ? m->policy_type : "",
					.entity_id =
						m->settings_entity_id ? m->settings_entity_id : "",
					.signature = m->signature_type,
					.message = m };
	const struct policy_type *t = policy_type_find(f.type);
	const char *complaint = !t ? "Unknown policy type."
				: strlen(f.entity_id) > ENTITY_MAX
					? "settings_entity_id is too long."
				: !is_signature((int)f.signature) ? "Unknown signature_type."
								  : NULL;
	if (complaint) {
		refuse(c, all, t ? f.type : "", STATUS_INVALID_PART, complaint);
		return 0;
	}
	return t->parts ? answer_parts(c, t, &f, all, err) : answer_part(c, t, &f, false, all, err);
}

static int answer_all(struct policy_context *c, const Dm__DevicePolicyRequest *m,
		      struct responses *all, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < m->n_requests && r == 0; i++)
		r = answer_fetch(c, m->requests[i], all, err);
	if (r == 0 && all->n == 0) /* none at all would be undecodable to the client */
		refuse(c, all, m->requests[0]->policy_type, STATUS_NO_POLICY,
		       "There is no policy of this type.");
	return r;
}

/* ---- what the client says it has ---- */

static bool is_plausible(const Dm__PolicyFetchRequest *m)
{
	return m->has_timestamp && m->timestamp > 0 && m->timestamp <= STAMP_MAX;
}

/* Latest: nothing older may be sent. Earliest: what it has applied of everything. 0: it names none. */
static int64_t named(const Dm__DevicePolicyRequest *m, bool latest)
{
	int64_t t = 0;
	for (size_t i = 0; i < m->n_requests; i++)
		if (is_plausible(m->requests[i]) &&
		    (t == 0 ||
		     (latest ? m->requests[i]->timestamp > t : m->requests[i]->timestamp < t)))
			t = m->requests[i]->timestamp;
	return t;
}

struct news {                              /* what a request brings that must be written */
	int64_t named_ms, applied_version; /* 0: nothing new */
	const Dm__DeviceStateKeyUpdateRequest *state_keys;
	const Dm__DeviceManagementResponse *answer;
};

/* The row decides whether it is news: the cached one of the request may be old in this. */
static int applied_news(struct policy_context *c, int64_t earliest_ms, struct news *news,
			struct error *err)
{
	struct store_conn *conn = store_reader(c->r->server->store);
	struct device d;
	int64_t version = 0;
	news->named_ms = 0;
	if (earliest_ms == 0 ||
	    answers_note(c->r->server->chrome->answers, c->r->device.id).named_ms == earliest_ms)
		return 0;
	int r = store_device_get(conn, c->r->device.id, c->r->arena, &d, err);
	if (r == 0)
		r = chrome_applied_version(conn, &d, earliest_ms, &version);
	if (r)
		return r;
	news->named_ms = earliest_ms;
	if (version > 0 && (version != d.applied_version || !d.reported || !d.satisfied))
		news->applied_version = version;
	return 0;
}

static int apply_news(struct store_conn *tx, struct op *op)
{
	struct chrome_op *x = (struct chrome_op *)op;
	const struct news *n = op->arg;
	struct device d;
	int r = chrome_device_again(tx, x, &d);
	if (r == 0 && n->state_keys)
		r = chrome_state_keys_put(tx, d.id, n->state_keys->n_server_backed_state_keys,
					  n->state_keys->server_backed_state_keys, op->by.now_ms,
					  &op->err);
	if (r == 0 && n->applied_version)
		r = chrome_observed_applied(tx, &d, n->applied_version, op->by.now_ms, &op->err);
	if (r == 0)
		x->answer = *n->answer;
	return r;
}

static void note_named(struct op *op)
{
	const struct chrome_op *x = (const struct chrome_op *)op;
	const struct news *n = op->arg;
	if (n->named_ms)
		answers_note_named(op->server->chrome->answers, x->r->device.id, n->named_ms);
}

static void finish(struct policy_context *c, struct news *n)
{
	struct chrome_request *r = c->r;
	if (n->applied_version || n->state_keys) {
		struct news *kept = arena_new(r->arena, struct news);
		*kept = *n;
		struct chrome_op *x = chrome_op(r, apply_news, kept);
		x->op.committed = note_named;
		chrome_submit(x);
		return;
	}
	if (n->named_ms)
		answers_note_named(r->server->chrome->answers, r->device.id, n->named_ms);
	chrome_reply(r, n->answer);
}

/* ---- the request ---- */

static bool is_host(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= 255 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") ==
		       n;
}

const char *chrome_base_url(struct chrome_request *r)
{
	const char *host = http_header(r->http, "Host");
	const char *proto = http_header(r->http, "X-Forwarded-Proto");
	bool tls = http_server_tls(r->server->http) || (proto && strcmp(proto, "https") == 0);
	if (!host || !is_host(host))
		return "";
	return arena_printf(r->arena, "%s://%s", tls ? "https" : "http", host);
}

static void answer(struct chrome_request *r, const Dm__DevicePolicyRequest *m)
{
	CLEANUP(policy_context_fini)
	struct policy_context c = {
		.r = r,
		.generation = server_generation(r->server),
		.base = chrome_base_url(r),
		.flat = policy_client_is_flat(r->agent, m),
		.named_ms = named(m, true),
	};
	struct responses all = { 0 };
	struct news news = { .state_keys = r->body->device_state_key_update_request };
	struct error err;
	chrome_config(r->server, r->device.org_id, r->arena, &c.config);
	int result = answer_all(&c, m, &all, &err);
	if (result == 0)
		result = applied_news(&c, named(m, false), &news, &err);
	if (result) {
		chrome_fail_result(r, result, &err);
		return;
	}
	Dm__DeviceManagementResponse *response = arena_new(r->arena, Dm__DeviceManagementResponse);
	Dm__DevicePolicyResponse *policies = arena_new(r->arena, Dm__DevicePolicyResponse);
	dm__device_management_response__init(response);
	dm__device_policy_response__init(policies);
	policies->responses = all.items;
	policies->n_responses = all.n;
	response->policy_response = policies;
	news.answer = response;
	finish(&c, &news);
}

void chrome_policy(struct chrome_request *r)
{
	const Dm__DevicePolicyRequest *m = r->body->policy_request;
	if (!m || m->n_requests == 0)
		chrome_fail(r, STATUS_INVALID_PART, "The request asks for no policy.");
	else if (m->n_requests > PARTS_MAX)
		chrome_fail(r, STATUS_INVALID_PART, "The request asks for too many policies.");
	else
		answer(r, m);
}
