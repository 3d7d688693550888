/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the agents' REST interface, and its forms; see rest.h.
 */
#include "channel/flyve/rest.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "channel/flyve/status.h"
#include "server/seen.h"
#include <string.h>
#include <strings.h>

#define SESSION_MS (3600 * 1000)
#define TOKEN_MAX  512

/* ---- errors ---- */

void flyve_rest_error(struct http_request *req, int status, const char *code, const char *text)
{
	http_reply_json(req, status, json_pack("[s, s]", code, text));
}

void flyve_rest_result(struct http_request *req, int r, const struct error *err)
{
	if (r < 0) {
		log_error("a Flyve request failed", F_STR("path", http_path(req)),
			  F_INT("error", r));
		flyve_rest_error(req, 500, "ERROR", "Internal error");
		return;
	}
	int status = err_http_status((enum err)r);
	if (status == 401)
		flyve_rest_error(req, 401, "ERROR_SESSION_TOKEN_INVALID", err->message);
	else if (status == 404 || status == 410)
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", err->message);
	else
		flyve_rest_error(req, status == 503 ? 503 : 400, "ERROR_GLPI_ADD", err->message);
}

/* ---- sessions ---- */

static void hash_token(const char *token, uint8_t out[SHA256_SIZE])
{
	sha256(span_str(token), out);
}

bool flyve_rest_session(struct http_request *req, struct flyve_session *ret)
{
	const char *token = http_header(req, "Session-Token");
	uint8_t hash[SHA256_SIZE];
	struct error err;
	if (!token || !*token || strlen(token) > TOKEN_MAX) {
		flyve_rest_error(req, 400, "ERROR_SESSION_TOKEN_MISSING",
				 "parameter session_token is missing or empty");
		return false;
	}
	hash_token(token, hash);
	int r = store_flyve_session_get(store_reader(server_of(req)->store),
					(struct span){ hash, sizeof hash }, clock_utc_ms(),
					http_arena(req), ret, &err);
	if (r)
		flyve_rest_result(req, r, &err);
	return r == 0;
}

bool flyve_rest_device(struct http_request *req, struct device *ret)
{
	struct flyve_session s;
	struct error err;
	if (!flyve_rest_session(req, &s))
		return false;
	int r = s.device_id ? store_device_get(store_reader(server_of(req)->store), s.device_id,
					       http_arena(req), ret, &err)
			    : error_set(&err, ERR_NOT_FOUND, "the session is not a device's");
	if (r == 0 && ret->unenrolled_ms)
		r = error_set(&err, ERR_GONE, "the device is no longer managed");
	if (r)
		flyve_rest_result(req, r, &err);
	else
		seen_device(server_of(req)->seen, ret->id, clock_utc_ms());
	return r == 0;
}

bool flyve_rest_input(struct http_request *req, json_t **ret)
{
	struct error err;
	json_t *body = NULL;
	int r = http_body_json(req, &body, &err);
	*ret = r == 0 ? json_object_get(body, "input") : NULL;
	if (json_array_size(*ret) == 1) /* a list of one is the same */
		*ret = json_array_get(*ret, 0);
	if (json_is_object(*ret))
		return true;
	flyve_rest_error(req, 400, "ERROR_JSON_PAYLOAD_INVALID",
			 r == 0 ? "the body has no object \"input\"" : err.message);
	return false;
}

struct beginning { /* in the request's arena */
	struct flyve_session session;
	char token[TOKEN_TEXT_SIZE];
	uint8_t hash[SHA256_SIZE];
};

static int begin_apply(struct store_conn *tx, struct op *op)
{
	const struct beginning *b = op->arg;
	int r = store_flyve_session_expire(tx, op->by.now_ms);
	return r ? r : store_flyve_session_put(tx, &b->session);
}

static void begin_render(struct op *op, int r, const struct error *err)
{
	const struct beginning *b = op->arg;
	if (r)
		flyve_rest_result(op->req, r, err);
	else
		http_reply_json(op->req, 200, json_pack("{s:s}", "session_token", b->token));
}

static bool is_usable(const struct enrollment_token *t, int64_t now_ms)
{
	return t->revoked_ms == 0 && (t->expires_ms == 0 || t->expires_ms > now_ms);
}

