/* SPDX-License-Identifier: Apache-2.0
 *
 * What another broker may ask: EMQX's HTTP contract for authentication and authorization (other brokers' webhooks are a
 * thin adapter away), and the keys that our JWTs are signed with.
 *
 * Whoever asks shows mqtt.auth_secret_file's content as a bearer token. EMQX takes only a 200 with "allow" or "deny" for
 * an answer; anything else makes it ask its next authenticator, so a denial is a 200 too.
 *
 * Only log-ins know that somebody is the server itself: /acl is asked by user name alone, which a device may share.
 */
#include "server/broker/account.h"
#include "server/broker/internal.h"
#include "server/broker/jwt.h"

#include "base/clock.h"

#define BODY_MAX (128 << 10) /* an MQTT password alone may have 64 KiB */

/* ---- who asks ---- */

static bool may_ask(struct http_request *req, struct broker *b)
{
	static const char bearer[] = "Bearer ";
	const char *header = http_header(req, "Authorization");
	struct error err;
	if (!b || !*b->server->config->mqtt_auth_secret_file) {
		(void)error_set(&err, ERR_NOT_FOUND, "mqtt.auth_secret_file is not set.");
		http_reply_error(req, &err);
		return false;
	}
	bool is_bearer = header && strncmp(header, bearer, strlen(bearer)) == 0;
	if (is_bearer && broker_secret_is(b, &b->ask_secret, header + strlen(bearer)))
		return true;
	(void)error_set(&err, ERR_UNAUTHENTICATED, "The broker's secret is missing or wrong.");
	http_reply_error(req, &err);
	return false;
}

/* ---- the account ---- */

/* Of the user's name; ERR_NOT_FOUND. */
static int find(const struct broker *b, const char *user, struct arena *a,
		struct broker_account *ret)
{
	struct store_conn *c = store_reader(b->server->store);
	struct device d;
	struct error err;
	int r = b->source->device(c, user, a, &d, &err);
	if (r == 0)
		r = account_get(b->source, c, &d, a, ret);
	if (r == 0 && strcmp(ret->user, user) != 0)
		r = ERR_NOT_FOUND;
	return r < 0 ? r : r ? ERR_NOT_FOUND : 0;
}

static bool password_is(const char *password, struct span hash)
{
	uint8_t shown[SHA256_SIZE];
	sha256(span_str(password), shown);
	return ct_equal((struct span){ shown, sizeof shown }, hash);
}

static bool is_server(struct broker *b, const char *user, const char *password)
{
	return strcmp(user, b->mode.user) == 0 && broker_secret_is(b, &b->password, password);
}

/* ---- answers ---- */

static void reply(struct http_request *req, int r, json_t *steals_allowed)
{
	if (r < 0) { /* unexpected: not a denial, the broker may ask again */
		json_decref(steals_allowed);
		http_reply_result(req, r, NULL);
		return;
	}
	http_reply_json(req, 200,
			steals_allowed ? steals_allowed : json_pack("{s:s}", "result", "deny"));
}

/* 'acl' holds for the whole connection, so a device's ends some time: what it may is asked again then. */
static json_t *allowed(const struct broker *b, bool superuser, json_t *steals_acl)
{
	json_t *j = json_pack("{s:s, s:b}", "result", "allow", "is_superuser", superuser);
	int64_t until_ms = clock_utc_ms() + b->server->config->mqtt_token_life;
	json_object_set_new(j, "acl", steals_acl);
	if (!superuser)
		json_object_set_new(j, "expire_at", json_integer(until_ms / 1000));
	return j;
}

