/* SPDX-License-Identifier: Apache-2.0
 *
 * One command to every device that matches a filter.
 *
 * A job walks the devices by id and hands the writer batches, so that other writes are never held
 * up for long; the answer grows in spools. A device that cannot run the command is listed as
 * refused and holds nobody up. The batches are not one transaction: when one of them fails the
 * request fails, and with an Idempotency-Key it can be sent again. Every command carries a key
 * made from that one, so a device that has its command already does not get a second one.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "server/api/commands.h"
#include "server/api/spool.h"
#include "server/request-hash.h"
#include <errno.h>
#include <string.h>

#define BATCH_MAX 500

static const struct field command_refused_fields[] = {
	FIELD_OF("device", AS_INT, 0, NULL),
	FIELD_OF("detail", AS_TEXT, 0, "Why"),
	{ 0 },
};
const struct schema command_refused_schema = { .name = "CommandRefused",
					       .fields = command_refused_fields };

static const struct field command_bulk_fields[] = {
	FIELD_REF("items", AS_ARRAY, 0, "Command", NULL),
	FIELD_REF("refused", AS_ARRAY, 0, "CommandRefused", "Devices that cannot run it"),
	{ 0 },
};
const struct schema command_bulk_schema = { .name = "CommandsSent", .fields = command_bulk_fields };

struct bulk {
	struct server *server;
	int64_t org_id;
	const struct filter *filter;
	struct command_new new;
	struct change by;
	struct idempotency kept; /* key "": the request has none */
	struct spool *items, *refused;
	size_t n_items, n_refused;
	int64_t after_id; /* devices up to this one are done */
};

struct batch_device {
	int64_t id;
	const char *name, *channel;
	struct command command; /* id 0: refused */
	struct error err;
};
struct batch {
	struct store_write write;
	struct bulk *bulk;
	struct arena arena;
	struct batch_device devices[BATCH_MAX];
	size_t n;
};

/* ---- one batch ---- */

static int take_device(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct batch *b = user;
	b->devices[b->n++] =
		(struct batch_device){ .id = d->id,
				       .name = arena_strdup(&b->arena, d->name),
				       .channel = arena_strdup(&b->arena, d->channel) };
	return b->n == BATCH_MAX;
}

static int apply_batch(struct store_conn *tx, struct store_write *w)
{
	struct batch *b = CONTAINER_OF(w, struct batch, write);
	int r = *b->bulk->kept.key ? store_idempotency_put(tx, &b->bulk->kept) : 0;
	for (size_t i = 0; r >= 0 && i < b->n; i++) {
		struct batch_device *d = &b->devices[i];
		struct command_new new = b->bulk->new;
		new.device_id = d->id;
		d->command = (struct command){ 0 };
		r = store_command_create(tx, &b->bulk->by, &new, &b->arena, &d->command, &d->err);
		if (r == ERR_INVALID) { /* the parameters: wrong for every device */
			w->err = d->err;
			return r;
		}
		if (r > 0)
			d->command.id = 0;
	}
	return r < 0 ? r : 0;
}

static void add_json(struct spool *spool, size_t *n, json_t *steals_row)
{
	CLEANUP(free_charp) char *text = json_text(steals_row);
	if ((*n)++ > 0)
		spool_add(spool, span_str(","));
	spool_add(spool, span_str(text));
	json_decref(steals_row);
}

static void batch_report(struct batch *b)
{
	struct bulk *bulk = b->bulk;
	for (size_t i = 0; i < b->n; i++) {
		const struct batch_device *d = &b->devices[i];
		if (d->command.id)
			add_json(bulk->items, &bulk->n_items,
				 command_to_json(&d->command,
						 &(struct device){ .name = d->name,
								   .channel = d->channel }));
		else
			add_json(bulk->refused, &bulk->n_refused,
				 json_pack("{s:I, s:s}", "device", (json_int_t)d->id, "detail",
					   d->err.message));
	}
}

/* *ret_more: the batch was full. */
static int run_batch(struct batch *b, struct store_conn *c, bool *ret_more, struct error *err)
{
	struct bulk *bulk = b->bulk;
	b->n = 0;
	int r = store_device_list(c, bulk->org_id, bulk->filter, bulk->after_id, BATCH_MAX,
				  take_device, b);
	if (r != 0 || b->n == 0) {
		*ret_more = false;
		return r;
	}
	b->write = (struct store_write){ .apply = apply_batch };
	r = store_write_wait(bulk->server->store, &b->write);
	if (r != 0) {
		*err = b->write.err;
		return r;
	}
	batch_report(b);
	bulk->after_id = b->devices[b->n - 1].id;
	*ret_more = b->n == BATCH_MAX;
	return 0;
}

