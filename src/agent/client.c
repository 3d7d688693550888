/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP to the one server; client.h has the contract. download.c has the transfers of files.
 *
 * Every handle is made by client_handle(), so what is said there about trust holds for all.
 */
#include "agent/client.h"
#include "agent/client-private.h"
#include "base/crypto.h"
#include <arpa/inet.h>
#include <errno.h>

#define CONNECT_TIMEOUT_MS 10000

struct client_call {
	struct client *client;
	CURL *easy;
	struct curl_slist *headers;
	struct answer_head head;
	struct buf body;
	char trouble[CURL_ERROR_SIZE + 64];
	client_fn *fn;
	void *user;
};

/* ---- the URL ---- */

static bool is_loopback(const char *host)
{
	struct in_addr a4;
	struct in6_addr a6;
	char bare[64];
	size_t n = strlen(host);
	if (strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &a4) == 1)
		return ntohl(a4.s_addr) >> 24 == 127;
	if (n < 3 || n - 2 >= sizeof bare || host[0] != '[' || host[n - 1] != ']')
		return false;
	memcpy(bare, host + 1, n - 2);
	bare[n - 2] = '\0';
	return inet_pton(AF_INET6, bare, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
}

static void free_curl(char **p)
{
	curl_free(*p);
}

static void free_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static bool url_has(CURLU *u, CURLUPart part)
{
	CLEANUP(free_curl) char *text = NULL;
	return curl_url_get(u, part, &text, 0) == CURLUE_OK;
}

static int check_scheme(CURLU *u, bool insecure_http, struct error *err)
{
	CLEANUP(free_curl) char *scheme = NULL;
	CLEANUP(free_curl) char *host = NULL;
	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0))
		return error_set(err, ERR_INVALID, "the server's address has no host");
	if (strcmp(scheme, "https") == 0)
		return 0;
	if (strcmp(scheme, "http") != 0)
		return error_set(err, ERR_INVALID,
				 "the server's address must be https://…, not %.20s://", scheme);
	if (!insecure_http && !is_loopback(host))
		return error_set(err, ERR_INVALID,
				 "http:// to %.100s would send the device's token in clear: use "
				 "https://, or --insecure-http if you know the network",
				 host);
	return 0;
}

int client_url(const char *server, bool insecure_http, char **ret, struct error *err)
{
	CLEANUP(free_url) CURLU *u = curl_url();
	CLEANUP(free_curl) char *text = NULL;
	if (!u)
		abort();
	CURLUcode code = curl_url_set(u, CURLUPART_URL, server, 0);
	if (code)
		return error_set(err, ERR_INVALID, "\"%.100s\" is not the address of a server: %s",
				 server, curl_url_strerror(code));
	if (url_has(u, CURLUPART_USER) || url_has(u, CURLUPART_PASSWORD) ||
	    url_has(u, CURLUPART_QUERY) || url_has(u, CURLUPART_FRAGMENT))
		return error_set(
			err, ERR_INVALID,
			"the server's address must not have a user, a query or a fragment");
	int r = check_scheme(u, insecure_http, err);
	if (r)
		return r;
	if (curl_url_get(u, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT))
		return error_set(err, ERR_INVALID, "\"%.100s\" is not the address of a server",
				 server);
	size_t n = strlen(text);
	while (n > 0 && text[n - 1] == '/')
		n--;
	*ret = strndup(text, n);
	if (!*ret)
		abort();
	return 0;
}

/* ---- the client ---- */

static char *copy_or_null(const char *s)
{
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		abort();
	return copy;
}

static int check_pin(const struct client *c, struct error *err)
{
	static const char prefix[] = "sha256//";
	uint8_t hash[SHA256_SIZE];
	CLEANUP(buf_fini) struct buf raw;
	buf_init(&raw, sizeof hash + 1);
	if (strncmp(c->pin, prefix, sizeof prefix - 1) != 0 ||
	    !base64_decode(span_str(c->pin + sizeof prefix - 1), &raw) || raw.n != sizeof hash)
		return error_set(
			err, ERR_INVALID,
			"the pin must be sha256// and the base64 of a public key's SHA-256");
	if (strncmp(c->server, "https://", 8) != 0)
		return error_set(err, ERR_INVALID, "a pin needs https://");
	return 0;
}