static void auth(struct http_request *req)
{
	struct broker *b = server_of(req)->broker;
	struct broker_account account;
	const char *user = "", *password = "";
	struct error err;
	json_t *body = NULL;
	if (!may_ask(req, b))
		return;
	int r = http_body_json(req, &body, &err);
	if (r == 0)
		r = json_read_str(body, "username", false, &user, &err);
	if (r == 0)
		r = json_read_str(body, "password", false, &password, &err);
	if (r) {
		http_reply_result(req, r, &err);
		return;
	}
	if (is_server(b, user, password)) {
		reply(req, 0, allowed(b, true, jwt_acl(NULL)));
		return;
	}
	r = *user && *password ? find(b, user, http_arena(req), &account) : ERR_NOT_FOUND;
	json_t *answer = NULL;
	if (r == 0 && password_is(password, account.password_hash)) {
		struct rights rights = account_rights(&account, http_arena(req));
		answer = allowed(b, false, jwt_acl(&rights));
	}
	reply(req, r, answer);
}

/* EMQX's placeholders come as text. false: not an action that is ours to allow. */
static bool access_of(const char *action, const char *retain, enum rights_access *ret)
{
	bool retained = strcmp(retain, "true") == 0 || strcmp(retain, "1") == 0;
	if (strcmp(action, "publish") == 0)
		*ret = retained ? RIGHTS_WRITE_RETAINED : RIGHTS_WRITE;
	else if (strcmp(action, "subscribe") == 0)
		*ret = RIGHTS_SUBSCRIBE;
	else
		return false;
	return true;
}

static void acl(struct http_request *req)
{
	struct broker *b = server_of(req)->broker;
	struct broker_account account;
	const char *user = "", *topic = "", *action = "", *retain = "";
	enum rights_access access;
	struct error err;
	json_t *body = NULL;
	if (!may_ask(req, b))
		return;
	int r = http_body_json(req, &body, &err);
	if (r == 0)
		r = json_read_str(body, "username", true, &user, &err);
	if (r == 0)
		r = json_read_str(body, "topic", true, &topic, &err);
	if (r == 0)
		r = json_read_str(body, "action", true, &action, &err);
	if (r == 0)
		r = json_read_str(body, "retain", false, &retain, &err);
	if (r) {
		http_reply_result(req, r, &err);
		return;
	}
	r = access_of(action, retain, &access) ? find(b, user, http_arena(req), &account)
					       : ERR_NOT_FOUND;
	json_t *answer = NULL;
	if (r == 0) {
		struct rights rights = account_rights(&account, http_arena(req));
		if (rights_may(&rights, access, topic))
			answer = json_pack("{s:s}", "result", "allow");
	}
	reply(req, r, answer);
}

static void jwks(struct http_request *req)
{
	struct server *s = server_of(req);
	struct error err;
	json_t *keys = NULL;
	int r = s->broker ? jwt_keys(store_reader(s->store), &keys)
			  : error_set(&err, ERR_NOT_FOUND, "MQTT is off.");
	if (r)
		http_reply_result(req, r, &err);
	else
		http_reply_json(req, 200, keys);
}

const struct http_route broker_routes[] = {
	{ .method = "POST",
	  .pattern = "/mqtt/v1/auth",
	  .body_max = BODY_MAX,
	  .content_type = "application/json",
	  .handler = auth,
	  .name = "mqtt_auth",
	  .doc = "For an MQTT broker (EMQX's HTTP authentication): may this user log in, and do what",
	  .statuses = "200 401 404" },
	{ .method = "POST",
	  .pattern = "/mqtt/v1/acl",
	  .body_max = BODY_MAX,
	  .content_type = "application/json",
	  .handler = acl,
	  .name = "mqtt_acl",
	  .doc = "For an MQTT broker (EMQX's HTTP authorization): may this user publish or subscribe",
	  .statuses = "200 401 404" },
	{ .method = "GET",
	  .pattern = "/mqtt/v1/jwks",
	  .handler = jwks,
	  .name = "mqtt_jwks",
	  .doc = "The public keys of MQTT passwords that are JWTs (RFC 7517)",
	  .statuses = "200 404" },
	{ 0 },
};
