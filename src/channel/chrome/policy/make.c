/* SPDX-License-Identifier: Apache-2.0
 *
 * One part of a policy request: the kept answer while that is right, else a new one.
 *
 *     generation the same, signature fresh      given again: no SQL, no JSON, no signature
 *     generation the same, signature old        signed anew: no SQL, no JSON
 *     something changed, but not for the device facts read again; the bytes decide
 *     its desired state changed                 everything anew
 */
#include "channel/chrome/policy/policy.h"

#include "base/log.h"
#include "channel/chrome/policy/stamp.h"
#include "server/keys.h"

#define DATA_MAX (PAYLOAD_MAX + (16u << 10))

enum { STATUS_INVALID = 400, STATUS_TOO_LARGE = 413, STATUS_NOT_FOUND = 902 };

#define SIGNED(f) ((f)->signature != DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__NONE)

/* Everything of the request that the bytes depend on, so the token too: a device may have several. */
static struct span key_of(const struct policy_context *c, const struct policy_type *t,
			  const struct policy_fetch *f)
{
	const struct chrome_request *r = c->r;
	const char *const texts[] = { r->token, r->device_id, f->type, f->entity_id,
				      t->has_url ? c->base : "" };
	const struct {
		int64_t device_id;
		int32_t signature, flat;
	} numbers = { r->device.id, (int32_t)f->signature, c->flat };
	size_t n = sizeof numbers, lengths[ARRAY_SIZE(texts)];
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		n += lengths[i] = strlen(texts[i]) + 1; /* the NUL separates */
	uint8_t *key = arena_alloc(r->arena, n), *p = key + sizeof numbers;
	memcpy(key, &numbers, sizeof numbers);
	for (size_t i = 0; i < ARRAY_SIZE(texts); p += lengths[i++])
		memcpy(p, texts[i], lengths[i]);
	return (struct span){ key, n };
}

static bool is_fresh(const struct policy_context *c, const struct answer *a)
{
	int64_t age_ms = c->r->now_ms - a->made_ms;
	return a->error_code != 0 || (age_ms >= 0 && age_ms < c->config.signature_freshness_ms &&
				      a->stamp_ms >= c->named_ms);
}

/* ---- making ---- */

/* What an expected refusal of this part is called within the answer. */
static int32_t status_of(int r)
{
	switch (r) {
	case ERR_NOT_FOUND:
		return STATUS_NOT_FOUND;
	case ERR_TOO_LARGE:
		return STATUS_TOO_LARGE;
	case ERR_INVALID:
		return STATUS_INVALID;
	default:
		return 0;
	}
}

static int build(struct policy_context *c, const struct policy_type *t,
		 const struct policy_fetch *f, struct answer *a, struct error *err)
{
	int r = policy_desired(c, err);
	if (r == 0 && t->chromeos && strcmp(c->device.kind, kind_name(KIND_CHROMEOS)) != 0)
		r = error_set(err, ERR_NOT_FOUND, "This is no ChromeOS device.");
	if (r == 0)
		r = t->build(c, f, a, err);
	if (r == ERR_TOO_LARGE)
		log_limited(LOG_LEVEL_WARN, "a policy is too large for its clients",
			    F_INT("device", c->device.id), F_STR("type", f->type));
	if (r > 0 && status_of(r) != 0) {
		a->n = 0;
		a->error_code = status_of(r);
		a->error_message = arena_strdup(&a->arena, err->message);
		return 0;
	}
	return r;
}

static void copy_values(const struct answer *from, struct answer *to)
{
	to->items = arena_new_n(&to->arena, struct answer_item, from->n + 1);
	to->n = from->n;
	for (size_t i = 0; i < from->n; i++) {
		const struct policy_value *v = &from->items[i].value;
		to->items[i].value = (struct policy_value){
			.type = arena_strdup(&to->arena, v->type),
			.of_device = v->of_device,
			.entity_id = v->entity_id ? arena_strdup(&to->arena, v->entity_id) : NULL,
			.bytes = arena_dup(&to->arena, v->bytes),
		};
	}
}

static int64_t key_version(const struct answer *a)
{
	return a->key ? chrome_key_version(a->key) : 0;
}

/* The bytes that are signed, of every item. */
static void write_data(struct answer *a)
{
	const struct policy_issue issue = { .key_version = key_version(a),
					    .stamp_ms = a->stamp_ms,
					    .serial = a->serial };
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, DATA_MAX);
	for (size_t i = 0; i < a->n; i++) {
		buf_reset(&out);
		policy_data_write(&a->facts, &a->items[i].value, &issue, &out);
		a->items[i].data = arena_dup(&a->arena, buf_span(&out));
	}
}

