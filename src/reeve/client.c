/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP to the server: see client.h.
 */
#include "reeve/client.h"
#include "base/buf.h"
#include "base/crypto.h"
#include <curl/curl.h>
#include <errno.h>
#include <unistd.h>

#define ANSWER_MAX       (256u << 20) /* a page of a thousand devices is some 2 MiB */
#define PROBLEM_MAX      (1u << 20)
#define CONNECT_LIMIT_S  10L
#define STALLED_LIMIT_S  60L /* without a byte either way */
#define STREAM_STALLED_S 45L /* the server sends a comment every 15 s */

struct client {
	CURL *curl;
	char *server;            /* without slashes at its end */
	struct curl_slist *auth; /* the Authorization line, or NULL */
	char *token_missing, *token_path;
	json_t *mistakes; /* of the last refusal, or NULL */
};

/* One request under way. */
struct transfer {
	struct client *client;
	const struct request *q;
	struct buf answer; /* JSON or problem */
	long status;
	int failure;  /* -errno of our own side: reading or writing a file */
	bool stopped; /* on_piece() had enough */
};

/* ---- set-up ---- */

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       strncmp(host, "127.", 4) == 0;
}

static int check_server(const char *server, bool *ret_loopback, struct error *err)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *user = NULL, *host = NULL;
	bool ok = u && curl_url_set(u, CURLUPART_URL, server, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		  !strpbrk(server, "?#");
	*ret_loopback =
		ok && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && is_loopback(host);
	bool has_user = ok && curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;
	curl_free(scheme);
	curl_free(user);
	curl_free(host);
	curl_url_cleanup(u);
	if (ok && !has_user)
		return 0;
	return error_set(err, ERR_INVALID,
			 "the server \"%.200s\" is not an address such as http://127.0.0.1:8081 or "
			 "https://reeve.example.org",
			 has_user ? "…@…" : server);
}

static char *dup_or_null(const char *s)
{
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		abort();
	return copy;
}

static void set_up_curl(struct client *c, const char *ca_file, bool loopback)
{
	if (loopback) /* a proxy would look for it on its own machine */
		curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_LIMIT_S);
	curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "reeve/" REEVE_VERSION);
	curl_easy_setopt(c->curl, CURLOPT_ACCEPT_ENCODING, "");
	if (ca_file)
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, ca_file);
}

int client_new(const struct client_options *o, struct client **ret, struct error *err)
{
	bool loopback;
	int r = check_server(o->server, &loopback, err);
	if (r != 0)
		return r;
	if (o->ca_file && access(o->ca_file, R_OK) < 0)
		return error_set(err, ERR_INVALID, "cannot read the certificates in %s: %s",
				 o->ca_file, strerror(errno));
	struct client *c = calloc(1, sizeof *c);
	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(c->curl = curl_easy_init()))
		abort();
	c->server = dup_or_null(o->server);
	for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--)
		c->server[n - 1] = '\0';
	c->token_missing = dup_or_null(o->token_missing);
	c->token_path = dup_or_null(o->token_path);
	set_up_curl(c, o->ca_file, loopback);
	if (o->token) {
		CLEANUP(free_charp) char *line = NULL;
		if (asprintf(&line, "Authorization: Bearer %s", o->token) < 0)
			abort();
		c->auth = curl_slist_append(NULL, line);
		secret_erase(line, strlen(line));
	}
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	if (c->auth)
		secret_erase(c->auth->data, strlen(c->auth->data));
	curl_slist_free_all(c->auth);
	curl_easy_cleanup(c->curl);
	curl_global_cleanup();
	free(c->server);
	free(c->token_missing);
	free(c->token_path);
	json_decref(c->mistakes);
	free(c);
}

/* ---- errors ---- */

static enum err code_of_status(long status)
{
	for (int i = ERR_INVALID; i <= ERR_NO_SPACE; i++)
		if (err_http_status((enum err)i) == status)
			return (enum err)i;
	return status >= 400 && status < 500 ? ERR_INVALID : ERR_INTERNAL;
}

