/* SPDX-License-Identifier: Apache-2.0
 *
 * The machines that a device speaks for: its virtual machines and containers, each a device with a token of
 * its own. store/children.h has the rules.
 *
 * The list is also the doorbell of all of them: it has the version and the waiting commands of each, and of
 * the host itself, so a host holds one connection however many machines it has. A ring for a child reaches
 * those above it (server/followers.c). Only a change of another fleet does not: a host with a child in another
 * fleet than its own is answered after ELSEWHERE_WAIT_MS at the latest.
 */
#include "channel/device/handlers.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "model/version.h"
#include "server/doorbell.h"
#include "server/next-poll.h"
#include "store/children.h"

#define TEXT_MAX          255
#define ELSEWHERE_WAIT_MS 15000

/* ---- enrolling one ---- */

struct put { /* in the request's arena */
	struct child_enrollment n;
	uint8_t hash[SHA256_SIZE];
	char token[TOKEN_TEXT_SIZE];
};

static int put_apply(struct store_conn *tx, struct op *op)
{
	struct put *x = op->arg;
	struct device host, d;
	const struct fleet_tree *tree = NULL;
	int r = store_device_get(tx, device_of(op->req)->id, op->arena, &host, &op->err);
	if (r == 0 && host.unenrolled_ms)
		r = error_set(&op->err, ERR_GONE, "This device is no longer managed.");
	x->n.host = &host;
	if (r == 0)
		r = store_child_enroll(tx, &op->by, &x->n, op->arena, &d, &op->err);
	if (r == 0)
		r = store_fleets(tx, d.org_id, &tree);
	if (r)
		return r;
	const struct fleet *fleet = fleet_tree_get(tree, d.fleet_id);
	op->status = 201;
	op->body = json_pack("{s:I, s:s, s:s, s:s, s:I}", "device_id", (json_int_t)d.id,
			     "device_token", x->token, "key", x->n.key, "fleet",
			     fleet ? fleet->name : "", "next_poll_s",
			     (json_int_t)next_poll_of(op->req));
	return 0;
}

static int read_kind(const json_t *body, enum kind *ret, struct error *err)
{
	const char *kind = NULL;
	int r = json_read_str(body, "kind", true, &kind, err);
	if (r == 0 && (!kind_parse(kind, ret) || (*ret != KIND_VM && *ret != KIND_CONTAINER)))
		r = error_set(err, ERR_INVALID, "kind: \"%.40s\" is not vm or container.", kind);
	return r;
}

static int read_put(const json_t *body, struct child_enrollment *n, struct error *err)
{
	const struct {
		const char *key;
		const char **ret;
		bool needed;
		size_t max;
	} texts[] = {
		{ "key", &n->key, true, CHILD_KEY_MAX },
		{ "parent", &n->parent_key, false, CHILD_KEY_MAX },
		{ "name", &n->e.name, false, TEXT_MAX },
		{ "serial", &n->e.serial, false, TEXT_MAX },
		{ "model", &n->e.model, false, TEXT_MAX },
		{ "os_version", &n->e.os_version, false, TEXT_MAX },
		{ "agent_version", &n->e.agent_version, false, TEXT_MAX },
	};
	int r = read_kind(body, &n->e.kind, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++) {
		*texts[i].ret = "";
		r = json_read_str(body, texts[i].key, texts[i].needed, texts[i].ret, err);
		if (r == 0)
			r = device_api_text_check(texts[i].key, *texts[i].ret, texts[i].max, err);
	}
	if (r == 0 && !*n->e.name)
		n->e.name = n->key;
	return r;
}

