/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication and authorization of every request, see auth.h. Tokens are looked up by their
 * SHA-256, so nothing that is compared is secret; the CSRF token is compared in constant time.
 */
#include "server/auth.h"

#include "server/cache.h"
#include "server/metrics.h"
#include "server/next-poll.h"
#include "server/scopes.h"
#include "server/seen.h"
#include "server/throttle.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define DEVICE_PREFIX            "/device/v1/"
#define DEVICE_WRITES_PER_MINUTE 1200

/* ---- a device record in one piece, made from records.def ---- */

static const char *text_of(const char *s)
{
	return s ? s : "";
}

static void *put(char **at, const void *p, size_t n)
{
	void *to = *at;
	if (n > 0)
		memcpy(to, p, n);
	*at += n;
	return to;
}

#define TABLE(table, n_key)                                                                        \
	__attribute__((unused)) static size_t extent_of_##table(const struct table *r)             \
	{                                                                                          \
		size_t n = 0;
#define SIZE_I64(name)
#define SIZE_BOOL(name)
#define SIZE_TEXT(name)        n += strlen(text_of(r->name)) + 1;
#define SIZE_BLOB(name)        n += r->name.n;
#define COL(table, type, name) SIZE_##type(name)
#define INDEX(table, name, unique, ...)
#define END(table)                                                                                 \
	(void)r;                                                                                   \
	return n;                                                                                  \
	}
#include "model/records.def"
#undef TABLE
#undef COL
#undef END

#define TABLE(table, n_key)                                                                        \
	__attribute__((unused)) static void gather_##table(struct table *r, char *at)              \
	{
#define MOVE_I64(name)
#define MOVE_BOOL(name)
#define MOVE_TEXT(name)        r->name = put(&at, text_of(r->name), strlen(text_of(r->name)) + 1);
#define MOVE_BLOB(name)        r->name.p = put(&at, r->name.p, r->name.n);
#define COL(table, type, name) MOVE_##type(name)
#define END(table)                                                                                 \
	(void)r;                                                                                   \
	(void)at;                                                                                  \
	}
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END

/* ---- credentials ---- */

bool principal_may(const struct principal *p, const char *scope)
{
	return scopes_allow(p->scopes, scope);
}

static const char *bearer(struct http_request *req)
{
	const char *h = http_header(req, "Authorization");
	if (!h || strncasecmp(h, "Bearer ", 7) != 0)
		return NULL;
	h += 7;
	while (*h == ' ')
		h++;
	return *h && strlen(h) <= AUTH_TOKEN_MAX ? h : NULL;
}

static bool is_write(struct http_request *req)
{
	const char *m = http_method(req);
	return strcmp(m, "GET") != 0 && strcmp(m, "HEAD") != 0;
}

/* Answers. Always false, so that it reads well in a return. */
static bool refuse(struct http_request *req, const struct error *err)
{
	if (err->code == ERR_UNAUTHENTICATED)
		http_reply_header(req, "WWW-Authenticate", "Bearer realm=\"reeve\"");
	log_limited(LOG_LEVEL_INFO, "request refused", F_STR("peer", http_peer(req)),
		    F_STR("path", http_path(req)), F_STR("why", err->message),
		    F_STR("request", http_request_id(req)));
	http_reply_error(req, err);
	return false;
}

/* From a verb: unexpected results are answered as such, expected ones refused. */
static bool refuse_result(struct http_request *req, int r, const struct error *err)
{
	if (r > 0)
		return refuse(req, err);
	http_reply_result(req, r, err);
	return false;
}

/* ---- administrators and API tokens ---- */

