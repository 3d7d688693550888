/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP to the one server, over libcurl: several requests at a time on one thread, no callback before
 * client_start() returns.
 *
 * Trust: TLS is always verified (a CA file and a pinned key may narrow it down), redirects are never
 * followed, the device token goes nowhere but to the server's URL, plain http:// works to loopback
 * only unless the machine's administrator said otherwise, and every answer has a size and a time limit.
 */
#pragma once

#include "agent/answer.h"
#include "base/buf.h"
#include <curl/curl.h>

struct client; /* heap, one owner */
struct client_call;

struct client_options {
	const char *server; /* URL, may have a path */
	const char *ca;     /* PEM file that replaces the system's certificates; NULL */
	const char *pin;    /* "sha256//…", as curl's --pinnedpubkey; NULL */
	bool insecure_http;
};

struct client_request {
	const char *method;
	const char *path;          /* from "/device/v1/" on */
	const char *body;          /* JSON, copied; NULL: none */
	const char *if_none_match; /* an ETag of an earlier answer; NULL or "": none */
	int64_t timeout_ms;        /* for all of it */
	bool without_token;        /* enrollment */
};

struct client_reply {
	struct answer_head head;
	struct span body;
	const char *trouble; /* a sentence when no whole answer came; else NULL */
	int64_t took_ms;     /* with connecting, rounded up */
};

typedef void client_fn(void *user, const struct client_reply *reply);

/* Checks and normalizes a server's URL (no user, query or fragment; no slash at the end). *ret: heap. */
int client_url(const char *server, bool insecure_http, char **ret, struct error *err) WARN_UNUSED;

int client_new(const struct client_options *o, struct client **ret, struct error *err) WARN_UNUSED;
void client_free(struct client *c); /* cancels what is under way */
const char *client_server(const struct client *c);
void client_set_token(struct client *c, const char *token_or_null); /* copied */

int client_start(struct client *c, const struct client_request *r, client_fn *fn, void *user,
		 struct client_call **ret) WARN_UNUSED; /* 0 or -errno */
void client_cancel(struct client_call *call);           /* 'fn' is not called any more */

/* Waits for the network, for the descriptors of 'others', or for the time; then runs what is ready. */
int client_poll(struct client *c, struct curl_waitfd *others, unsigned n,
		int64_t timeout_ms) WARN_UNUSED;
void client_run(struct client *c);

/* One GET, waited for; for worker processes. 0 with *ret_body filled, or a positive code and why. */
int client_get(struct client *c, const char *path, struct buf *ret_body,
	       struct error *err) WARN_UNUSED;
/* Downloads a deployable whose size and SHA-256 are known to 'path' (made or replaced, 0600), resuming
 * broken transfers; waits, for worker processes. 'cancelled' is asked now and then (NULL: never).
 * Nothing is left at 'path' unless it returns 0. */
int client_download(struct client *c, int64_t file_id, const struct answer_file *file,
		    const char *path, bool (*cancelled)(void), struct error *err) WARN_UNUSED;
