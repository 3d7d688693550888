/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of the Chrome channel, see chrome.h.
 *
 * Buckets. Clients ask for the hashes whose last p bits are such and such. The last 32 bits are kept in reverse
 * order, so that hashes with the same last p bits are neighbours, whatever p is: one range of an index.
 */
#include "store/chrome.h"

#include "base/crypto.h"
#include "store/verbs.h"

#define BUCKET_BITS 32

/* ---- tokens ---- */

int store_device_token_find(struct store_conn *c, struct span token_hash, struct arena *a,
			    int64_t *ret_device_id, int64_t *ret_retired_ms)
{
	struct device_token t;
	int r = row_get(c, TABLE_device_token, &(struct device_token){ .token_hash = token_hash },
			a, &t);
	if (r)
		return r;
	*ret_device_id = t.device_id;
	*ret_retired_ms = t.retired_ms;
	return 0;
}

/* Oldest first. */
static int list_tokens(struct store_conn *c, int64_t device_id, struct arena *a,
		       struct device_token **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_device_token,
			  .index = INDEX_OF(device_token, by_device),
			  .n_equal = 1,
			  .key = &(struct device_token){ .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

/* The token that makes room: the oldest that is over, else the oldest. */
static const struct device_token *expendable(const struct device_token *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tokens[i].retired_ms)
			return &tokens[i];
	return &tokens[0];
}

/* The device's present token becomes a row. */
static int keep_token(struct store_conn *tx, const struct device *d, int64_t now_ms,
		      int64_t retired_ms, struct arena *a)
{
	struct device_token *tokens, t = { .token_hash = d->token_hash,
					   .device_id = d->id,
					   .created_ms = now_ms,
					   .retired_ms = retired_ms };
	size_t n = 0;
	if (d->token_hash.n == 0)
		return 0;
	int r = list_tokens(tx, d->id, a, &tokens, &n);
	if (r == 0 && n >= DEVICE_TOKENS_MAX)
		r = row_delete(tx, TABLE_device_token, expendable(tokens, n));
	return r ? r : row_put(tx, TABLE_device_token, &t);
}

static int retire_tokens(struct store_conn *tx, int64_t device_id, int64_t now_ms, struct arena *a)
{
	struct device_token *tokens;
	size_t n = 0;
	int r = list_tokens(tx, device_id, a, &tokens, &n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (tokens[i].retired_ms)
			continue;
		tokens[i].retired_ms = now_ms;
		r = row_update(tx, TABLE_device_token, COLUMN_BIT(device_token, retired_ms),
			       &tokens[i]);
	}
	return r;
}

/* ---- registrations ---- */

static const char *text_or(struct arena *a, const char *text, const char *otherwise)
{
	return text && *text ? arena_strdup(a, text) : otherwise;
}

int store_registration_add(struct store_conn *tx, const struct change *by, int64_t id,
			   const struct enrollment *e, struct arena *a, struct device *ret,
			   struct error *err)
{
	struct device d;
	int r = store_device_get(tx, id, a, &d, err);
	if (r == 0)
		r = keep_token(tx, &d, by->now_ms, 0, a);
	if (r)
		return r;
	d.token_hash = arena_dup(a, e->token_hash);
	d.serial = text_or(a, e->serial, d.serial);
	d.model = text_or(a, e->model, d.model);
	d.os_version = text_or(a, e->os_version, d.os_version);
	d.agent_version = text_or(a, e->agent_version, d.agent_version);
	d.revision++;
	r = row_update(tx, TABLE_device,
		       COLUMN_BIT(device, token_hash) | COLUMN_BIT(device, serial) |
			       COLUMN_BIT(device, model) | COLUMN_BIT(device, os_version) |
			       COLUMN_BIT(device, agent_version) | COLUMN_BIT(device, revision),
		       &d);
	if (r)
		return r;
	*ret = d;
	return event_add(tx, by,
			 &(struct event_new){ .type = EVENT_DEVICE_ENROLLED,
					      .org_id = d.org_id,
					      .fleet_id = d.fleet_id,
					      .device_id = d.id,
					      .object = d.name,
					      .after = record_json(TABLE_device, &d) });
}

int store_registration_renew(struct store_conn *tx, const struct change *by, int64_t id,
			     const struct enrollment *e, struct arena *a, struct device *ret,
			     struct error *err)
{
	struct device d;
	int r = store_device_get(tx, id, a, &d, err);
	if (r == 0)
		r = retire_tokens(tx, id, by->now_ms, a);
	if (r == 0)
		r = keep_token(tx, &d, by->now_ms, by->now_ms, a);
	if (r == 0)
		r = store_device_reenroll(tx, by, id, e, a, ret, err);
	if (r) /* the new token may be one that it had */
		return r;
	r = row_delete(tx, TABLE_device_token,
		       &(struct device_token){ .token_hash = e->token_hash });
	return r == ROW_NOT_FOUND ? 0 : r;
}

/* The newest of those that are good. */
static const struct device_token *another(const struct device_token *tokens, size_t n,
					  struct span but)
{
	for (size_t i = n; i > 0; i--)
		if (!tokens[i - 1].retired_ms && !span_eq(tokens[i - 1].token_hash, but))
			return &tokens[i - 1];
	return NULL;
}

static int replace_latest(struct store_conn *tx, struct device *d, const struct device_token *next)
{
	int r = row_delete(tx, TABLE_device_token, next);
	d->token_hash = next->token_hash;
	d->revision++;
	return r ? r
		 : row_update(tx, TABLE_device,
			      COLUMN_BIT(device, token_hash) | COLUMN_BIT(device, revision), d);
}

int store_registration_end(struct store_conn *tx, const struct change *by, int64_t id,
			   struct span token_hash, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct device_token *tokens;
	size_t n = 0;
	arena_init(&a);
	int r = store_device_get(tx, id, &a, &d, err);
	if (r == 0)
		r = list_tokens(tx, id, &a, &tokens, &n);
	if (r)
		return r;
	bool latest = span_eq(d.token_hash, token_hash);
	const struct device_token *next = another(tokens, n, token_hash);
	if (latest && !next)
		return store_device_unenroll(tx, by, id, err);
	struct device_token over = { .token_hash = token_hash,
				     .device_id = id,
				     .created_ms = by->now_ms,
				     .retired_ms = by->now_ms };
	if (latest)
		r = replace_latest(tx, &d, next);
	return r ? r : row_put(tx, TABLE_device_token, &over);
}

int store_chrome_unenrolled(struct store_conn *c, int64_t org_id, const char *kind,
			    const char *serial, struct arena *a, struct device *ret,
			    struct error *err)
{
	struct scan s = { .table = TABLE_device,
			  .index = INDEX_OF(device, by_serial),
			  .n_equal = 2,
			  .key = &(struct device){ .org_id = org_id, .serial = serial } };
	void *rows = NULL;
	size_t n = 0;
	int r = *serial ? list_rows(c, &s, a, &rows, &n) : 0;
	const struct device *all = rows;
	for (size_t i = n; i > 0 && r == 0; i--)
		if (all[i - 1].unenrolled_ms && strcmp(all[i - 1].kind, kind) == 0 &&
		    strcmp(all[i - 1].channel, channel_name(CHANNEL_CHROME)) == 0) {
			*ret = all[i - 1];
			return 0;
		}
	return r ? r : error_set(err, ERR_NOT_FOUND, "no such device was unenrolled");
}

/* ---- state keys ---- */

static uint32_t reversed(uint32_t x)
{
	uint32_t y = 0;
	for (int i = 0; i < BUCKET_BITS; i++, x >>= 1)
		y = y << 1 | (x & 1);
	return y;
}

static int64_t bucket_of(struct span hash)
{
	struct span tail = { hash.p + hash.n - 4, 4 };
	uint32_t last = 0;
	(void)span_get_be32(&tail, &last);
	return reversed(last);
}

static int list_keys(struct store_conn *c, int64_t device_id, struct arena *a,
		     struct state_key **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_state_key,
			  .index = INDEX_OF(state_key, by_device),
			  .n_equal = 1,
			  .key = &(struct state_key){ .device_id = device_id } };
	void *rows = NULL;
	int r = list_rows(c, &s, a, &rows, ret_n);
	*ret = rows;
	return r;
}