static int by_api_token(struct http_request *req, const char *token, struct principal *p,
			struct error *err)
{
	struct server *s = server_of(req);
	struct arena *a = http_arena(req);
	struct api_token t;
	uint8_t hash[SHA256_SIZE];
	int64_t now = clock_utc_ms();
	sha256(span_str(token), hash);
	int r = store_api_token_by_hash(store_reader(s->store), (struct span){ hash, sizeof hash },
					a, &t, err);
	if (r < 0)
		return r;
	if (r > 0 || t.revoked_ms != 0 || (t.expires_ms != 0 && t.expires_ms <= now))
		return error_set(err, ERR_UNAUTHENTICATED,
				 "The API token is unknown, revoked or expired.");
	*p = (struct principal){ .type = PRINCIPAL_TOKEN,
				 .actor = arena_printf(a, "token:%s", t.name),
				 .scopes = t.scopes,
				 .org_id = t.org_id,
				 .id = t.id };
	seen_api_token(s->seen, t.id, now);
	return 0;
}

/* The cookie goes along with whatever a page makes the browser send; the header does not. */
static int check_csrf(struct http_request *req, const struct session *n, struct error *err)
{
	const char *header = http_header(req, "X-CSRF-Token");
	if (!is_write(req))
		return 0;
	if (header && *header && ct_equal(span_str(header), span_str(n->csrf_token)))
		return 0;
	return error_set(err, ERR_FORBIDDEN,
			 "The session's X-CSRF-Token header is missing or wrong.");
}

static int by_session(struct http_request *req, const char *cookie, struct principal *p,
		      struct error *err)
{
	struct arena *a = http_arena(req);
	struct administrator who;
	struct session session;
	uint8_t hash[SHA256_SIZE];
	sha256(span_str(cookie), hash);
	int r = store_session_get(store_reader(server_of(req)->store),
				  (struct span){ hash, sizeof hash }, clock_utc_ms(), a, &session,
				  &who, err);
	if (r < 0)
		return r;
	if (r > 0 || who.disabled_ms != 0)
		return error_set(err, ERR_UNAUTHENTICATED, "The session is over; log in again.");
	*p = (struct principal){ .type = PRINCIPAL_ADMINISTRATOR,
				 .actor = arena_printf(a, "admin:%s", who.name),
				 .scopes = who.scopes,
				 .org_id = who.org_id,
				 .id = who.id,
				 .session = session };
	return check_csrf(req, &session, err);
}

bool auth_admin(struct http_request *req, const char *scope)
{
	struct error err = { 0 };
	struct principal *p = arena_new(http_arena(req), struct principal);
	const char *key = http_header(req, "X-API-Key"), *token = bearer(req);
	const char *cookie = http_cookie(req, "reeve_session");
	int r;
	if (!token && key && *key && strlen(key) <= AUTH_TOKEN_MAX)
		token = key;
	if (token)
		r = by_api_token(req, token, p, &err);
	else if (cookie && *cookie && strlen(cookie) <= AUTH_TOKEN_MAX)
		r = by_session(req, cookie, p, &err);
	else
		r = error_set(&err, ERR_UNAUTHENTICATED,
			      "An API token (Authorization: Bearer …) or a session is needed.");
	if (r != 0)
		return refuse_result(req, r, &err);
	http_set_principal(req, p);
	if (principal_may(p, scope))
		return true;
	error_set(&err, ERR_FORBIDDEN, "This needs the scope %s.", scope);
	return refuse(req, &err);
}

/* ---- devices ---- */

struct cached_device { /* a value of server->devices_by_token */
	struct device device;
	char bytes[]; /* what it points to */
};

static void remember(struct server *s, struct span hash, uint64_t generation,
		     const struct device *d)
{
	if (!cache_wants(s->devices_by_token, hash, generation))
		return;
	struct cached_device *v = malloc(sizeof *v + extent_of_device(d));
	if (!v)
		abort();
	v->device = *d;
	gather_device(&v->device, v->bytes);
	cache_unref(cache_put(s->devices_by_token, hash, generation, v));
}

int auth_token_device(struct http_request *req, const char *token, struct device *ret,
		      struct error *err)
{
	struct server *s = server_of(req);
	uint8_t bytes[SHA256_SIZE];
	sha256(span_str(token), bytes);
	struct span hash = { bytes, sizeof bytes };
	uint64_t generation = server_generation(s);
	struct cache_entry *e = cache_get(s->devices_by_token, hash, generation);
	if (e) {
		*ret = ((const struct cached_device *)cache_value(e))->device;
		gather_device(ret, arena_alloc(http_arena(req), extent_of_device(ret)));
		cache_unref(e);
		return 0;
	}
	int r = store_device_by_token(store_reader(s->store), hash, http_arena(req), ret, err);
	if (r == 0)
		remember(s, hash, generation, ret);
	if (r <= 0)
		return r;
	return error_set(err, ERR_UNAUTHENTICATED, "The device token is unknown.");
}