static int sign_items(struct answer *a, const struct policy_fetch *f, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < a->n && r == 0 && a->key; i++)
		r = chrome_sign(a->key, f->signature, a->items[i].data, &a->arena,
				&a->items[i].signature, err);
	return r;
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Never earlier than what the device has: what it names, what this process gave it, and when it was here
 * the last time (which outlives the process, and clocks that are set back). */
static int64_t issue_time(const struct policy_context *c, const struct answer *a)
{
	const struct device *d = &c->r->device;
	int64_t floor_ms = answers_note(c->r->server->chrome->answers, d->id).issued_ms;
	floor_ms = max_of(floor_ms, c->named_ms);
	floor_ms = max_of(floor_ms, max_of(d->last_seen_ms, d->enrolled_ms));
	return stamp_make(a->version, a->epoch, c->r->now_ms, floor_ms);
}

static int issue(struct policy_context *c, const struct policy_fetch *f, struct answer *a,
		 struct error *err)
{
	a->made_ms = c->r->now_ms;
	a->stamp_ms = issue_time(c, a);
	a->serial = answers_serial(c->r->server->chrome->answers);
	write_data(a);
	int r = sign_items(a, f, err);
	if (r == 0)
		answers_note_issued(c->r->server->chrome->answers, a->device_id, a->stamp_ms);
	return r;
}

/* ---- an answer that is kept ---- */

static bool same_data(const struct answer *a, const struct answer *b)
{
	bool same = a->n == b->n && a->key == b->key;
	for (size_t i = 0; i < a->n && same; i++)
		same = span_eq(a->items[i].data, b->items[i].data);
	return same;
}

/* Nothing changed that is in the bytes: the old signature is as good as a new one. */
static bool still_right(struct policy_context *c, struct answer *old, struct answer *fresh)
{
	if (!is_fresh(c, old) || !policy_same_state(c, old))
		return false;
	fresh->stamp_ms = old->stamp_ms;
	fresh->serial = old->serial;
	write_data(fresh);
	return same_data(old, fresh);
}

/* The same once more with a new signature. */
static int again(struct policy_context *c, const struct policy_fetch *f, const struct answer *old,
		 struct answer *fresh, struct error *err)
{
	copy_values(old, fresh);
	policy_facts_copy(&old->facts, &fresh->arena, &fresh->facts);
	fresh->generation = old->generation;
	fresh->device_id = old->device_id;
	fresh->enrolled_ms = old->enrolled_ms;
	fresh->version = old->version;
	fresh->epoch = old->epoch;
	fresh->key = old->key;
	return issue(c, f, fresh, err);
}

static int prepare(struct policy_context *c, const struct policy_type *t,
		   const struct policy_fetch *f, struct answer *old, struct answer *a,
		   struct error *err)
{
	int r = policy_gather(c, old, err);
	if (r == 0 && SIGNED(f))
		r = chrome_key_get(c->r->server, c->device.org_id, KEY_POLICY, 0, &a->key, err);
	if (r == ERR_NOT_FOUND)
		return error_set(err, ERR_UNAVAILABLE, "The signing key is still being made.");
	if (r)
		return r;
	a->generation = c->generation;
	a->device_id = c->device.id;
	a->enrolled_ms = c->device.enrolled_ms;
	a->version = c->version;
	a->epoch = c->epoch;
	policy_facts_copy(&c->facts, &a->arena, &a->facts);
	if (old && policy_same_state(c, old))
		copy_values(old, a);
	else
		r = build(c, t, f, a, err);
	return r;
}

/* *ret: a reference, to 'fresh' or to 'old'. */
static int choose(struct policy_context *c, const struct policy_type *t,
		  const struct policy_fetch *f, struct answer *old, struct answer *fresh,
		  struct answer **ret, struct error *err)
{
	*ret = fresh;
	if (old && old->generation == c->generation && old->error_code == 0)
		return again(c, f, old, fresh, err);
	int r = prepare(c, t, f, old, fresh, err);
	if (r == 0 && old && still_right(c, old, fresh)) {
		old->generation = c->generation;
		*ret = old;
		return 0;
	}
	return r ? r : issue(c, f, fresh, err);
}

int policy_answer(struct policy_context *c, const struct policy_type *t,
		  const struct policy_fetch *f, struct answer **ret, struct error *err)
{
	struct chrome_answers *kept = c->r->server->chrome->answers;
	struct span key = key_of(c, t, f);
	CLEANUP(answer_unrefp) struct answer *old = t->by_request ? NULL : answers_get(kept, key);
	if (old && old->generation == c->generation && is_fresh(c, old)) {
		*ret = TAKE(old);
		return 0;
	}
	CLEANUP(answer_unrefp) struct answer *fresh = answer_new();
	struct answer *chosen;
	int r = choose(c, t, f, old, fresh, &chosen, err);
	if (r)
		return r;
	if (chosen == fresh && !t->by_request)
		answers_put(kept, key, fresh);
	*ret = chosen == fresh ? TAKE(fresh) : TAKE(old);
	return 0;
}
