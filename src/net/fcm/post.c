/* SPDX-License-Identifier: Apache-2.0
 *
 * See post.h. Nothing is followed (redirects), nothing is remembered (cookies), and only the two web
 * protocols are spoken.
 */
#include "net/fcm/post.h"
#include "base/crypto.h"

#define BODY_BYTES_MAX     65536
#define CONNECT_TIMEOUT_MS 5000

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct buf *body = user;
	buf_add(body, p, size * n);
	return body->failed ? 0 : size * n; /* 0 ends the transfer */
}

static int on_progress(void *user, curl_off_t down, curl_off_t down_now, curl_off_t up,
		       curl_off_t up_now)
{
	const atomic_bool *stop = user;
	return atomic_load(stop) ? 1 : 0;
}

void post_init(struct post *p)
{
	p->easy = curl_easy_init();
	if (!p->easy)
		abort();
	buf_init(&p->body, BODY_BYTES_MAX);
}

static void erase_body(struct post *p)
{
	if (p->body.p)
		secret_erase(p->body.p, p->body.cap);
}

void post_fini(struct post *p)
{
	curl_easy_cleanup(p->easy);
	erase_body(p);
	buf_fini(&p->body);
	p->easy = NULL;
}

void post_prepare(struct post *p, const char *url, struct curl_slist *headers, const char *payload,
		  int64_t timeout_ms)
{
	erase_body(p);
	buf_reset(&p->body);
	curl_easy_reset(p->easy); /* connections and sessions stay */
	curl_easy_setopt(p->easy, CURLOPT_URL, url);
	curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(p->easy, CURLOPT_PIPEWAIT, 1L); /* a stream rather than a connection */
	curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->easy, CURLOPT_USERAGENT, "reeve/" REEVE_VERSION);
	curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(p->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, payload);
	curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, &p->body);
	if (!p->stop)
		return;
	curl_easy_setopt(p->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(p->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(p->easy, CURLOPT_XFERINFODATA, p->stop);
}

long post_status(const struct post *p)
{
	long status = 0;
	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

int64_t post_retry_after_ms(const struct post *p)
{
	curl_off_t seconds = 0;
	curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &seconds);
	return seconds > 0 && seconds < 1000000 ? (int64_t)seconds * 1000 : 0;
}