int client_problem(const char *server, long status, struct span body, struct error *err)
{
	AUTO_JSON j = NULL;
	const char *detail = NULL, *slug = NULL, *id = NULL;
	enum err code = code_of_status(status);
	if (json_parse(body, &j, NULL) == 0 && json_is_object(j)) {
		(void)!json_read_str(j, "detail", false, &detail, NULL);
		(void)!json_read_str(j, "code", false, &slug, NULL);
		(void)!json_read_str(j, "request_id", false, &id, NULL);
		if (!detail)
			(void)!json_read_str(j, "title", false, &detail, NULL);
	}
	if (!detail)
		return error_set(err, status >= 500 ? ERR_UNAVAILABLE : code,
				 "%s answered with status %ld and no explanation; is it a Reeve "
				 "server?",
				 server, status);
	/* A code that we do not know is a newer server's; its status still says what kind it is. */
	if (slug && strcmp(err_slug(err_from_slug(slug)), slug) == 0)
		code = err_from_slug(slug);
	if (status >= 500 && id)
		return error_set(err, code, "%s (request %s)", detail, id);
	return error_set(err, code, "%s", detail);
}

static void keep_mistakes(struct client *c, struct span body)
{
	AUTO_JSON j = NULL;
	json_t *mistakes = NULL;
	json_decref(c->mistakes);
	c->mistakes = NULL;
	if (json_parse(body, &j, NULL) == 0 && json_is_object(j))
		(void)!json_read_array(j, "errors", false, &mistakes, NULL);
	c->mistakes = json_incref(mistakes);
}

const json_t *client_mistakes(const struct client *c)
{
	return c->mistakes;
}

/* A refused token, with what the server cannot know: where it came from. */
static int unauthenticated(const struct client *c, struct error *err)
{
	if (!c->auth)
		return error_set(err, ERR_UNAUTHENTICATED, "%s",
				 c->token_missing ? c->token_missing
						  : "the server wants an API token");
	if (c->token_path)
		return error_set(err, ERR_UNAUTHENTICATED,
				 "the server does not accept the API token in %s: it is unknown, "
				 "expired or revoked, or belongs to another server",
				 c->token_path);
	return ERR_UNAUTHENTICATED;
}

static int unreachable(const struct client *c, CURLcode code, const char *what, struct error *err)
{
	const char *reason = what[0] ? what : curl_easy_strerror(code);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(err, ERR_UNAVAILABLE,
				 "the file of --ca-file holds no certificates (%s)", reason);
	if (code == CURLE_GOT_NOTHING && strncmp(c->server, "http://", 7) == 0)
		return error_set(err, ERR_UNAVAILABLE,
				 "%s answers nothing to http://; is it https://%s?", c->server,
				 c->server + 7);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return error_set(
			err, ERR_UNAVAILABLE,
			"%s does not prove who it is (%s); if its certificate is your own, "
			"give it with --ca-file",
			c->server, reason);
	return error_set(err, ERR_UNAVAILABLE,
			 "cannot reach the server at %s (%s); is reeved running? Start it, or say "
			 "where it is with --server or REEVE_SERVER",
			 c->server, reason);
}

/* ---- one transfer ---- */

static size_t on_answer(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	struct span piece = { (const uint8_t *)p, size * n };
	curl_easy_getinfo(t->client->curl, CURLINFO_RESPONSE_CODE, &t->status);
	bool good = t->status >= 200 && t->status < 300;
	if (good && t->q->on_piece) {
		t->stopped = !t->q->on_piece(t->q->user, piece);
		return t->stopped ? 0 : piece.n;
	}
	if (good && t->q->answer_fd >= 0) {
		struct span left = piece;
		while (left.n > 0 && t->failure == 0) {
			ssize_t done = write(t->q->answer_fd, left.p, left.n);
			if (done < 0 && errno != EINTR)
				t->failure = -errno;
			left.p += done > 0 ? done : 0;
			left.n -= done > 0 ? (size_t)done : 0;
		}
		return t->failure == 0 ? piece.n : 0;
	}
	if (t->answer.n + piece.n > (good ? ANSWER_MAX : PROBLEM_MAX))
		return 0;
	buf_add(&t->answer, piece.p, piece.n);
	return t->answer.failed ? 0 : piece.n;
}