static bool is_among(const struct state_key *keys, size_t n, struct span hash)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(keys[i].hash, hash))
			return true;
	return false;
}

static bool is_named(const struct span *hashes, size_t n, struct span hash)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(hashes[i], hash))
			return true;
	return false;
}

int store_state_keys_put(struct store_conn *tx, int64_t device_id, size_t n,
			 const struct span *hashes, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct state_key *old;
	size_t n_old = 0;
	arena_init(&a);
	if (n > STATE_KEYS_MAX)
		return error_set(err, ERR_TOO_LARGE, "a device has at most %d state keys",
				 STATE_KEYS_MAX);
	int r = list_keys(tx, device_id, &a, &old, &n_old);
	for (size_t i = 0; i < n_old && r == 0; i++)
		if (!is_named(hashes, n, old[i].hash))
			r = row_delete(tx, TABLE_state_key, &old[i]);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct state_key k = { .hash = hashes[i],
				       .bucket = bucket_of(hashes[i]),
				       .device_id = device_id };
		if (!is_among(old, n_old, hashes[i]))
			r = row_put(tx, TABLE_state_key, &k);
	}
	return r;
}

int store_state_key_find(struct store_conn *c, struct span hash, struct arena *a,
			 struct device *ret, struct error *err)
{
	struct state_key k;
	int r = row_get(c, TABLE_state_key, &(struct state_key){ .hash = hash }, a, &k);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "no device has this state key");
	return r ? r : store_device_get(c, k.device_id, a, ret, err);
}

