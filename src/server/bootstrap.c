/* SPDX-License-Identifier: Apache-2.0
 *
 * The first start, see bootstrap.h.
 */
#include "server/bootstrap.h"

#include "server/jobs.h"
#include "server/keys.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>

#define ORGANIZATION "default"
#define TOKEN_NAME   "admin"
#define ACTOR        "reeved"

static int write_secret(const struct server *s, const char *name, const char *secret,
			struct error *err)
{
	const struct config *c = s->config;
	CLEANUP(free_charp) char *path = NULL, *line = NULL;
	if (asprintf(&path, "%s/%s", c->data, name) < 0 || asprintf(&line, "%s\n", secret) < 0)
		abort();
	int r = file_write_atomic(path, span_str(line), 0600);
	secret_erase(line, strlen(line));
	return r ? error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(-r)) : 0;
}

/* ---- before ready ---- */

struct fill {
	struct store_write write;
	struct arena arena;
	uint8_t hash[SHA256_SIZE]; /* of the token */
	bool reset;                /* revoke what there is of its name */
};

static int revoke_old(struct store_conn *tx, struct fill *x, const struct change *by,
		      struct error *err)
{
	struct api_token *tokens = NULL;
	size_t n = 0;
	int r = store_api_token_list(tx, &x->arena, &tokens, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (strcmp(tokens[i].name, TOKEN_NAME) == 0 && tokens[i].revoked_ms == 0)
			r = store_api_token_revoke(tx, by, tokens[i].id, err);
	return r;
}

static int fill_apply(struct store_conn *tx, struct store_write *w)
{
	struct fill *x = CONTAINER_OF(w, struct fill, write);
	struct change by = { ACTOR, clock_utc_ms() };
	struct organization org;
	struct api_token token = { .name = TOKEN_NAME,
				   .token_hash = { x->hash, sizeof x->hash },
				   .scopes = "*",
				   .created_ms = by.now_ms,
				   .actor = ACTOR };
	int r = x->reset ? revoke_old(tx, x, &by, &w->err)
			 : store_organization_create(tx, &by, ORGANIZATION, "", &x->arena, &org,
						     &w->err);
	return r ? r : store_api_token_create(tx, &by, &token, &w->err);
}

static int make_token(struct server *s, bool reset, struct error *err)
{
	struct fill x = { .write.apply = fill_apply, .reset = reset };
	char token[TOKEN_TEXT_SIZE];
	rand_token(token);
	sha256(span_str(token), x.hash);
	int r = write_secret(s, "admin.token", token, err);
	secret_erase(token, sizeof token);
	if (r)
		return r;
	arena_init(&x.arena);
	r = store_write_wait(s->store, &x.write);
	arena_fini(&x.arena);
	if (r > 0)
		*err = x.write.err;
	return r;
}

int bootstrap_store(struct server *s, struct error *err)
{
	struct arena a;
	struct organization *orgs = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = store_organization_list(store_reader(s->store), &a, &orgs, &n);
	arena_fini(&a);
	if (r != 0 || n > 0)
		return r;
	return make_token(s, false, err);
}

int bootstrap_reset_token(struct server *s, struct error *err)
{
	return make_token(s, true, err);
}

/* ---- after ready ---- */

struct first_administrator {
	struct store_write write;
	char password[128]; /* hashed */
};

static int administrator_apply(struct store_conn *tx, struct store_write *w)
{
	struct first_administrator *x = CONTAINER_OF(w, struct first_administrator, write);
	struct change by = { ACTOR, clock_utc_ms() };
	struct administrator m = {
		.name = "admin", .password = x->password, .scopes = "*", .created_ms = by.now_ms
	};
	return store_administrator_create(tx, &by, &m, &w->err);
}

static int count_administrators(struct server *s, size_t *ret)
{
	struct arena a;
	struct administrator *list = NULL;
	arena_init(&a);
	int r = store_administrator_list(store_reader(s->store), &a, &list, ret);
	arena_fini(&a);
	return r;
}

static int make_administrator(struct server *s, struct error *err)
{
	size_t n = 0;
	int r = count_administrators(s, &n);
	if (r != 0 || n > 0)
		return r;
	struct first_administrator x = { .write.apply = administrator_apply };
	char password[TOKEN_TEXT_SIZE];
	rand_token(password);
	password[20] = '\0'; /* 120 bits, and still to be typed by hand */
	r = password_hash(password, x.password);
	if (r == 0)
		r = write_secret(s, "admin.password", password, err);
	secret_erase(password, sizeof password);
	if (r == 0)
		r = store_write_wait(s->store, &x.write);
	if (r > 0 && x.write.err.code != ERR_NONE)
		*err = x.write.err;
	return r;
}

static int started_apply(struct store_conn *tx, struct store_write *w)
{
	(void)w;
	struct event e = { .at_ms = clock_utc_ms(),
			   .type = event_type_name(EVENT_SERVER_STARTED),
			   .actor = ACTOR,
			   .object = REEVE_VERSION };
	return store_event_append(tx, &e);
}

static void run_later(void *server)
{
	struct server *s = server;
	struct error err = { 0 };
	struct store_write started = { .apply = started_apply };
	int r = store_write_wait(s->store, &started);
	if (r)
		log_error("the start could not be recorded", F_INT("error", r));
	r = make_administrator(s, &err);
	if (r)
		log_error("the first administrator could not be made", F_INT("error", r),
			  F_STR("why", err.message));
	r = keyring_ensure(s->keys, s->store, clock_utc_ms());
	if (r != 0 && r != -ECANCELED)
		log_error("signing keys could not be made", F_INT("error", r));
}

void bootstrap_later(struct server *s)
{
	struct error err;
	if (jobs_submit(s->jobs, run_later, s, &err) != 0)
		log_error("the first start is not complete", F_STR("why", err.message));
}

bool bootstrap_done(const struct server *s)
{
	return keyring_ready(s->keys); /* the last of its steps */
}
