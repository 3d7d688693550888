/* SPDX-License-Identifier: Apache-2.0
 *
 * Rings over one curl multi handle, see fcm.h. A call is a batch: a queue of tokens, and up to
 * STREAMS_MAX requests flying (over HTTP/2 all on one connection, over HTTP/1.1 on a few).
 *
 *     queue -> flying -> answered
 *        ^        |
 *        +--------+  401: back into the queue, once per batch, with a new access token
 *
 * A batch is closed when going on makes no sense (FCM is busy, the credential is refused, time is
 * up, somebody interrupts): nothing new starts, and what is left in the queue gets the answer that
 * it was closed with. What flies is waited for, except when time is up.
 */
#include "net/fcm/fcm.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "net/fcm/access.h"
#include "net/fcm/backoff.h"
#include <errno.h>
#include <stdatomic.h>

#define STREAMS_MAX        100
#define CONNECTIONS_MAX    8L /* to a server that speaks HTTP/1.1 only */
#define TIMEOUT_MS         ((int64_t)10 * 1000)
#define TOTAL_MS           ((int64_t)60 * 1000)
#define POLL_MS            1000
#define BUSY_MS            ((int64_t)60 * 1000) /* after a 429 that does not say how long */
#define FAILURES_TOLERATED 8 /* 5xx in a row before it is FCM as a whole, and not one message */
#define DEVICE_TOKEN_MAX   4096

struct ring { /* one request, used again and again */
	struct post post;
	char *payload; /* owned while flying */
	size_t index;  /* of the token in its batch */
	bool flying;
	struct ring *next; /* idle list */
};

struct fcm {
	struct access access;
	struct backoff backoff;
	CURLM *multi;
	char *url; /* where messages go */
	int64_t timeout_ms, total_ms;
	struct ring rings[STREAMS_MAX];
	struct ring *idle;
	atomic_bool interrupted;
};

struct batch {
	struct fcm *f;
	const char *const *tokens;
	size_t *queue; /* indexes of tokens; owned */
	size_t head, tail, n_flying;
	bool token_refused; /* a 401 came back: wait for what flies, then get another token */
	bool token_renewed; /* that was done: no second time */
	bool closed;
	struct fcm_answer rest; /* when closed: for what is left */
	int64_t now_ms, started_mono_ms;
	fcm_answer_fn *fn;
	void *user;
};

/* ---- the object ---- */

static uint64_t random_default(uint64_t bound)
{
	return rand_below(bound);
}

static char *message_url(const char *endpoint, const char *project_id)
{
	struct buf url;
	size_t n = strlen(endpoint);
	while (n > 0 && endpoint[n - 1] == '/')
		n--;
	buf_init(&url, 4096);
	buf_addf(&url, "%.*s/v1/projects/%s/messages:send", (int)n, endpoint, project_id);
	return buf_take(&url);
}

static void rings_init(struct fcm *f)
{
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		post_init(&f->rings[i].post);
		f->rings[i].next = f->idle;
		f->idle = &f->rings[i];
	}
}

static CURLM *new_multi(void)
{
	CURLM *m = curl_multi_init();
	if (!m)
		abort();
	curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(m, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS_MAX);
	curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX);
	curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
	return m;
}

int fcm_new(const struct fcm_options *o, struct fcm **ret, struct error *err)
{
	int r = address_check("fcm.endpoint", o->endpoint, err);
	if (r)
		return r;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return -EIO;
	struct fcm *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	r = access_init(&f->access, o->credentials, &f->interrupted, err);
	if (r) {
		free(f);
		curl_global_cleanup();
		return r;
	}
	f->url = message_url(o->endpoint, f->access.credential.project_id);
	f->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	f->total_ms = o->total_ms ? o->total_ms : TOTAL_MS;
	f->backoff.random = o->random ? o->random : random_default;
	f->multi = new_multi();
	rings_init(f);
	*ret = f;
	return 0;
}

void fcm_free(struct fcm *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		post_fini(&f->rings[i].post);
	curl_multi_cleanup(f->multi);
	access_fini(&f->access);
	free(f->url);
	free(f);
	curl_global_cleanup();
}

void fcm_interrupt(struct fcm *f)
{
	atomic_store(&f->interrupted, true);
	curl_multi_wakeup(f->multi);
}

/* ---- answers ---- */

static int64_t elapsed_ms(const struct batch *b)
{
	return clock_mono_ms() - b->started_mono_ms;
}

static int64_t now_of(const struct batch *b)
{
	return b->now_ms + elapsed_ms(b);
}