static int run_batches(struct http_request *req, struct bulk *bulk, struct error *err)
{
	struct batch *b = malloc(sizeof *b);
	if (!b)
		return -ENOMEM;
	int r = 0;
	for (bool more = true; r == 0 && more;) {
		b->bulk = bulk;
		arena_init(&b->arena);
		r = run_batch(b, api_conn(req), &more, err);
		arena_fini(&b->arena);
	}
	free(b);
	return r;
}

/* ---- the whole ---- */

/* A key that was used for another request is refused; the same request goes through its devices
 * again, each of which has its command already. */
static int check_kept(struct http_request *req, const struct bulk *bulk, struct error *err)
{
	struct idempotency kept;
	struct error ignored;
	if (!*bulk->kept.key)
		return 0;
	int r = store_idempotency_get(api_conn(req), bulk->kept.actor, bulk->kept.key,
				      http_arena(req), &kept, &ignored);
	if (r == ERR_NOT_FOUND)
		return 0;
	return r ? r : request_hash_check(bulk->kept.request_hash.p, kept.request_hash, err);
}

static int send_later(struct http_request *req, void *arg, struct error *err)
{
	struct bulk *bulk = arg;
	CLEANUP(spool_freep) struct spool *items = NULL;
	CLEANUP(spool_freep) struct spool *refused = NULL;
	int r = check_kept(req, bulk, err);
	if (r == 0)
		r = spool_new(bulk->server->config->data, &items);
	if (r == 0)
		r = spool_new(bulk->server->config->data, &refused);
	if (r != 0)
		return r;
	bulk->items = items;
	bulk->refused = refused;
	spool_add(items, span_str("{\"items\":["));
	r = run_batches(req, bulk, err);
	if (r != 0)
		return r;
	spool_add(items, span_str("],\"refused\":["));
	spool_add_spool(items, refused);
	spool_add(items, span_str("]}"));
	return spool_reply(items, req, 201, "application/json");
}

/* What the request and its commands are remembered by. */
static int read_key(struct http_request *req, struct bulk *bulk, struct error *err)
{
	struct arena *a = http_arena(req);
	const char *key = http_header(req, "Idempotency-Key"), *org = http_query(req, "org");
	uint8_t *hash = arena_alloc(a, REQUEST_HASH_SIZE);
	char hex[2 * REQUEST_HASH_SIZE + 1];
	bulk->kept = (struct idempotency){ .key = "" };
	if (!key || !*key)
		return 0;
	if (strlen(key) > 200)
		return error_set(err, ERR_INVALID, "the Idempotency-Key is longer than 200 bytes");
	struct span body = http_body(req);
	const char *text = arena_printf(a, "bulk\n%s\n%s\n%s\n%.*s", bulk->by.actor, key,
					org ? org : "", (int)body.n, (const char *)body.p);
	request_hash(bulk->server->hash_secret, span_str(text), hash);
	bulk->kept = (struct idempotency){ .actor = bulk->by.actor,
					   .key = arena_strdup(a, key),
					   .request_hash = { hash, REQUEST_HASH_SIZE },
					   .status = 201,
					   .body_json = "",
					   .created_ms = bulk->by.now_ms };
	hex_encode((struct span){ hash, REQUEST_HASH_SIZE }, hex);
	bulk->new.idempotency_key = arena_printf(a, "bulk:%s", hex);
	return 0;
}

int command_send_to_all(struct http_request *req, const struct command_new *new, const char *filter,
			struct error *err)
{
	struct bulk *bulk = arena_new(http_arena(req), struct bulk);
	struct organization org = { 0 };
	int r = api_org(req, api_conn(req), &org, err);
	if (r == 0)
		r = device_filter(req, api_conn(req), org.id, filter, &bulk->filter, err);
	if (r != 0)
		return r;
	bulk->server = server_of(req);
	bulk->org_id = org.id;
	bulk->new = *new;
	bulk->by = (struct change){ principal_of(req)->actor, clock_utc_ms() };
	r = read_key(req, bulk, err);
	if (r == 0)
		api_later(req, LATER_WORK, send_later, bulk);
	return r;
}