struct bucket {
	struct arena *a;
	struct span *hashes;
	size_t n, max;
	uint64_t start, end; /* the range */
	uint64_t last;       /* place of the last one taken */
	bool more;
};

static int bucket_take(void *user, const void *record)
{
	struct bucket *b = user;
	const struct state_key *k = record;
	uint64_t place = (uint64_t)k->bucket;
	if (place >= b->end)
		return ROW_STOP;
	if (b->n == b->max) {
		b->more = true;
		return ROW_STOP;
	}
	b->last = place;
	b->hashes[b->n++] = arena_dup(b->a, k->hash);
	return 0;
}

int store_state_key_bucket(struct store_conn *c, unsigned power, uint64_t remainder, size_t max,
			   struct arena *a, struct span **ret, size_t *ret_n, uint64_t *ret_width)
{
	uint64_t start = reversed((uint32_t)remainder);
	struct bucket b = { .a = a,
			    .hashes = arena_new_n(a, struct span, max),
			    .max = max,
			    .start = start,
			    .end = start + (UINT64_C(1) << (BUCKET_BITS - power)) };
	struct scan s = { .table = TABLE_state_key,
			  .index = INDEX_OF(state_key, by_bucket),
			  .has_after = true,
			  .after = (int64_t)start - 1,
			  .limit = max + 1 };
	int r = row_scan(c, &s, bucket_take, &b);
	*ret = b.hashes;
	*ret_n = b.n;
	*ret_width = b.more ? b.last - b.start + 1 : 0;
	return r == ROW_STOP ? 0 : r;
}

/* ---- pairings ---- */

int store_pairing_put(struct store_conn *tx, int64_t host_id, int64_t controller_id, int64_t now_ms)
{
	return row_put(tx, TABLE_pairing,
		       &(struct pairing){ .host_id = host_id,
					  .controller_id = controller_id,
					  .created_ms = now_ms });
}

int store_pairing_get(struct store_conn *c, int64_t host_id, int64_t controller_id, bool *ret)
{
	CLEANUP(arena_fini) struct arena a;
	struct pairing p, key = { .host_id = host_id, .controller_id = controller_id };
	arena_init(&a);
	int r = row_get(c, TABLE_pairing, &key, &a, &p);
	*ret = r == 0;
	return r == ROW_NOT_FOUND ? 0 : r;
}