/* Whose user token is it: an invitation's, or a device's own? */
static int find_user(struct http_request *req, const char *user_token, struct flyve_session *ret)
{
	struct store_conn *c = store_reader(server_of(req)->store);
	uint8_t hash[SHA256_SIZE];
	struct enrollment_token t;
	struct device d;
	struct error ignored;
	hash_token(user_token, hash);
	struct span key = { hash, sizeof hash };
	int r = store_flyve_invitation_by_user(c, key, http_arena(req), &t, &ignored);
	if (r == 0) {
		ret->enrollment_token_id = t.id;
		return is_usable(&t, clock_utc_ms()) ? 0 : ERR_NOT_FOUND;
	}
	if (r > 0)
		r = store_device_by_token(c, key, http_arena(req), &d, &ignored);
	if (r == 0 && (d.unenrolled_ms || strcmp(d.channel, channel_name(CHANNEL_FLYVE)) != 0))
		r = ERR_NOT_FOUND;
	if (r == 0)
		ret->device_id = d.id;
	return r;
}

static const char *user_token_of(struct http_request *req)
{
	static const char scheme[] = "user_token ";
	const char *header = http_header(req, "Authorization");
	if (header && strncasecmp(header, scheme, sizeof scheme - 1) == 0)
		return header + sizeof scheme - 1;
	return http_query(req, "user_token");
}

void flyve_rest_init_session(struct http_request *req)
{
	struct beginning *b = arena_new(http_arena(req), struct beginning);
	const char *user_token = user_token_of(req);
	if (!user_token || !*user_token || strlen(user_token) > TOKEN_MAX) {
		flyve_rest_error(req, 400, "ERROR_LOGIN_PARAMETERS_MISSING",
				 "parameter user_token is missing");
		return;
	}
	int r = find_user(req, user_token, &b->session);
	if (r != 0) {
		if (r < 0)
			flyve_rest_result(req, r, NULL);
		else
			flyve_rest_error(req, 401, "ERROR_GLPI_LOGIN_USER_TOKEN",
					 "the user token is not valid");
		return;
	}
	rand_token(b->token);
	hash_token(b->token, b->hash);
	b->session.token_hash = (struct span){ b->hash, sizeof b->hash };
	b->session.expires_ms = clock_utc_ms() + SESSION_MS;
	struct op *op = op_new(req, begin_apply, b);
	op->render = begin_render;
	op_submit(op);
}

static int end_apply(struct store_conn *tx, struct op *op)
{
	const struct flyve_session *s = op->arg;
	return store_flyve_session_delete(tx, s->token_hash);
}

static void end_render(struct op *op, int r, const struct error *err)
{
	if (r)
		flyve_rest_result(op->req, r, err);
	else
		http_reply_json(op->req, 200, json_true());
}

void flyve_rest_kill_session(struct http_request *req)
{
	struct flyve_session *s = arena_new(http_arena(req), struct flyve_session);
	if (!flyve_rest_session(req, s))
		return;
	struct op *op = op_new(req, end_apply, s);
	op->render = end_render;
	op_submit(op);
}

/* What agents look for in it is the number of the profile that may enroll. */
void flyve_rest_full_session(struct http_request *req)
{
	struct flyve_session s;
	if (!flyve_rest_session(req, &s))
		return;
	bool guest = s.enrollment_token_id != 0;
	http_reply_json(req, 200,
			json_pack("{s:{s:I, s:i, s:i, s:{s:i}}}", "session", "glpiID",
				  (json_int_t)(guest ? s.enrollment_token_id : s.device_id),
				  "plugin_flyvemdm_guest_profiles_id", FLYVE_GUEST_PROFILE,
				  "plugin_flyvemdm_agent_profiles_id", FLYVE_AGENT_PROFILE,
				  "glpiactiveprofile", "id",
				  guest ? FLYVE_GUEST_PROFILE : FLYVE_AGENT_PROFILE));
}

/* The right of a session follows from whose it is; saying so is only part of the protocol. */
void flyve_rest_change_profile(struct http_request *req)
{
	struct flyve_session s;
	struct error err;
	json_t *body = NULL;
	int64_t id = 0;
	if (!flyve_rest_session(req, &s))
		return;
	int r = http_query_int(req, "profiles_id", 0, INT32_MAX, &id, &err);
	if (r == 0 && id == 0 && http_body(req).n > 0 && http_body_json(req, &body, &err) == 0)
		(void)flyve_json_int(json_object_get(body, "profiles_id"), &id);
	if (id == (s.enrollment_token_id ? FLYVE_GUEST_PROFILE : FLYVE_AGENT_PROFILE))
		http_reply_json(req, 200, json_true());
	else
		flyve_rest_error(req, 404, "ERROR_ITEM_NOT_FOUND", "no such profile");
}
