/* SPDX-License-Identifier: Apache-2.0
 *
 * See access.h. RFC 7523: the assertion is the grant. Token and assertion are erased when they are
 * done with.
 */
#include "net/fcm/access.h"
#include "base/crypto.h"
#include <errno.h>

#define EARLY_MS      ((int64_t)60 * 1000)
#define ASSERTION_MAX 8192
#define GRANT         "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define AUTHORIZATION "Authorization: Bearer "

int access_init(struct access *a, const char *credentials_path, const atomic_bool *stop,
		struct error *err)
{
	*a = (struct access){ 0 };
	int r = credential_load(credentials_path, &a->credential, err);
	if (r == 0)
		post_init(&a->post);
	a->post.stop = stop;
	return r;
}

void access_fini(struct access *a)
{
	access_drop(a);
	post_fini(&a->post);
	credential_fini(&a->credential);
}

void access_drop(struct access *a)
{
	for (struct curl_slist *h = a->headers; h; h = h->next)
		secret_erase(h->data, strlen(h->data));
	curl_slist_free_all(a->headers);
	a->headers = NULL;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *text)
{
	struct curl_slist *all = curl_slist_append(headers, text);
	if (!all)
		abort();
	return all;
}

static void keep(struct access *a, const char *token, int64_t now_ms, int64_t life_ms)
{
	char header[sizeof AUTHORIZATION + ACCESS_TOKEN_MAX];
	snprintf(header, sizeof header, AUTHORIZATION "%s", token);
	a->headers = add_header(NULL, header);
	a->headers = add_header(a->headers, "Content-Type: application/json");
	a->expires_ms = now_ms + life_ms - EARLY_MS;
	secret_erase(header, sizeof header);
}

static int read_answer(struct access *a, int64_t now_ms, char reason[REASON_SIZE])
{
	long status = post_status(&a->post);
	char token[ACCESS_TOKEN_MAX];
	int64_t life_ms;
	answer_access_reason(status, buf_span(&a->post.body), reason);
	if (status == 429 || status >= 500)
		return ACCESS_BUSY;
	if (status != 200)
		return ACCESS_REFUSED;
	if (!answer_read_access(buf_span(&a->post.body), token, &life_ms)) {
		snprintf(reason, REASON_SIZE, "an answer without an access token");
		return ACCESS_REFUSED;
	}
	keep(a, token, now_ms, life_ms);
	secret_erase(token, sizeof token);
	return 0;
}

/* Posts the assertion that 'form' holds. */
static int ask(struct access *a, const struct buf *form, int64_t now_ms, int64_t timeout_ms,
	       char reason[REASON_SIZE])
{
	post_prepare(&a->post, a->credential.token_uri, NULL, buf_str(form), timeout_ms);
	CURLcode code = curl_easy_perform(a->post.easy);
	if (code != CURLE_OK) {
		snprintf(reason, REASON_SIZE, "%s", curl_easy_strerror(code));
		return ACCESS_BUSY;
	}
	return read_answer(a, now_ms, reason);
}

int access_ensure(struct access *a, int64_t now_ms, int64_t timeout_ms, char reason[REASON_SIZE])
{
	struct buf form;
	if (a->headers && now_ms < a->expires_ms)
		return 0;
	access_drop(a);
	buf_init(&form, ASSERTION_MAX);
	buf_add_str(&form, GRANT);
	int r = credential_assertion(&a->credential, now_ms, &form);
	if (r == 0)
		r = ask(a, &form, now_ms, timeout_ms, reason);
	if (form.p)
		secret_erase(form.p, form.cap);
	buf_fini(&form);
	return r;
}