int client_new(const struct client_options *o, struct client **ret, struct error *err)
{
	struct client *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	int r = client_url(o->server, o->insecure_http, &c->server, err);
	c->ca = copy_or_null(o->ca);
	c->pin = copy_or_null(o->pin);
	if (r == 0 && c->pin)
		r = check_pin(c, err);
	if (r == 0 && !(c->multi = curl_multi_init()))
		abort();
	if (r) {
		client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(c->calls); i++)
		client_cancel(c->calls[i]);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	client_set_token(c, NULL);
	free(c->server);
	free(c->ca);
	free(c->pin);
	free(c);
}

const char *client_server(const struct client *c)
{
	return c->server;
}

void client_set_token(struct client *c, const char *token_or_null)
{
	if (c->token)
		secret_erase(c->token, strlen(c->token));
	free(c->token);
	c->token = copy_or_null(token_or_null);
}

CURL *client_handle(struct client *c, const char *path)
{
	CURL *easy = curl_easy_init();
	CLEANUP(free_charp) char *url = NULL;
	bool tls = strncmp(c->server, "https://", 8) == 0;
	if (!easy || asprintf(&url, "%s%s", c->server, path) < 0)
		abort();
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (c->ca) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (c->pin)
		curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, c->pin);
	if (!tls) /* a proxy would see the token */
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "reeve-agent/" REEVE_VERSION);
	return easy;
}

struct curl_slist *client_header(struct curl_slist *list, const char *name, const char *value)
{
	CLEANUP(free_charp) char *line = NULL;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		abort();
	struct curl_slist *longer = curl_slist_append(list, line);
	if (!longer)
		abort();
	secret_erase(line, strlen(line));
	return longer;
}

struct curl_slist *client_bearer(const struct client *c, struct curl_slist *list)
{
	CLEANUP(free_charp) char *value = NULL;
	if (!c->token)
		return list;
	if (asprintf(&value, "Bearer %s", c->token) < 0)
		abort();
	list = client_header(list, "Authorization", value);
	secret_erase(value, strlen(value));
	return list;
}

void client_free_headers(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		secret_erase(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

size_t client_on_header(char *p, size_t size, size_t n, void *user)
{
	struct answer_head *h = user;
	struct span line = { (const uint8_t *)p, size * n };
	if (line.n > 5 &&
	    memcmp(p, "HTTP/", 5) == 0) /* a further head (100 Continue) starts anew */
		answer_head_init(h);
	else
		answer_head_line(h, line);
	return size * n;
}

/* ---- calls ---- */

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct client_call *call = user;
	buf_add(&call->body, p, size * n);
	return call->body.failed ? 0 : size * n;
}

static struct client_call **free_place(struct client *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->calls); i++)
		if (!c->calls[i])
			return &c->calls[i];
	return NULL;
}

static void set_headers(struct client_call *call, const struct client_request *r)
{
	struct curl_slist *list = client_header(NULL, "Expect", "");
	if (r->body)
		list = client_header(list, "Content-Type", "application/json");
	if (r->if_none_match && *r->if_none_match)
		list = client_header(list, "If-None-Match", r->if_none_match);
	if (!r->without_token)
		list = client_bearer(call->client, list);
	call->headers = list;
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, list);
}

static void set_body(struct client_call *call, const struct client_request *r)
{
	bool get = strcmp(r->method, "GET") == 0;
	if (!get) { /* POST in curl's words is "with a body"; the method is its own matter */
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(r->body ? strlen(r->body) : 0));
		curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, r->body ? r->body : "");
	}
	curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

int client_start(struct client *c, const struct client_request *r, client_fn *fn, void *user,
		 struct client_call **ret)
{
	struct client_call **place = free_place(c);
	if (!place)
		return -EBUSY;
	struct client_call *call = calloc(1, sizeof *call);
	if (!call)
		abort();
	*call = (struct client_call){ .client = c, .fn = fn, .user = user };
	buf_init(&call->body, ANSWER_BODY_MAX);
	answer_head_init(&call->head);
	call->easy = client_handle(c, r->path);
	set_headers(call, r);
	set_body(call, r);
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, client_on_header);
	curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, &call->head);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->trouble);
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
		abort();
	*place = *ret = call;
	return 0;
}