int auth_bearer_device(struct http_request *req, struct device *ret, struct error *err)
{
	const char *token = bearer(req);
	if (!token)
		return error_set(err, ERR_UNAUTHENTICATED,
				 "A device token (Authorization: Bearer …) is needed.");
	return auth_token_device(req, token, ret, err);
}

static void stamp_next_poll(struct http_request *req)
{
	http_reply_header(req, "Reeve-Next-Poll",
			  arena_printf(http_arena(req), "%lld", (long long)next_poll_of(req)));
}

/* An ill-behaved device must not fill the log and the writer's queue. */
int auth_device_quota(struct http_request *req, int64_t device_id, struct error *err)
{
	int64_t wait_s = 0;
	if (throttle_attempt_id(server_of(req)->device_quota, device_id, DEVICE_WRITES_PER_MINUTE,
				clock_mono_ms(), &wait_s))
		return 0;
	http_reply_header(req, "Retry-After",
			  arena_printf(http_arena(req), "%lld", (long long)wait_s));
	return error_set(err, ERR_RATE_LIMITED, "This device writes more than %d times a minute.",
			 DEVICE_WRITES_PER_MINUTE);
}

static bool auth_device(struct http_request *req)
{
	struct error err = { 0 };
	struct server *s = server_of(req);
	struct principal *p = arena_new(http_arena(req), struct principal);
	int r = auth_bearer_device(req, &p->device, &err);
	if (r == 0 && strcmp(p->device.channel, channel_name(CHANNEL_CHROME)) == 0)
		r = error_set(&err, ERR_UNAUTHENTICATED,
			      "Chrome's tokens are good for Chrome's protocol only.");
	if (r == 0) {
		p->type = PRINCIPAL_DEVICE;
		p->id = p->device.id;
		p->org_id = p->device.org_id;
		p->scopes = "";
		p->actor = arena_printf(http_arena(req), "device:%lld", (long long)p->id);
		http_set_principal(req, p);
	}
	stamp_next_poll(req);
	if (r != 0)
		return refuse_result(req, r, &err);
	if (p->device.unenrolled_ms != 0) {
		error_set(&err, ERR_GONE, "This device is no longer managed.");
		return refuse(req, &err);
	}
	seen_device(s->seen, p->id, clock_utc_ms());
	r = is_write(req) ? auth_device_quota(req, p->id, &err) : 0;
	return r == 0 || refuse(req, &err);
}

/* ---- every request ---- */

/* The configured limits, of JSON and of uploads, where the length is announced; the route's own hold
 * in any case. */
static bool within_limits(struct http_request *req)
{
	const struct config *c = server_of(req)->config;
	const struct http_route *route = http_route(req);
	bool json = route->content_type && strcmp(route->content_type, "application/json") == 0;
	if (route->body_max == 0 || (!json && !route->body_file))
		return true;
	const char *length = http_header(req, "Content-Length");
	int64_t max = route->body_file ? c->limits_file : c->limits_body;
	if (!length || strtoll(length, NULL, 10) <= max)
		return true;
	struct error err;
	error_set(&err, ERR_TOO_LARGE, "The body is larger than %lld bytes.", (long long)max);
	http_reply_error(req, &err);
	return false;
}

static bool admit(struct http_request *req, const struct http_route *route)
{
	if (route->auth == AUTH_NONE) {
		if (strncmp(http_path(req), DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0)
			stamp_next_poll(req);
		return true;
	}
	return route->auth == AUTH_DEVICE ? auth_device(req) : auth_admin(req, route->scope);
}

bool auth_before(struct http_request *req, void *server)
{
	(void)server;
	return admit(req, http_route(req)) && within_limits(req);
}
