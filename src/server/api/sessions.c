/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of administrators: log in, look, log out.
 *
 * A log-in costs the same time whether the name exists, is disabled, or the password is wrong: the
 * hash is computed in every case, and one sentence answers all of them. It runs on a job of its own
 * lane, so that scrypt never holds an HTTP worker; how often somebody may try is bounded by address
 * and by name before that. The cookie's value is stored only as a hash.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "server/api/attempts.h"
#include "server/api/nouns.h"
#include "server/api/state.h"
#include "server/throttle.h"
#include <string.h>

#define SESSION_LIFE_MS (12 * 3600 * 1000)

static const struct field session_new_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("password", AS_TEXT, FIELD_NEEDED, NULL),
	{ 0 },
};
const struct schema session_new_schema = { .name = "SessionNew",
					   .fields = session_new_fields,
					   .request = true };

struct session_view {
	const char *csrf_token, *administrator, *scopes;
	int64_t expires_ms;
};

static const struct field session_fields[] = {
	FIELD_AT(struct session_view, csrf_token, "csrf_token", AS_TEXT, 0,
		 "To be sent as X-CSRF-Token with every write"),
	FIELD_AT(struct session_view, administrator, "administrator", AS_TEXT, 0, "Name"),
	FIELD_AT(struct session_view, scopes, "scopes", AS_WORDS, 0, NULL),
	FIELD_AT(struct session_view, expires_ms, "expires", AS_TIME, 0, NULL),
	{ 0 },
};
const struct schema session_schema = { .name = "Session", .fields = session_fields };

static void set_cookie(struct http_request *req, const char *value, int64_t life_ms)
{
	bool tls = http_server_tls(server_of(req)->http);
	http_reply_header(req, "Set-Cookie",
			  arena_printf(http_arena(req),
				       "reeve_session=%s; HttpOnly; SameSite=Strict; Path=/; "
				       "Max-Age=%lld%s",
				       value, (long long)(life_ms / 1000), tls ? "; Secure" : ""));
}

/* ---- logging in ---- */

struct login {
	const char *name, *password;
	const char *name_key, *peer_key; /* in the attempts */
	struct change by;
	/* made */
	struct administrator who;
	struct session session;
	uint8_t token_hash[SHA256_SIZE];
	char token[TOKEN_TEXT_SIZE], csrf[TOKEN_TEXT_SIZE];
	struct event refused;
	struct store_write write;
};

static int apply_refused(struct store_conn *tx, struct store_write *w)
{
	struct login *l = CONTAINER_OF(w, struct login, write);
	return store_event_append(tx, &l->refused);
}

/* Log-ins that fail are bounded, so their events are, too. */
static int refuse(struct http_request *req, struct login *l, struct error *err)
{
	AUTO_JSON after = json_pack("{s:s}", "peer", http_peer(req));
	CLEANUP(free_charp) char *text = json_text(after);
	l->refused = (struct event){ .at_ms = l->by.now_ms,
				     .type = event_type_name(EVENT_SESSION_REFUSED),
				     .actor = "reeved",
				     .object = l->name,
				     .after_json = text };
	l->write = (struct store_write){ .apply = apply_refused };
	int r = store_write_wait(server_of(req)->store, &l->write);
	if (r != 0) {
		*err = l->write.err;
		return r;
	}
	return error_set(err, ERR_UNAUTHENTICATED, "the name or the password is wrong");
}

static int apply_session(struct store_conn *tx, struct store_write *w)
{
	struct login *l = CONTAINER_OF(w, struct login, write);
	return store_session_create(tx, &l->by, &l->session, &w->err);
}

static int session_make(struct http_request *req, struct login *l, struct error *err)
{
	rand_token(l->token);
	rand_token(l->csrf);
	sha256(span_str(l->token), l->token_hash);
	l->by.actor = arena_printf(http_arena(req), "admin:%s", l->who.name);
	l->session = (struct session){ .token_hash = { l->token_hash, sizeof l->token_hash },
				       .administrator_id = l->who.id,
				       .csrf_token = l->csrf,
				       .created_ms = l->by.now_ms,
				       .expires_ms = l->by.now_ms + SESSION_LIFE_MS };
	l->write = (struct store_write){ .apply = apply_session };
	int r = store_write_wait(server_of(req)->store, &l->write);
	if (r != 0)
		*err = l->write.err;
	return r;
}