void client_cancel(struct client_call *call)
{
	if (!call)
		return;
	struct client *c = call->client;
	for (size_t i = 0; i < ARRAY_SIZE(c->calls); i++)
		if (c->calls[i] == call)
			c->calls[i] = NULL;
	curl_multi_remove_handle(c->multi, call->easy);
	curl_easy_cleanup(call->easy);
	client_free_headers(call->headers);
	buf_fini(&call->body);
	free(call);
}

void client_trouble(const struct client *c, CURLcode code, const char *detail, char *text,
		    size_t size)
{
	snprintf(text, size, "%s: %s", c->server, detail[0] ? detail : curl_easy_strerror(code));
}

static void complete(struct client_call *call, CURLcode code)
{
	char trouble[sizeof call->trouble + 256] = "";
	long status = 0;
	curl_off_t took_us = 0;
	if (code != CURLE_OK && call->body.failed)
		snprintf(call->trouble, sizeof call->trouble, "its answer is longer than %d bytes",
			 ANSWER_BODY_MAX);
	if (code != CURLE_OK)
		client_trouble(call->client, code, call->trouble, trouble, sizeof trouble);
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	call->head.status = (int)status;
	const struct client_reply reply = {
		.head = call->head,
		.body = code == CURLE_OK ? buf_span(&call->body) : (struct span){ 0 },
		.trouble = code == CURLE_OK ? NULL : trouble,
		.took_ms = (int64_t)took_us / 1000 + 1,
	};
	call->fn(call->user, &reply);
	client_cancel(call);
}

void client_run(struct client *c)
{
	struct client_call *call;
	const CURLMsg *m;
	int running, left;
	curl_multi_perform(c->multi, &running);
	while ((m = curl_multi_info_read(c->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result; /* 'm' dies with the handle */
		if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK)
			complete(call, code);
	}
}

int client_poll(struct client *c, struct curl_waitfd *others, unsigned n, int64_t timeout_ms)
{
	int ready;
	if (timeout_ms > INT32_MAX)
		timeout_ms = INT32_MAX;
	CURLMcode code = curl_multi_poll(c->multi, others, n, (int)timeout_ms, &ready);
	if (code != CURLM_OK)
		return -EIO;
	client_run(c);
	return 0;
}

/* ---- waiting ---- */

int client_refusal(const struct answer_head *h, struct span body, struct error *err)
{
	static const struct {
		int status;
		enum err code;
	} rows[] = { { 401, ERR_UNAUTHENTICATED },
		     { 403, ERR_FORBIDDEN },
		     { 404, ERR_NOT_FOUND },
		     { 410, ERR_GONE },
		     { 429, ERR_RATE_LIMITED } };
	struct error sentence = { 0 };
	enum err code = ERR_UNAVAILABLE;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == h->status)
			code = rows[i].code;
	if (answer_kind(h, body, &sentence) == SYNC_OK)
		return error_set(err, code, "the server answered %d", h->status);
	return error_set(err, code, "%s", sentence.message);
}

struct wait { /* of client_get() */
	struct buf *body;
	struct error *err;
	int r; /* -1: not answered yet */
};

static void on_got(void *user, const struct client_reply *reply)
{
	struct wait *w = user;
	if (reply->trouble)
		w->r = error_set(w->err, ERR_UNAVAILABLE, "%s", reply->trouble);
	else if (reply->head.status != 200)
		w->r = client_refusal(&reply->head, reply->body, w->err);
	else
		w->r = 0;
	if (w->r == 0)
		buf_add(w->body, reply->body.p, reply->body.n);
}

int client_get(struct client *c, const char *path, struct buf *ret_body, struct error *err)
{
	const struct client_request request = { .method = "GET",
						.path = path,
						.timeout_ms = 30000 };
	struct wait w = { ret_body, err, -1 };
	struct client_call *call;
	int r = client_start(c, &request, on_got, &w, &call);
	while (r == 0 && w.r < 0)
		r = client_poll(c, NULL, 0, 1000);
	if (r < 0)
		return error_set(err, ERR_INTERNAL, "%s", strerror(-r));
	return w.r;
}
