/* SPDX-License-Identifier: Apache-2.0
 *
 * The doorbell: the server's list of the host and its machines, held by the server until one of them has something to fetch.
 * It goes on while other requests are made.
 */
#include "base/clock.h"
#include "base/log.h"
#include "vm/fleet/fleet-private.h"
#include "vm/fleet/list.h"

#define PATH_SIZE      96
#define BELL_MARGIN_MS 15000 /* it may be answered so much later than asked */
#define IDLE_BELL_MS   5000  /* after one that was answered at once, with nothing to do */
#define BELL_GAP_MS    200

static void on_row(void *user, const struct book_row *row)
{
	struct fleet *f = user;
	book_row(&f->book, row);
}

/* Whatever else is to be asked is asked: the server answers, only not this. */
static void refused(struct fleet *f, const char *why)
{
	if (f->bell_patience.n_failed == 0)
		log_warn("the server does not list the machines", F_STR("why", why));
	backoff_failed(&f->bell_patience, -1, clock_mono_ms());
	f->bell_at = f->bell_patience.until;
	snprintf(f->trouble, sizeof f->trouble, "%s", why);
}

static void take_bell(struct fleet *f, const struct client_reply *reply)
{
	struct error err;
	int64_t now = clock_mono_ms();
	bool quick = now - f->bell_began < 1000, unchanged = reply->head.status == 304;
	f->forgotten = false;
	if (!unchanged && list_read(reply->body, on_row, f, &err) != 0) {
		refused(f, err.message);
		return;
	}
	backoff_succeeded(&f->bell_patience);
	fleet_went_well(f);
	if (unchanged) {
		f->bell_at = now + (quick ? IDLE_BELL_MS : 0);
		return;
	}
	bool idle = quick && book_next(&f->book, false, now).step == STEP_NONE;
	snprintf(f->etag, sizeof f->etag, "%s", reply->head.etag);
	f->bell_at = now + (idle ? IDLE_BELL_MS : BELL_GAP_MS);
}

static void on_bell(void *user, const struct client_reply *reply)
{
	struct fleet *f = user;
	struct error err = { 0 };
	enum sync_answer_kind kind;
	pthread_mutex_lock(&f->lock);
	f->bell = NULL;
	if (fleet_is_answer(f, reply, &kind, &err)) {
		if (kind == SYNC_OK)
			take_bell(f, reply);
		else if (kind == SYNC_UNKNOWN || kind == SYNC_GONE)
			fleet_host_refused(f, kind, err.message);
		else
			refused(f, err.message);
	}
	pthread_mutex_unlock(&f->lock);
}

void fleet_ring(struct fleet *f)
{
	char path[PATH_SIZE];
	const struct client_request r = { .method = "GET",
					  .path = path,
					  .if_none_match = f->etag,
					  .timeout_ms = FLEET_BELL_WAIT_S * 1000 + BELL_MARGIN_MS };
	snprintf(path, sizeof path, "/device/v1/children?wait=%d", FLEET_BELL_WAIT_S);
	pthread_mutex_lock(&f->lock);
	client_set_token(f->client, f->book.host.token);
	pthread_mutex_unlock(&f->lock);
	f->bell_began = clock_mono_ms();
	if (client_start(f->client, &r, on_bell, f, &f->bell) < 0)
		f->bell_at = f->bell_began + IDLE_BELL_MS;
}