void device_api_child_put(struct http_request *req)
{
	struct put *x = arena_new(http_arena(req), struct put);
	struct error err;
	json_t *body = NULL;
	if (!device_api_body(req, &body))
		return;
	int r = read_put(body, &x->n, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	x->n.max = server_of(req)->config->limits_children;
	rand_token(x->token);
	sha256(span_str(x->token), x->hash);
	x->n.e.token_hash = (struct span){ x->hash, SHA256_SIZE };
	op_submit(op_new(req, put_apply, x));
}

/* ---- the list ---- */

struct list { /* what the answer says */
	json_t *body;
	const char *etag;
	int64_t n_commands; /* of all together */
	bool elsewhere;     /* some child is in another fleet than the host */
};

static int add_child(struct http_request *req, const struct child *x, struct list *l)
{
	int64_t n = 0;
	bool managed = x->d.unenrolled_ms == 0;
	int r = managed ? device_api_commands_due(req, &x->d, &n) : 0;
	l->n_commands += n;
	l->elsewhere |= x->d.fleet_id != device_of(req)->fleet_id;
	json_array_append_new(
		json_object_get(l->body, "children"),
		json_pack("{s:I, s:s, s:s, s:s, s:s?, s:I, s:I, s:b}", "id", (json_int_t)x->d.id,
			  "key", x->key, "kind", x->d.kind, "name", x->d.name, "parent",
			  *x->parent_key ? x->parent_key : NULL, "version", (json_int_t)x->version,
			  "commands", (json_int_t)n, "managed", managed));
	return r;
}

/* The same content has the same tag, but for a restore: equal versions may then be of other states. */
static int make_etag(struct http_request *req, struct store_conn *c, struct list *l)
{
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	int64_t restored = 0;
	int r = store_counter_get(c, STORE_COUNTER_RESTORED, &restored);
	char *text = json_text(l->body);
	sha256(span_str(text), hash);
	free(text);
	hex_encode((struct span){ hash, sizeof hash }, hex);
	l->etag = arena_printf(http_arena(req), "\"%.32s-%lld\"", hex, (long long)restored);
	return r;
}

static int read_now(struct http_request *req, struct store_conn *c, struct list *l)
{
	const struct device *host = device_of(req);
	const struct fleet_tree *tree = NULL;
	struct child *children = NULL;
	size_t n = 0;
	int r = store_fleets(c, host->org_id, &tree);
	if (r == 0)
		r = device_api_commands_due(req, host, &l->n_commands);
	if (r == 0)
		r = store_child_list(c, host, http_arena(req), &children, &n);
	if (r)
		return r;
	int64_t version = version_of(host, fleet_tree_chain_changes(tree, host->fleet_id));
	l->body = json_pack("{s:I, s:I, s:[]}", "version", (json_int_t)version, "commands",
			    (json_int_t)l->n_commands, "children");
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_child(req, &children[i], l);
	return r ? r : make_etag(req, c, l);
}

static int read_list(struct http_request *req, struct list *l)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	int r = store_read_begin(c);
	if (r)
		return r;
	r = read_now(req, c, l);
	store_read_end(c);
	return r;
}

/* Never while commands wait: one that was fetched and another that came look the same from afar. */
static bool is_same(struct http_request *req, const struct list *l)
{
	return l->n_commands == 0 && http_has_etag(req, l->etag);
}

static void reply_list(struct http_request *req, struct list *l)
{
	http_reply_header(req, "ETag", l->etag);
	if (is_same(req, l)) {
		http_reply_empty(req, 304);
		return;
	}
	json_object_set_new(l->body, "next_poll_s", json_integer(next_poll_of(req)));
	http_reply_json(req, 200, TAKE(l->body));
}

static void rung(struct http_request *req, enum doorbell_why why)
{
	struct list l = { 0 };
	struct error err;
	if (why == DOORBELL_CLOSING) {
		device_api_reply_closing(req);
		http_resume(req);
		return;
	}
	int r = device_api_refresh(req, &err);
	if (r == 0)
		r = read_list(req, &l);
	if (r == 0)
		reply_list(req, &l);
	else
		http_reply_result(req, r, &err);
	json_decref(l.body);
	http_resume(req);
}

void device_api_children(struct http_request *req)
{
	struct server *s = server_of(req);
	struct list l = { 0 };
	int64_t wait_ms = 0;
	if (!device_api_wait(req, &wait_ms))
		return;
	int64_t ticket = doorbell_ticket(s->doorbells);
	int r = read_list(req, &l);
	if (l.elsewhere && wait_ms > ELSEWHERE_WAIT_MS)
		wait_ms = ELSEWHERE_WAIT_MS;
	if (r != 0)
		http_reply_result(req, r, NULL);
	else if (is_same(req, &l) && wait_ms > 0)
		doorbell_park(s->doorbells, req, device_of(req), ticket, wait_ms, clock_mono_ms(),
			      rung);
	else
		reply_list(req, &l);
	json_decref(l.body);
}

/* ---- one that does not exist any more ---- */

static int gone_apply(struct store_conn *tx, struct op *op)
{
	const int64_t *id = op->arg;
	return store_child_gone(tx, &op->by, device_of(op->req)->id, *id, &op->err);
}

void device_api_child_gone(struct http_request *req)
{
	int64_t *id = arena_new(http_arena(req), int64_t);
	struct error err;
	int r = http_path_id(req, "id", id, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, gone_apply, id));
}
