/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing credentials out. The store keeps only the hash of a device's token, so each hand-over makes a new
 * one; it ends the one before.
 *
 *     new token, durable --> what was retained for the device is erased at the broker (session)
 *       --> account and rights are in force there (broker) --> the answer goes out
 *
 * So a device that is told its password can log in with it, and can read nothing of an earlier life.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/session.h"

#include "base/crypto.h"
#include "base/log.h"
#include <stdlib.h>

struct giving { /* heap: it outlives what the request's threads do */
	struct store_write write;
	struct flyve_handover *h;
	struct server *server;
	char token[TOKEN_TEXT_SIZE];
	uint8_t hash[SHA256_SIZE];
};

static void finish(struct giving *g)
{
	http_resume(g->h->req);
	secret_erase(g->token, sizeof g->token);
	free(g);
}

static void fail(struct giving *g, int r, const struct error *err)
{
	g->h->refuse(g->h->req, r, err);
	finish(g);
}

static void answer(struct giving *g)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf password;
	struct broker_account account;
	struct store_conn *c = store_reader(g->server->store);
	struct error err;
	arena_init(&a);
	buf_init(&password, 65536);
	int r = flyve_broker_source.account(c, &g->h->device, &a, &account, &err);
	if (r == 0)
		r = broker_password(g->server->broker, &account, g->token, flyve_now(), &password,
				    &err);
	if (r) {
		fail(g, r, &err);
		return;
	}
	g->h->password = buf_str(&password);
	g->h->token = g->token;
	g->h->answer(g->h);
	finish(g);
}

static void on_in_force(void *user, bool in_force)
{
	struct giving *g = user;
	struct error err;
	if (in_force)
		answer(g);
	else
		fail(g, error_set(&err, ERR_UNAVAILABLE, "the MQTT broker does not answer"), &err);
}

static void on_clean(void *user, bool clean)
{
	struct giving *g = user;
	struct error err;
	if (clean)
		broker_when_in_force(g->server->broker, on_in_force, g);
	else
		fail(g, error_set(&err, ERR_UNAVAILABLE, "the MQTT broker does not answer"), &err);
}

static int apply(struct store_conn *tx, struct store_write *w)
{
	struct giving *g = CONTAINER_OF(w, struct giving, write);
	struct flyve_handover *h = g->h;
	struct arena *a = http_arena(h->req);
	int r = h->enroll ? h->enroll(tx, h, &w->err) : 0;
	if (r == 0)
		r = store_flyve_credentials(tx, h->device_id,
					    (struct span){ g->hash, sizeof g->hash }, &w->err);
	if (r == 0)
		r = store_device_get(tx, h->device_id, a, &h->device, &w->err);
	if (r == 0 && h->device.unenrolled_ms)
		r = error_set(&w->err, ERR_GONE, "the device is no longer managed");
	return r ? r : flyve_agent_of(tx, h->device_id, a, &h->agent);
}

static void done(struct store_write *w, int r)
{
	struct giving *g = CONTAINER_OF(w, struct giving, write);
	if (r) {
		fail(g, r, &w->err);
		return;
	}
	broker_refresh(g->server->broker, g->h->device_id);
	flyve_when_clean(g->server->flyve, g->h->device_id, on_clean, g);
}

void flyve_hand_over(struct flyve_handover *h)
{
	struct giving *g = calloc(1, sizeof *g);
	struct error err;
	if (!g)
		abort();
	g->h = h;
	g->server = server_of(h->req);
	if (!g->server->flyve) {
		h->refuse(h->req, error_set(&err, ERR_UNAVAILABLE, "MQTT service is not available"),
			  &err);
		free(g);
		return;
	}
	g->write = (struct store_write){ .apply = apply, .done = done };
	rand_token(g->token);
	sha256(span_str(g->token), g->hash);
	http_defer(h->req);
	store_submit(g->server->store, &g->write);
}
