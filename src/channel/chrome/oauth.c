/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose OAuth token is this? The token-info endpoint of the configuration is asked, on threads of this file's
 * own: neither HTTP workers nor the server's other jobs wait for it. How many wait for it is bounded, and how often
 * one address may try tokens that are not good. What it said is kept for as long as the token lasts, a refusal for
 * a minute.
 *
 * Two kinds of endpoints: "https://…?access_token={token}" (Google's tokeninfo), and one that takes the token as
 * a bearer (OpenID Connect's userinfo). Both answer JSON with "email"; "email_verified" false, "active" false
 * and a status other than 200 are no good token. Tokens are looked up by their SHA-256 and logged nowhere.
 */
#include "channel/chrome/oauth.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "server/cache.h"
#include "server/jobs.h"
#include "server/org-config.h"
#include "server/throttle.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CACHED             1024
#define CONNECT_MS         5000
#define TOTAL_MS           10000
#define ANSWER_MAX         (64u << 10)
#define LIFE_DEFAULT_MS    ((int64_t)5 * 60 * 1000)
#define LIFE_MAX_MS        ((int64_t)3600 * 1000)
#define REFUSED_MS         ((int64_t)60 * 1000)
#define TOKEN_HOLE         "{token}"
#define REFUSED_PER_MINUTE 120
#define ADDRESSES          4096

struct chrome_oauth { /* heap, the channel's; any thread */
	struct server *server;
	struct jobs *jobs;
	atomic_bool stopping;      /* what waits is answered without asking */
	struct throttle *throttle; /* tokens that are not good, by address */
	struct cache *known;       /* SHA-256 of the token -> struct identity */
};

struct identity {
	int64_t until_ms;                /* UTC */
	char email[OAUTH_EMAIL_MAX + 1]; /* "": not a good token */
};

struct question { /* in the request's arena */
	struct chrome_request *r;
	chrome_handler *next;
};

struct chrome_oauth *chrome_oauth_new(struct server *s)
{
	struct chrome_oauth *o = calloc(1, sizeof *o);
	if (!o)
		abort();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		abort();
	o->server = s;
	o->jobs = jobs_new();
	o->throttle = throttle_new(rand_below(UINT64_MAX), ADDRESSES);
	o->known = cache_new(CACHED, free);
	return o;
}

void chrome_oauth_free(struct chrome_oauth *o)
{
	if (!o)
		return;
	o->stopping = true;
	jobs_free(o->jobs);
	throttle_free(o->throttle);
	cache_free(o->known);
	free(o);
	curl_global_cleanup();
}

/* ---- what the endpoint says; pure ---- */

static bool says_false(const json_t *v)
{
	return json_is_false(v) ||
	       (json_is_string(v) && strcmp(json_string_value(v), "false") == 0);
}

/* A number, or a number in a string as Google writes it. */
static int64_t number(const json_t *v)
{
	if (json_is_string(v))
		return strtoll(json_string_value(v), NULL, 10);
	return json_is_integer(v) ? json_integer_value(v) : 0;
}

static bool take_email(const char *text, char ret[OAUTH_EMAIL_MAX + 1])
{
	size_t n = text ? strlen(text) : 0;
	const char *at = text ? strrchr(text, '@') : NULL;
	if (!at || at == text || !at[1] || n > OAUTH_EMAIL_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		char c = text[i];
		if (i < n && (c <= ' ' || c > '~'))
			return false;
		ret[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	return true;
}

bool oauth_answer_read(struct span body, int64_t now_ms, char ret_email[OAUTH_EMAIL_MAX + 1],
		       int64_t *ret_until_ms)
{
	AUTO_JSON j = NULL;
	*ret_email = '\0';
	*ret_until_ms = now_ms + REFUSED_MS;
	if (json_parse(body, &j, NULL) != 0 || says_false(json_object_get(j, "active")) ||
	    says_false(json_object_get(j, "email_verified")) ||
	    says_false(json_object_get(j, "verified_email")) ||
	    !take_email(json_string_value(json_object_get(j, "email")), ret_email)) {
		*ret_email = '\0';
		return false;
	}
	int64_t life_s = number(json_object_get(j, "expires_in"));
	int64_t end_s = number(json_object_get(j, "exp"));
	int64_t life_ms = LIFE_DEFAULT_MS;
	if (life_s > 0)
		life_ms = life_s < LIFE_MAX_MS / 1000 ? life_s * 1000 : LIFE_MAX_MS;
	else if (end_s > 0 && end_s < INT64_MAX / 1000)
		life_ms = end_s * 1000 - now_ms;
	if (life_ms > LIFE_MAX_MS)
		life_ms = LIFE_MAX_MS;
	*ret_until_ms = now_ms + (life_ms > 0 ? life_ms : 0);
	return true;
}

/* ---- asking ---- */

static size_t take_bytes(char *p, size_t size, size_t n, void *user)
{
	struct buf *body = user;
	buf_add(body, p, size * n);
	return body->failed ? 0 : size * n;
}

/* The endpoint's address with the token in its place; heap. NULL: there is no place. */
static char *fill_in(CURL *easy, const char *url, const char *token)
{
	const char *hole = strstr(url, TOKEN_HOLE);
	if (!hole)
		return NULL;
	char *escaped = curl_easy_escape(easy, token, 0), *all = NULL;
	if (!escaped || asprintf(&all, "%.*s%s%s", (int)(hole - url), url, escaped,
				 hole + strlen(TOKEN_HOLE)) < 0)
		abort();
	secret_erase(escaped, strlen(escaped));
	curl_free(escaped);
	return all;
}

static int keep_going(void *stopping, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return *(const atomic_bool *)stopping;
}

static void prepare(CURL *easy, const char *url, atomic_bool *stopping, struct buf *body)
{
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, keep_going);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, stopping);
}

/* The HTTP status; 0: no answer. */
static long perform(CURL *easy, const char *url, const char *token, atomic_bool *stopping,
		    struct buf *body)
{
	char header[64 + 4096];
	long status = 0;
	struct curl_slist *headers = NULL;
	char *filled = fill_in(easy, url, token);
	prepare(easy, filled ? filled : url, stopping, body);
	if (!filled) {
		snprintf(header, sizeof header, "Authorization: Bearer %s", token);
		headers = curl_slist_append(NULL, header);
		secret_erase(header, sizeof header);
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	}
	if (curl_easy_perform(easy) == CURLE_OK)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (filled)
		secret_erase(filled, strlen(filled));
	free(filled);
	curl_slist_free_all(headers);
	return status;
}

/* 0: *ret is what the endpoint says of the token. */
static int ask(struct chrome_oauth *o, const char *url, const char *token, struct identity *ret,
	       struct error *err)
{
	CLEANUP(buf_fini) struct buf body;
	int64_t now_ms = clock_utc_ms();
	buf_init(&body, ANSWER_MAX);
	CURL *easy = curl_easy_init();
	if (!easy)
		abort();
	long status = o->stopping ? 0 : perform(easy, url, token, &o->stopping, &body);
	curl_easy_cleanup(easy);
	if (status == 200) {
		(void)oauth_answer_read(buf_span(&body), now_ms, ret->email, &ret->until_ms);
		return 0;
	}
	*ret = (struct identity){ .until_ms = now_ms + REFUSED_MS };
	if (status >= 400 && status < 500 && status != 408 && status != 429)
		return 0;
	log_limited(LOG_LEVEL_WARN, "the token-info endpoint does not answer",
		    F_INT("status", status));
	return error_set(err, ERR_UNAVAILABLE,
			 "The user's token cannot be checked now; try again later.");
}

/* ---- requests ---- */

static struct span key_of(const char *token, uint8_t hash[SHA256_SIZE])
{
	sha256(span_str(token), hash);
	return (struct span){ hash, SHA256_SIZE };
}

/* What is known of a token ends with the configuration that said it. */
static uint64_t generation(const struct chrome_oauth *o)
{
	return org_configs_epoch(o->server->org_configs);
}

static bool recall(struct chrome_oauth *o, struct chrome_request *r, struct identity *ret)
{
	uint8_t hash[SHA256_SIZE];
	struct cache_entry *e = cache_get(o->known, key_of(r->oauth_token, hash), generation(o));
	if (!e)
		return false;
	*ret = *(const struct identity *)cache_value(e);
	cache_unref(e);
	return ret->until_ms > r->now_ms;
}

static void remember(struct chrome_oauth *o, const char *token, uint64_t when,
		     const struct identity *id)
{
	uint8_t hash[SHA256_SIZE];
	struct identity *copy = malloc(sizeof *copy);
	if (!copy)
		abort();
	*copy = *id;
	cache_unref(cache_put(o->known, key_of(token, hash), when, copy));
}

static void go_on(struct chrome_request *r, const struct identity *id, chrome_handler *next)
{
	struct error err;
	if (!*id->email) {
		error_set(&err, ERR_UNAUTHENTICATED, "The user's token is not valid.");
		chrome_fail_result(r, ERR_UNAUTHENTICATED, &err);
		return;
	}
	r->email = arena_strdup(r->arena, id->email);
	next(r);
}

static void ask_later(void *arg)
{
	struct question *q = arg;
	struct chrome_request *r = q->r;
	struct chrome_oauth *o = r->server->chrome->oauth;
	struct identity id = { 0 };
	struct error err;
	uint64_t when = generation(o);
	const char *url = r->server->config->chrome_token_info_url;
	int res = ask(o, url, r->oauth_token, &id, &err);
	if (res) {
		chrome_fail_result(r, res, &err);
		return;
	}
	if (*id.email)
		throttle_success(o->throttle, http_peer(r->http));
	remember(o, r->oauth_token, when, &id);
	go_on(r, &id, q->next);
}

void chrome_oauth_check(struct chrome_request *r, chrome_handler *next)
{
	struct chrome_oauth *o = r->server->chrome->oauth;
	struct identity id;
	struct error err;
	if (!*r->server->config->chrome_token_info_url) {
		error_set(&err, ERR_FORBIDDEN,
			  "This server takes no users' tokens (chrome.token_info_url is not set).");
		chrome_fail_result(r, ERR_FORBIDDEN, &err);
		return;
	}
	if (recall(o, r, &id)) {
		go_on(r, &id, next);
		return;
	}
	int64_t wait_s = 0;
	if (!throttle_attempt(o->throttle, http_peer(r->http), REFUSED_PER_MINUTE, clock_mono_ms(),
			      &wait_s)) {
		error_set(&err, ERR_RATE_LIMITED, "Too many tokens from this address; wait %lld s.",
			  (long long)wait_s);
		chrome_fail_result(r, ERR_RATE_LIMITED, &err);
		return;
	}
	struct question *q = arena_new(r->arena, struct question);
	*q = (struct question){ r, next };
	r->oauth_token = arena_strdup(r->arena, r->oauth_token);
	if (!r->deferred)
		http_defer(r->http);
	r->deferred = true;
	int res = jobs_submit(o->jobs, ask_later, q, &err);
	if (res)
		chrome_fail_result(r, res, &err);
}