static struct fcm_answer new_answer(enum fcm_result result, int64_t retry_after_ms,
				    const char *detail)
{
	struct fcm_answer a = { .result = result, .retry_after_ms = retry_after_ms };
	snprintf(a.detail, sizeof a.detail, "%s", detail);
	return a;
}

static void answer(struct batch *b, size_t index, struct fcm_answer a)
{
	b->fn(b->user, index, &a);
}

static void close_batch(struct batch *b, struct fcm_answer rest)
{
	if (b->closed)
		return; /* the first reason is the one */
	b->closed = true;
	b->rest = rest;
}

/* Not now, and not anything else either for a while. */
static struct fcm_answer busy(struct batch *b, int64_t retry_after_ms, const char *reason)
{
	struct backoff *backoff = &b->f->backoff;
	int64_t wait_ms = backoff_failed(backoff, retry_after_ms);
	backoff_pause(backoff, now_of(b), wait_ms);
	struct fcm_answer a = new_answer(FCM_RETRY, wait_ms, reason);
	close_batch(b, a);
	return a;
}

/* The credential or its access token is not accepted: no use, and no reason to hammer. */
static struct fcm_answer refused(struct batch *b, const char *reason)
{
	struct fcm_answer a = busy(b, 0, reason);
	a.result = FCM_FAILED;
	a.retry_after_ms = 0;
	b->rest = a;
	return a;
}

/* A 5xx that may be this message's own; many in a row are not. */
static struct fcm_answer stumbled(struct batch *b, int64_t retry_after_ms, const char *reason)
{
	if (b->f->backoff.n_failures + 1 >= FAILURES_TOLERATED)
		return busy(b, retry_after_ms, reason);
	return new_answer(FCM_RETRY, backoff_failed(&b->f->backoff, retry_after_ms), reason);
}

/* ---- one ring ---- */

/* NULL: this cannot be a token. */
static char *new_payload(const char *token)
{
	size_t n = token ? strlen(token) : 0;
	if (n == 0 || n > DEVICE_TOKEN_MAX)
		return NULL;
	AUTO_JSON message =
		json_pack("{s:{s:s, s:{s:s}, s:{s:s, s:s, s:s}}}", "message", "token", token,
			  "data", "type", "policy_changed", "android", "collapse_key",
			  "policy_changed", "priority", "high", "ttl", "600s");
	return message ? json_text(message) : NULL; /* NULL: it is not UTF-8 */
}

static int64_t time_left_ms(const struct batch *b)
{
	int64_t left_ms = b->f->total_ms - elapsed_ms(b);
	return left_ms > 0 ? left_ms : 0;
}

static void start(struct batch *b)
{
	struct fcm *f = b->f;
	size_t index = b->queue[b->head++];
	char *payload = new_payload(b->tokens[index]);
	if (!payload) {
		answer(b, index, new_answer(FCM_UNREGISTERED, 0, "not a device token"));
		return;
	}
	struct ring *ring = f->idle;
	f->idle = ring->next;
	ring->payload = payload;
	ring->index = index;
	ring->flying = true;
	b->n_flying++;
	post_prepare(&ring->post, f->url, f->access.headers, payload, f->timeout_ms);
	curl_easy_setopt(ring->post.easy, CURLOPT_PRIVATE, ring);
	if (curl_multi_add_handle(f->multi, ring->post.easy) != CURLM_OK)
		abort();
}

static void land(struct batch *b, struct ring *ring)
{
	curl_multi_remove_handle(b->f->multi, ring->post.easy);
	free(TAKE(ring->payload));
	ring->flying = false;
	ring->next = b->f->idle;
	b->f->idle = ring;
	b->n_flying--;
}

static void unauthorized(struct batch *b, size_t index, const char *reason)
{
	if (b->token_renewed) {
		answer(b, index, refused(b, reason));
		return;
	}
	b->token_refused = true;
	b->queue[b->tail++] = index;
}

static void on_response(struct batch *b, const struct ring *ring)
{
	char reason[REASON_SIZE];
	int64_t retry_after_ms = post_retry_after_ms(&ring->post);
	long status = post_status(&ring->post);
	enum send_outcome outcome = answer_read(status, buf_span(&ring->post.body), reason);
	if (status == 429 && retry_after_ms == 0)
		retry_after_ms = BUSY_MS;
	if (outcome != SEND_BUSY && outcome != SEND_ERROR)
		backoff_succeeded(&b->f->backoff);
	switch (outcome) {
	case SEND_OK:
		answer(b, ring->index, new_answer(FCM_OK, 0, ""));
		return;
	case SEND_UNREGISTERED:
		answer(b, ring->index, new_answer(FCM_UNREGISTERED, 0, reason));
		return;
	case SEND_UNAUTHORIZED:
		unauthorized(b, ring->index, reason);
		return;
	case SEND_BUSY:
		answer(b, ring->index, busy(b, retry_after_ms, reason));
		return;
	case SEND_ERROR:
		answer(b, ring->index, stumbled(b, retry_after_ms, reason));
		return;
	case SEND_REFUSED:
		answer(b, ring->index, new_answer(FCM_FAILED, 0, reason));
		return;
	}
}