static size_t on_body_wanted(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	ssize_t got;
	do
		got = read(t->q->body_fd, p, size * n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		t->failure = -errno;
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* libcurl sends the body again on a connection that had gone stale. */
static int on_body_rewind(void *user, curl_off_t offset, int origin)
{
	struct transfer *t = user;
	return lseek(t->q->body_fd, offset, origin) < 0 ? CURL_SEEKFUNC_CANTSEEK : CURL_SEEKFUNC_OK;
}

static struct curl_slist *add_line(struct curl_slist *list, const char *name, const char *value)
{
	CLEANUP(free_charp) char *line = NULL;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		abort();
	struct curl_slist *longer = curl_slist_append(list, line);
	if (!longer)
		abort();
	return longer;
}

/* The caller frees it; the token's line is copied from the client's. */
static struct curl_slist *make_headers(const struct client *c, const struct request *q)
{
	struct curl_slist *h = NULL;
	if (c->auth)
		h = curl_slist_append(h, c->auth->data);
	h = add_line(
		h, "Accept",
		q->on_piece
			? "text/event-stream"
			: "application/json, application/problem+json, application/octet-stream");
	if (q->json || q->body_fd >= 0)
		h = add_line(h, "Content-Type",
			     q->json ? "application/json" : "application/octet-stream");
	if (q->idempotency_key)
		h = add_line(h, "Idempotency-Key", q->idempotency_key);
	if (q->last_event_id)
		h = add_line(h, "Last-Event-ID", q->last_event_id);
	return add_line(h, "Expect", ""); /* no "100-continue": it costs a round trip */
}

static void set_body(struct transfer *t, const char *json)
{
	CURL *curl = t->client->curl;
	if (json) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(json));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
	} else if (t->q->body_fd >= 0) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_body_wanted);
		curl_easy_setopt(curl, CURLOPT_READDATA, t);
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_body_rewind);
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, t);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->q->body_size);
	} else if (strcmp(t->q->method, "POST") == 0 || strcmp(t->q->method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, t->q->method);
}

static CURLcode perform(struct transfer *t, char what[CURL_ERROR_SIZE])
{
	CURL *curl = t->client->curl;
	CLEANUP(free_charp) char *url = NULL;
	CLEANUP(free_charp) char *json = t->q->json ? json_text(t->q->json) : NULL;
	struct curl_slist *headers = make_headers(t->client, t->q);
	if (asprintf(&url, "%s%s", t->client->server, t->q->path) < 0)
		abort();
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, what);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
			 t->q->on_piece ? STREAM_STALLED_S : STALLED_LIMIT_S);
	set_body(t, json);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 0L);
	if (headers && t->client->auth)
		secret_erase(headers->data, strlen(headers->data));
	curl_slist_free_all(headers);
	return code;
}

static int take_answer(struct transfer *t, json_t **ret, struct error *err)
{
	struct error problem;
	if (t->status < 200 || t->status >= 300) {
		int r = client_problem(t->client->server, t->status, buf_span(&t->answer), err);
		keep_mistakes(t->client, buf_span(&t->answer));
		return r == ERR_UNAUTHENTICATED ? unauthenticated(t->client, err) : r;
	}
	if (!ret || t->answer.n == 0)
		return 0;
	int r = json_parse(buf_span(&t->answer), ret, &problem);
	if (r > 0)
		return error_set(err, ERR_UNAVAILABLE,
				 "%s did not answer as a Reeve server does: %s", t->client->server,
				 problem.message);
	return r;
}

int client_send(struct client *c, const struct request *q, json_t **ret, struct error *err)
{
	char what[CURL_ERROR_SIZE] = "";
	struct transfer t = { .client = c, .q = q };
	buf_init(&t.answer, ANSWER_MAX);
	if (ret)
		*ret = NULL;
	CURLcode code = perform(&t, what);
	int r;
	if (t.failure != 0)
		r = t.failure;
	else if (t.stopped)
		r = 0;
	else if (t.status != 0 &&
		 t.status / 100 != 2) /* refused early: the rest of the body was not wanted */
		r = take_answer(&t, ret, err);
	else if (code != CURLE_OK)
		r = unreachable(c, code, what, err);
	else
		r = take_answer(&t, ret, err);
	buf_fini(&t.answer);
	return r;
}
