/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler's write on its way through the store's writer: apply in the shared transaction, answer
 * after the commit. The op lies in the request's arena, which lives until http_resume().
 *
 * Idempotency-Key: answer and key are stored in the transaction of the change itself, so there is
 * no moment in which one of the two exists alone. The kept answer belongs to who asked (actor) and
 * to the same request (request-hash.h, of method, path, known query parameters and body).
 */
#include "server/auth.h"
#include "server/metrics.h"
#include "server/request-hash.h"
#include "server/server.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define IDEMPOTENCY_KEY_MAX 200

struct op *op_new(struct http_request *req, int (*apply)(struct store_conn *tx, struct op *op),
		  void *arg)
{
	const struct principal *p = principal_of(req);
	struct op *op = arena_new(http_arena(req), struct op);
	op->apply = apply;
	op->arg = arg;
	op->req = req;
	op->server = server_of(req);
	op->arena = http_arena(req);
	op->by.actor = p ? p->actor : "reeved";
	op->by.now_ms = clock_utc_ms();
	return op;
}

/* ---- idempotency ---- */

static void add_part(struct buf *b, const char *s)
{
	buf_add_str(b, s ? s : "");
	buf_add_char(b, '\n');
}

static void hash_request(struct http_request *req, uint8_t out[REQUEST_HASH_SIZE])
{
	CLEANUP(buf_fini) struct buf text;
	uint8_t body[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	const struct http_body_file *file = http_request_body_file(req);
	const struct http_route *route = http_route(req);
	sha256(http_body(req), body);
	hex_encode((struct span){ body, sizeof body }, hex);
	buf_init(&text, 1 << 20);
	add_part(&text, http_method(req));
	add_part(&text, http_path(req));
	for (const struct http_param *q = route->params; q && q->name; q++) {
		add_part(&text, q->name);
		add_part(&text, http_query(req, q->name));
	}
	add_part(&text, file ? file->sha256 : hex);
	request_hash(server_of(req)->hash_secret, buf_span(&text), out);
}

/* Only who is known can be told from others: devices and strangers have no kept answers. */
static bool keeps_answers(const struct http_request *req)
{
	const struct principal *p = principal_of(req);
	return p && p->type != PRINCIPAL_DEVICE;
}

static int read_key(struct op *op)
{
	const char *key = http_header(op->req, "Idempotency-Key");
	if (!key || !*key || op->render || !keeps_answers(op->req))
		return 0;
	if (strlen(key) > IDEMPOTENCY_KEY_MAX)
		return error_set(&op->err, ERR_INVALID,
				 "The Idempotency-Key is longer than %d bytes.",
				 IDEMPOTENCY_KEY_MAX);
	op->key = arena_strdup(op->arena, key);
	hash_request(op->req, op->hash);
	return 0;
}

/* 0: there is no kept answer, or it is the op's now (op->replayed). */
static int find_kept(struct store_conn *tx, struct op *op)
{
	struct idempotency kept;
	int r = store_idempotency_get(tx, op->by.actor, op->key, op->arena, &kept, &op->err);
	if (r == ERR_NOT_FOUND) {
		op->err = (struct error){ 0 };
		return 0;
	}
	if (r)
		return r;
	r = request_hash_check(op->hash, kept.request_hash, &op->err);
	if (r)
		return r;
	if (op->secret)
		return error_set(&op->err, ERR_CONFLICT,
				 "This was done already; its answer held a secret, which is shown "
				 "only once.");
	op->status = (int)kept.status;
	op->replayed = true;
	if (!kept.body_json || !*kept.body_json)
		return 0;
	return json_parse(span_str(kept.body_json), &op->body, &op->err);
}

static int keep(struct store_conn *tx, struct op *op)
{
	char *text = op->body && !op->secret ? json_text(op->body) : NULL;
	struct idempotency kept = { .actor = op->by.actor,
				    .key = op->key,
				    .request_hash = { op->hash, sizeof op->hash },
				    .status = op->status ? op->status : 204,
				    .body_json = text ? text : "",
				    .created_ms = op->by.now_ms };
	int r = store_idempotency_put(tx, &kept);
	free(text);
	return r;
}

/* ---- the write ---- */

static void forget_answer(struct op *op)
{
	json_decref(op->body);
	op->body = NULL;
	op->status = 0;
	op->etag = NULL;
	op->replayed = false;
	op->err = (struct error){ 0 };
}

static int apply(struct store_conn *tx, struct store_write *w)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	forget_answer(op); /* of an attempt that was taken back */
	int r = op->key ? find_kept(tx, op) : 0;
	if (r == 0 && !op->replayed) {
		r = op->apply(tx, op);
		if (r == 0 && op->key)
			r = keep(tx, op);
	}
	w->err = op->err;
	return r;
}

static void answer(struct op *op, int r)
{
	if (op->render) {
		op->render(op, r, &op->write.err);
		return;
	}
	if (r != 0) {
		http_reply_result(op->req, r, &op->write.err);
		return;
	}
	if (op->etag)
		http_reply_header(op->req, "ETag", op->etag);
	int status = op->status ? op->status : 204;
	if (op->body)
		http_reply_json(op->req, status, TAKE(op->body));
	else
		http_reply_empty(op->req, status);
}

static void done(struct store_write *w, int r)
{
	struct op *op = CONTAINER_OF(w, struct op, write);
	if (r == 0 && op->committed && !op->replayed)
		op->committed(op);
	if (op->ended)
		op->ended(op, r);
	metrics_write(op->server->metrics, r, metrics_now_us() - op->submitted_us);
	answer(op, r);
	json_decref(op->body);
	http_resume(op->req); /* the op is gone with this */
}

void op_submit_deferred(struct op *op)
{
	op->submitted_us = metrics_now_us();
	int r = read_key(op);
	if (r) {
		if (op->ended)
			op->ended(op, r);
		http_reply_error(op->req, &op->err);
		http_resume(op->req);
		return;
	}
	op->write = (struct store_write){ .apply = apply, .done = done };
	store_submit(op->server->store, &op->write);
}

void op_submit(struct op *op)
{
	http_defer(op->req);
	op_submit_deferred(op);
}
