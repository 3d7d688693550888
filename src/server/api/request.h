/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers of the admin API share: their shape, the organization a request acts in, its
 * preconditions and its body.
 *
 * A handler is written as a function that has answered (or deferred) the request when it returns
 * 0, and else returns an error that is answered for it:
 *
 *   API_HANDLER(fleet_show)
 *   {
 *           …
 *           int r = api_fleet(req, conn, &fleet, err);
 *           if (r != 0)
 *                   return r;
 *           api_reply(req, 200, fleet.revision, fleet_to_json(…));
 *           return 0;
 *   }
 */
#pragma once

#include "server/api/field.h"
#include "server/server.h"

typedef int api_fn(struct http_request *req, struct error *err);
void api_answer(struct http_request *req, api_fn *fn);

#define API_HANDLER(name)                                                                          \
	static int name##_run(struct http_request *req, struct error *err);                        \
	void name(struct http_request *req)                                                        \
	{                                                                                          \
		api_answer(req, name##_run);                                                       \
	}                                                                                          \
	static int name##_run(struct http_request *req, struct error *err)

/* This thread's connection for reading. */
struct store_conn *api_conn(struct http_request *req);

/* ---- who and where ---- */

/* ERR_FORBIDDEN unless the principal holds the scope. */
int api_may(struct http_request *req, const char *scope, struct error *err) WARN_UNUSED;
/* ERR_FORBIDDEN for a principal that is bound to an organization. */
int api_unbound(struct http_request *req, struct error *err) WARN_UNUSED;
/* May this principal see and change things of the organization (0: of the server)? */
bool api_in_reach(struct http_request *req, int64_t org_id);
/* The organization of the request: ?org=, or the principal's own, or the first. */
int api_org(struct http_request *req, struct store_conn *c, struct organization *ret,
	    struct error *err) WARN_UNUSED;
/* The same for a reference out of a body; "" or NULL: as without ?org=. */
int api_org_ref(struct http_request *req, struct store_conn *c, const char *ref,
		struct organization *ret, struct error *err) WARN_UNUSED;
/* {fleet} of the path, in the request's organization. */
int api_fleet(struct http_request *req, struct store_conn *c, struct fleet *ret,
	      struct error *err) WARN_UNUSED;
/* {id} of the path; another organization's device is ERR_NOT_FOUND. */
int api_device(struct http_request *req, struct store_conn *c, struct device *ret,
	       struct error *err) WARN_UNUSED;

/* ---- what ---- */

/* The body, checked against the schema. Owned by the request. */
int api_body(struct http_request *req, const struct schema *s, json_t **ret,
	     struct error *err) WARN_UNUSED;
/* The text of a key, "" when it is not there; the body was checked. */
const char *body_text(const json_t *body, const char *key);
/* An id or a name as text, in the arena; "" when it is not there. */
const char *body_ref(const json_t *body, const char *key, struct arena *a);
bool body_has(const json_t *body, const char *key); /* there and not null */
/* A list of texts, joined with spaces, in the arena. ERR_INVALID: one of them holds a space. */
int body_words(const json_t *body, const char *key, struct arena *a, const char **ret,
	       struct error *err) WARN_UNUSED;
/* "24h" or a number of seconds from now on -> UTC ms; 0 when it is not there. */
int body_expiry(const json_t *body, const char *key, int64_t now_ms, int64_t *ret,
		struct error *err) WARN_UNUSED;
/* Names for people: 1..128 bytes, no control characters, no outer blanks, nothing of 'forbidden'. */
int name_check(const char *what, const char *name, const char *forbidden,
	       struct error *err) WARN_UNUSED;

/* A domain name, or "". */
int domain_check(const char *domain, struct error *err) WARN_UNUSED;

/* The revision in If-Match; 0: no precondition. A tag that cannot be ours is ERR_PRECONDITION. */
int api_if_match(struct http_request *req, int64_t *ret, struct error *err) WARN_UNUSED;
/* The same for any text of the header; for tests. */
int if_match_parse(const char *header, int64_t *ret, struct error *err) WARN_UNUSED;

/* ---- answers ---- */

const char *etag_of(struct arena *a, int64_t revision);
/* 200-like with a body; revision 0: no ETag. */
void api_reply(struct http_request *req, int status, int64_t revision, json_t *steals_body);
/* For apply(), which may run twice: sets status, body and (revision not 0) ETag of the op. */
void op_answer(struct op *op, int status, int64_t revision, json_t *steals_body);

/* ---- off the worker ---- */

/* On a job's thread: 0: replied, to be resumed; JOB_PASSED_ON: someone else resumes it, and the
 * request and its arena may be gone already; or an error that is answered for it. */
typedef int later_fn(struct http_request *req, void *arg, struct error *err);
#define JOB_PASSED_ON (-100000) /* no errno is that low */
enum later_lane {
	LATER_PASSWORD, /* scrypt */
	LATER_WORK,     /* whatever is long: lists without end, plans, uploads, backups */
};
/* Defers the request. When too much is waiting it is answered with ERR_UNAVAILABLE. */
void api_later(struct http_request *req, enum later_lane lane, later_fn *fn, void *arg);