/* A well-formed hash of a random password that nobody knows. */
static const char nobody[] = "$scrypt$ln=15,r=8,p=1$q+RhNyHIsQpLr77gHSKmiw$"
			     "TbUoj6KGqPWk+4mN9rZ4OoNuq2Yrm/L/52+eqU0Ra2Q";

static int login_later(struct http_request *req, void *arg, struct error *err)
{
	struct login *l = arg;
	int r = store_administrator_by_name(api_conn(req), l->name, http_arena(req), &l->who, err);
	if (r != 0 && r != ERR_NOT_FOUND)
		return r;
	bool known = r == 0 && l->who.disabled_ms == 0;
	bool right = password_verify(l->password, known ? l->who.password : nobody);
	if (!known || !right)
		return refuse(req, l, err);
	r = session_make(req, l, err);
	if (r != 0)
		return r;
	attempts_forgive(api_of(req)->attempts, l->name_key);
	attempts_forgive(api_of(req)->attempts, l->peer_key);
	throttle_success(server_of(req)->throttle, http_peer(req));
	set_cookie(req, l->token, SESSION_LIFE_MS);
	const struct session_view v = { l->csrf, l->who.name, l->who.scopes,
					l->session.expires_ms };
	http_reply_json(req, 201, fields_to_json(session_fields, &v));
	secret_erase(l->token, sizeof l->token);
	return 0;
}

static int too_often(struct http_request *req, int64_t wait_s, struct error *err)
{
	http_reply_header(req, "Retry-After",
			  arena_printf(http_arena(req), "%lld", (long long)wait_s));
	return error_set(err, ERR_RATE_LIMITED, "too many log-ins; wait %lld seconds",
			 (long long)wait_s);
}

static int throttle(struct http_request *req, const struct login *l, struct error *err)
{
	struct attempts *attempts = api_of(req)->attempts;
	int64_t per_minute = server_of(req)->config->limits_login, now = clock_mono_ms(), wait_s;
	if (!throttle_attempt(server_of(req)->throttle, http_peer(req), per_minute, now, &wait_s) ||
	    !attempts_take(attempts, l->peer_key, per_minute, ATTEMPTS_A_DAY, now, &wait_s) ||
	    !attempts_take(attempts, l->name_key, per_minute, ATTEMPTS_A_DAY, now, &wait_s))
		return too_often(req, wait_s, err);
	return 0;
}

API_HANDLER(session_create)
{
	struct arena *a = http_arena(req);
	struct login *l = arena_new(a, struct login);
	json_t *body = NULL;
	int r = api_body(req, &session_new_schema, &body, err);
	if (r != 0)
		return r;
	l->name = body_text(body, "name");
	l->password = body_text(body, "password");
	if (strlen(l->name) > 128 || strlen(l->password) > 256)
		return error_set(err, ERR_UNAUTHENTICATED, "the name or the password is wrong");
	l->name_key = arena_printf(a, "name %s", l->name);
	l->peer_key = arena_printf(a, "peer %s", http_peer(req));
	l->by.now_ms = clock_utc_ms();
	r = throttle(req, l, err);
	if (r == 0)
		api_later(req, LATER_PASSWORD, login_later, l);
	return r;
}

/* ---- the current one ---- */

static int own_session(struct http_request *req, struct error *err)
{
	if (principal_of(req)->type == PRINCIPAL_ADMINISTRATOR)
		return 0;
	return error_set(err, ERR_NOT_FOUND, "there is no session: you use an API token");
}

API_HANDLER(session_show)
{
	const struct principal *p = principal_of(req);
	int r = own_session(req, err);
	if (r != 0)
		return r;
	const struct session_view v = { p->session.csrf_token, p->actor + strlen("admin:"),
					p->scopes, p->session.expires_ms };
	http_reply_json(req, 200, fields_to_json(session_fields, &v));
	return 0;
}

static int apply_delete(struct store_conn *tx, struct op *op)
{
	return store_session_delete(tx, principal_of(op->req)->session.token_hash);
}

static void deleted(struct op *op)
{
	set_cookie(op->req, "", 0);
}

API_HANDLER(session_delete)
{
	int r = own_session(req, err);
	if (r != 0)
		return r;
	struct op *op = op_new(req, apply_delete, NULL);
	op->committed = deleted;
	op_submit(op);
	return 0;
}
