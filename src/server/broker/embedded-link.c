/* SPDX-License-Identifier: Apache-2.0
 *
 * The link to the plugin: a socket pair made for each child; both ends go with it. What the plugin is sent is
 * bounded: the store is read on only while little waits to be written.
 */
#include "server/broker/embedded-private.h"

#include "server/metrics.h"
#include "server/seen.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_FULL      (256 << 10)
#define FEED_AGAIN_MS 1000 /* after the store failed */

static void on_stats(struct embedded *e, const uint64_t now[LINK_STATS_N])
{
	static const struct {
		size_t stat;
		enum metrics_counter counter;
	} counters[] = { { LINK_STAT_REFUSED, METRICS_MQTT_REFUSED },
			 { LINK_STAT_DENIED, METRICS_MQTT_DENIED },
			 { LINK_STAT_KICKED, METRICS_MQTT_CLOSED } };
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		metrics_add(e->server->metrics, counters[i].counter,
			    now[counters[i].stat] - e->stats[counters[i].stat]);
	metrics_set(e->server->metrics, METRICS_MQTT_CONNECTIONS,
		    (int64_t)now[LINK_STAT_CONNECTIONS]);
	metrics_set(e->server->metrics, METRICS_MQTT_ACCOUNTS, (int64_t)now[LINK_STAT_ACCOUNTS]);
	memcpy(e->stats, now, sizeof e->stats);
}

static void on_ready(struct embedded *e)
{
	(void)supervisor_step(&e->supervisor, SUPERVISOR_READY, clock_mono_ms());
	if (e->supervisor.n_starts > 1)
		log_info("the MQTT broker serves again", F_INT("process", e->child.pid));
	pthread_mutex_lock(&e->lock);
	e->ready = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static void note_admits(struct embedded *e)
{
	e->admit_sync = 0;
	metrics_set(e->server->metrics, METRICS_MQTT_ADMITS, 1);
	pthread_mutex_lock(&e->lock);
	e->admits = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static void on_message(void *user, const struct link_message *m)
{
	struct embedded *e = user;
	int64_t id = (int64_t)m->number;
	switch (m->type) {
	case LINK_READY:
		on_ready(e);
		break;
	case LINK_SYNCED:
		(void)waiters_answer(&e->waiters, m->number, clock_mono_ms());
		if (e->admit_sync != 0 && m->number >= e->admit_sync)
			note_admits(e);
		break;
	case LINK_PRESENCE:
		if (m->flags & LINK_CONTACT)
			seen_device(e->server->seen, id, clock_utc_ms());
		presence_report(e->presence, id, m->flags, clock_utc_ms());
		break;
	case LINK_STATS:
		on_stats(e, m->stats);
		break;
	case LINK_SERVER:
	case LINK_BEGIN:
	case LINK_ACCOUNT:
	case LINK_REMOVE:
	case LINK_END:
	case LINK_SYNC:
	case LINK_ADMIT:
		break; /* ours to say */
	}
}

void embedded_receive(struct embedded *e)
{
	uint8_t bytes[16384];
	ssize_t n = read(e->link, bytes, sizeof bytes);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	struct span in = { bytes, n > 0 ? (size_t)n : 0 };
	e->broken = n <= 0 || link_feed(&e->reader, in, on_message, e) != 0;
}

void embedded_send(struct embedded *e)
{
	ssize_t n = 0;
	while (e->n_written < e->out.n && n >= 0) {
		n = send(e->link, e->out.p + e->n_written, e->out.n - e->n_written, MSG_NOSIGNAL);
		e->n_written += n > 0 ? (size_t)n : 0;
		if (n > 0)
			(void)supervisor_step(&e->supervisor, SUPERVISOR_PROGRESS, clock_mono_ms());
	}
	if (n < 0) {
		e->broken = errno != EAGAIN && errno != EINTR;
		return;
	}
	buf_reset(&e->out);
	e->n_written = 0;
}

static void say_admitted(struct embedded *e)
{
	uint64_t life = atomic_load(&e->life);
	if (e->said_admitted == life || atomic_load(&e->admitted) != life)
		return;
	e->said_admitted = life;
	e->admit_sync = ++e->last_sync;
	link_add(&e->out, &(struct link_message){ .type = LINK_ADMIT });
	link_add(&e->out, &(struct link_message){ .type = LINK_SYNC, .number = e->admit_sync });
}

static void feed_accounts(struct embedded *e)
{
	bool more = true;
	int64_t now = clock_mono_ms();
	if (now < e->feed_due_ms)
		return;
	waiters_begin_turn(&e->waiters);
	while (more && !e->stopping && e->out.n < OUT_FULL) {
		int r = feeder_fill(e->feed, &e->out, &more);
		if (r < 0) {
			metrics_add(e->server->metrics, METRICS_FOLLOWER_ERRORS, 1);
			log_limited(LOG_LEVEL_ERROR, "the MQTT accounts cannot be read",
				    F_INT("error", r));
			e->feed_due_ms = now + FEED_AGAIN_MS;
			return;
		}
	}
	e->feed_due_ms = more ? 0 : INT64_MAX;
	if (!more && waiters_sent(&e->waiters, e->last_sync + 1))
		link_add(&e->out,
			 &(struct link_message){ .type = LINK_SYNC, .number = ++e->last_sync });
}

void embedded_feed(struct embedded *e)
{
	feed_accounts(e);
	say_admitted(e);
}

void embedded_link_lost(struct embedded *e)
{
	link_reader_fini(&e->reader);
	link_reader_init(&e->reader);
	buf_reset(&e->out);
	e->n_written = 0;
	e->broken = false;
	memset(e->stats, 0, sizeof e->stats);
	waiters_forget(&e->waiters);
}