static void on_done(struct batch *b, struct ring *ring, CURLcode code)
{
	if (code == CURLE_OK)
		on_response(b, ring);
	else if (code == CURLE_WRITE_ERROR)
		answer(b, ring->index, new_answer(FCM_FAILED, 0, "the answer is too large"));
	else
		answer(b, ring->index, busy(b, 0, curl_easy_strerror(code)));
	land(b, ring);
}

/* ---- a batch ---- */

static bool may_start(const struct batch *b)
{
	return b->head < b->tail && b->f->idle && !b->token_refused && !b->closed;
}

/* Time is up, or somebody interrupts: nothing is waited for any more. */
static void check_stop(struct batch *b)
{
	bool interrupted = atomic_load(&b->f->interrupted);
	if (!interrupted && time_left_ms(b) > 0)
		return;
	struct fcm_answer a = new_answer(FCM_RETRY, 0, interrupted ? "interrupted" : "out of time");
	close_batch(b, a);
	for (size_t i = 0; i < STREAMS_MAX && b->n_flying; i++)
		if (b->f->rings[i].flying) {
			answer(b, b->f->rings[i].index, a);
			land(b, &b->f->rings[i]);
		}
}

static void collect(struct batch *b)
{
	struct CURLMsg *m;
	int n_left;
	while ((m = curl_multi_info_read(b->f->multi, &n_left))) {
		struct ring *ring;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&ring);
		on_done(b, ring, m->data.result);
	}
}

/* Lets everything fly that may, until nothing flies. */
static void pump(struct batch *b)
{
	int64_t wait_ms;
	int n_running;
	do {
		while (may_start(b))
			start(b);
		if (curl_multi_perform(b->f->multi, &n_running) != CURLM_OK)
			abort();
		collect(b);
		check_stop(b);
		wait_ms = time_left_ms(b) < POLL_MS ? time_left_ms(b) : POLL_MS;
		if (b->n_flying && !may_start(b))
			curl_multi_poll(b->f->multi, NULL, 0, (int)wait_ms, NULL);
	} while (b->n_flying || may_start(b));
}

static void get_access(struct batch *b)
{
	char reason[REASON_SIZE] = "signing failed", detail[REASON_SIZE + 16];
	struct access *access = &b->f->access;
	int64_t pause_ms = backoff_left(&b->f->backoff, now_of(b));
	check_stop(b);
	if (pause_ms > 0)
		close_batch(b, new_answer(FCM_RETRY, pause_ms, "backing off"));
	if (b->closed)
		return;
	int r = access_ensure(access, now_of(b), b->f->timeout_ms, reason);
	snprintf(detail, sizeof detail, "access token: %s", reason);
	if (r == ACCESS_BUSY)
		(void)busy(b, post_retry_after_ms(&access->post), detail);
	else if (r)
		(void)refused(b, detail);
}

static void run(struct batch *b)
{
	while (b->head < b->tail && !b->closed) {
		get_access(b);
		pump(b);
		if (b->token_refused) {
			access_drop(&b->f->access);
			b->token_refused = false;
			b->token_renewed = true;
		}
	}
	while (b->head < b->tail)
		answer(b, b->queue[b->head++], b->rest);
}

void fcm_ring_all(struct fcm *f, const char *const *tokens, size_t n, int64_t now_ms,
		  fcm_answer_fn *fn, void *user)
{
	struct batch b = { .f = f,
			   .tokens = tokens,
			   .tail = n,
			   .now_ms = now_ms,
			   .started_mono_ms = clock_mono_ms(),
			   .fn = fn,
			   .user = user };
	b.queue = malloc((n + STREAMS_MAX) * sizeof *b.queue); /* all, and those that fly twice */
	if (!b.queue)
		abort();
	for (size_t i = 0; i < n; i++)
		b.queue[i] = i;
	run(&b);
	free(b.queue);
}

static void keep_answer(void *user, size_t i, const struct fcm_answer *a)
{
	*(struct fcm_answer *)user = *a;
}

struct fcm_answer fcm_ring(struct fcm *f, const char *token, int64_t now_ms)
{
	struct fcm_answer a = { .result = FCM_RETRY };
	fcm_ring_all(f, &token, 1, now_ms, keep_answer, &a);
	return a;
}
