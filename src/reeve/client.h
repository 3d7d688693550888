/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin API's client over libcurl: one connection, kept open for the pages of a list.
 *
 * Refusals of the server (problem+json) come back as the positive error that their "code" names, with the
 * "detail" as the sentence; a server that cannot be reached, or is not Reeve, as ERR_UNAVAILABLE
 * with a sentence that says what to do. Redirects are not followed: the token stays with the server that
 * it is for.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

struct client; /* heap, one owner */

struct client_options {
	const char *server;        /* "http://127.0.0.1:8081" */
	const char *token;         /* NULL: none */
	const char *ca_file;       /* NULL: the system's certificates only */
	const char *token_missing; /* what to say for a 401 when there is no token */
	const char *token_path;    /* where the token came from, for a 401 */
};

struct request {
	const char *method;
	const char *path;            /* "/api/v1/devices?limit=5" */
	const json_t *json;          /* body, or NULL */
	const char *idempotency_key; /* or NULL */
	int body_fd;                 /* raw body of body_size bytes from here; -1: none */
	int64_t body_size;
	int answer_fd; /* a good answer's body goes there; -1: it is JSON */
	/* A stream instead of an answer: every piece of a good answer's body. false: stop. */
	bool (*on_piece)(void *user, struct span piece);
	void *user;
	const char *last_event_id; /* of a stream to take up again; or NULL */
};
#define REQUEST_INIT(m, p)                                                                         \
	(struct request)                                                                           \
	{                                                                                          \
		.method = (m), .path = (p), .body_fd = -1, .answer_fd = -1                         \
	}

int client_new(const struct client_options *o, struct client **ret, struct error *err) WARN_UNUSED;
void client_free(struct client *c);
/* *ret: the answer's JSON, owned; NULL for an empty answer. May be NULL when none is wanted. */
int client_send(struct client *c, const struct request *q, json_t **ret,
		struct error *err) WARN_UNUSED;

/* The "errors" of the last refusal: an array of objects, all that is wrong with a large body. NULL:
 * there were none. The client's. */
const json_t *client_mistakes(const struct client *c);

/* The error of an answer with status 'status' and this body; always positive. */
int client_problem(const char *server, long status, struct span body, struct error *err);
