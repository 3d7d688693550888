/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers share: see request.h.
 */
#include "server/api/request.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "server/api/state.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

void api_answer(struct http_request *req, api_fn *fn)
{
	struct error err = { 0 };
	int r = fn(req, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
}

struct store_conn *api_conn(struct http_request *req)
{
	return store_reader(server_of(req)->store);
}

/* ---- who and where ---- */

int api_may(struct http_request *req, const char *scope, struct error *err)
{
	if (principal_may(principal_of(req), scope))
		return 0;
	return error_set(err, ERR_FORBIDDEN, "this needs the scope %s", scope);
}

int api_unbound(struct http_request *req, struct error *err)
{
	if (principal_of(req)->org_id == 0)
		return 0;
	return error_set(err, ERR_FORBIDDEN,
			 "this concerns the whole server; you are bound to one organization");
}

bool api_in_reach(struct http_request *req, int64_t org_id)
{
	int64_t bound = principal_of(req)->org_id;
	return bound == 0 || bound == org_id;
}

/* Whether another organization exists is not for a bound principal to learn. */
static int org_bound(struct http_request *req, struct store_conn *c, const char *ref,
		     struct organization *ret, struct error *err)
{
	struct arena *a = http_arena(req);
	int r = store_organization_get(c, principal_of(req)->org_id, a, ret, err);
	if (r != 0 || !ref || !*ref || strcmp(ref, ret->name) == 0 ||
	    strcmp(ref, arena_printf(a, "%lld", (long long)ret->id)) == 0)
		return r;
	return error_set(err, ERR_FORBIDDEN, "you are bound to the organization \"%.128s\"",
			 ret->name);
}

int api_org_ref(struct http_request *req, struct store_conn *c, const char *ref,
		struct organization *ret, struct error *err)
{
	if (principal_of(req)->org_id != 0)
		return org_bound(req, c, ref, ret, err);
	return store_organization_find(c, ref ? ref : "", http_arena(req), ret, err);
}

int api_org(struct http_request *req, struct store_conn *c, struct organization *ret,
	    struct error *err)
{
	return api_org_ref(req, c, http_query(req, "org"), ret, err);
}

int api_fleet(struct http_request *req, struct store_conn *c, struct fleet *ret, struct error *err)
{
	struct organization org = { 0 };
	const struct fleet_tree *tree;
	const struct fleet *fleet;
	int r = api_org(req, c, &org, err);
	if (r == 0)
		r = store_fleets(c, org.id, &tree);
	if (r == 0)
		r = fleet_tree_find(tree, http_path_param(req, "fleet"), &fleet, err);
	if (r != 0)
		return r;
	*ret = *fleet;
	ret->name = arena_strdup(http_arena(req), fleet->name); /* the tree may be replaced */
	return 0;
}

int api_device(struct http_request *req, struct store_conn *c, struct device *ret,
	       struct error *err)
{
	int64_t id = 0;
	int r = http_path_id(req, "id", &id, err);
	if (r == 0)
		r = store_device_get(c, id, http_arena(req), ret, err);
	if (r == 0 && !api_in_reach(req, ret->org_id))
		r = error_set(err, ERR_NOT_FOUND, "there is no device %lld", (long long)id);
	return r;
}

/* ---- what ---- */

int api_body(struct http_request *req, const struct schema *s, json_t **ret, struct error *err)
{
	int r = http_body_json(req, ret, err);
	return r ? r : fields_check(s->fields, *ret, err);
}

const char *body_text(const json_t *body, const char *key)
{
	const char *text = json_string_value(json_object_get(body, key));
	return text ? text : "";
}

const char *body_ref(const json_t *body, const char *key, struct arena *a)
{
	const json_t *v = json_object_get(body, key);
	if (json_is_integer(v))
		return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return body_text(body, key);
}

bool body_has(const json_t *body, const char *key)
{
	const json_t *v = json_object_get(body, key);
	return v && !json_is_null(v);
}

int body_words(const json_t *body, const char *key, struct arena *a, const char **ret,
	       struct error *err)
{
	CLEANUP(buf_fini) struct buf words;
	const json_t *word;
	size_t i;
	buf_init(&words, 4096);
	json_array_foreach (json_object_get(body, key), i, word) {
		const char *text = json_string_value(word);
		if (!*text || strpbrk(text, " \t\r\n"))
			return error_set(err, ERR_INVALID, "\"%s\" holds \"%.80s\": not one word",
					 key, text);
		if (i > 0)
			buf_add_char(&words, ' ');
		buf_add_str(&words, text);
	}
	if (words.failed)
		return error_set(err, ERR_INVALID, "\"%s\" is too long", key);
	*ret = arena_strdup(a, buf_str(&words));
	return 0;
}

int body_expiry(const json_t *body, const char *key, int64_t now_ms, int64_t *ret,
		struct error *err)
{
	const char *text = body_text(body, key);
	int64_t life_ms = 0;
	*ret = 0;
	if (!body_has(body, key))
		return 0;
	if (!duration_parse(text, &life_ms) || life_ms == 0)
		return error_set(err, ERR_INVALID,
				 "\"%s\": \"%.80s\" is not a duration such as 90s, 24h or 7d", key,
				 text);
	*ret = now_ms + life_ms;
	return 0;
}

#define NAME_MAX_SIZE 128

int name_check(const char *what, const char *name, const char *forbidden, struct error *err)
{
	struct span rest = span_str(name);
	if (rest.n == 0)
		return error_set(err, ERR_INVALID, "%s must not be empty", what);
	if (rest.n > NAME_MAX_SIZE)
		return error_set(err, ERR_INVALID, "%s is longer than %d bytes", what,
				 NAME_MAX_SIZE);
	if (name[0] == ' ' || name[rest.n - 1] == ' ')
		return error_set(err, ERR_INVALID, "%s begins or ends with a blank", what);
	if (!utf8_valid(rest))
		return error_set(err, ERR_INVALID, "%s is not valid UTF-8", what);
	if (strpbrk(name, forbidden))
		return error_set(err, ERR_INVALID, "%s must not hold any of %s", what, forbidden);
	if (utf8_has_control(rest))
		return error_set(err, ERR_INVALID, "%s holds a control character", what);
	return 0;
}

int domain_check(const char *domain, struct error *err)
{
	if (strlen(domain) > 253)
		return error_set(err, ERR_INVALID, "the domain is longer than 253 bytes");
	for (const char *p = domain; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return error_set(err, ERR_INVALID, "\"%.80s\" is not a domain name",
					 domain);
	return 0;
}

int if_match_parse(const char *header, int64_t *ret, struct error *err)
{
	int64_t n = 0;
	const char *p = header ? header : "*";
	*ret = 0;
	if (strcmp(p, "*") == 0)
		return 0;
	if (strchr(p, ','))
		return error_set(err, ERR_INVALID, "If-Match: only one entity tag is understood");
	size_t n_digits = *p == '"' ? strspn(p + 1, "0123456789") : 0;
	if (n_digits > 0 && n_digits < 19 && strcmp(p + 1 + n_digits, "\"") == 0)
		n = strtoll(p + 1, NULL, 10);
	if (n == 0)
		return error_set(err, ERR_PRECONDITION,
				 "If-Match: %.40s is no entity tag of this resource", p);
	*ret = n;
	return 0;
}

int api_if_match(struct http_request *req, int64_t *ret, struct error *err)
{
	return if_match_parse(http_header(req, "If-Match"), ret, err);
}

/* ---- answers ---- */

const char *etag_of(struct arena *a, int64_t revision)
{
	return arena_printf(a, "\"%lld\"", (long long)revision);
}

void api_reply(struct http_request *req, int status, int64_t revision, json_t *steals_body)
{
	if (revision != 0)
		http_reply_header(req, "ETag", etag_of(http_arena(req), revision));
	http_reply_json(req, status, steals_body);
}

void op_answer(struct op *op, int status, int64_t revision, json_t *steals_body)
{
	json_decref(op->body);
	op->status = status;
	op->body = steals_body;
	op->etag = revision ? etag_of(op->arena, revision) : NULL;
}

/* ---- off the worker ---- */

struct later {
	struct http_request *req;
	later_fn *fn;
	void *arg;
};

static void later_run(void *arg)
{
	struct later later = *(struct later *)arg; /* the arena goes with the answer */
	struct error err = { 0 };
	int r = later.fn(later.req, later.arg, &err);
	if (r == JOB_PASSED_ON)
		return;
	if (r != 0)
		http_reply_result(later.req, r, &err);
	http_resume(later.req);
}

void api_later(struct http_request *req, enum later_lane lane, later_fn *fn, void *arg)
{
	struct later *later = arena_new(http_arena(req), struct later);
	struct error err;
	*later = (struct later){ req, fn, arg };
	http_defer(req);
	int r = jobs_submit(api_of(req)->lanes[lane], later_run, later, &err);
	if (r == 0)
		return;
	http_reply_result(req, r, &err);
	http_resume(req);
}
