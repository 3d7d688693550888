/* SPDX-License-Identifier: Apache-2.0
 *
 * feed: see feed.h.
 *
 *     added -> catching up (fed from the store up to 'cursor') -> live (fed as events are read)
 *
 * 'cursor' is the last event that the live streams have had; a stream becomes live when it has had
 * everything up to there, so the two ways of feeding meet without a gap. Only the thread feeds and
 * frees streams. The lock guards the list and each stream's http pointer, which 'closed' takes away:
 * it is held while sending (a copy into a queue), never while reading the store.
 */
#include "server/api/feed.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/api/events.h"
#include "server/follow.h"
#include <pthread.h>
#include <string.h>

#define BATCH       128
#define FRAME_MAX   (64u << 10) /* larger events go without before and after */
#define QUEUED_MAX  (64u << 10) /* a stream with more is not fed from the store for now */
#define TICK_MS     1000        /* how exact pings and ends are */
#define CATCH_UP_MS 20          /* between two pieces */

struct stream {
	struct stream *next;
	struct feed *feed;
	struct http_stream *http; /* under the lock; NULL: closed, to be freed */
	int64_t org_id, device_id, end_mono_ms;
	int64_t at_id; /* catching up: the last event it has had, or that did not concern it */
	int64_t sent_mono_ms;
	bool live;
};

struct feed {
	struct store *store;
	struct follow *follow;
	pthread_mutex_t lock;
	bool stopping; /* under the lock, as is the list */
	struct stream *streams;
	size_t n_streams;
	/* the thread's own */
	struct arena arena;     /* of one turn */
	struct org_names names; /* of one turn */
	struct buf frame;
	int64_t cursor;   /* the last event that the live streams have had */
	bool judge_again; /* somebody's rights have changed */
};

/* ---- sending, under the lock ---- */

static void stream_send(struct stream *s, struct span frame, int64_t now_mono_ms)
{
	if (!s->http)
		return;
	s->sent_mono_ms = now_mono_ms;
	(void)http_stream_send(s->http, frame); /* too slow: it is closing, 'closed' follows */
}

static bool concerns(const struct stream *s, const struct event *e)
{
	return (s->org_id == 0 || s->org_id == e->org_id) &&
	       (s->device_id == 0 || s->device_id == e->device_id);
}

static void frame_add(struct buf *frame, const struct event *e, const char *organization)
{
	json_t *event = event_to_json(e, organization);
	CLEANUP(free_charp) char *data = json_text(event);
	json_decref(event);
	/* without a type of its own: a browser gives typed events only to who asked for that type */
	buf_addf(frame, "id: %lld\ndata: %s\n\n", (long long)e->id, data);
}

static void frame_make(struct buf *frame, const struct event *e, const char *organization)
{
	buf_reset(frame);
	frame_add(frame, e, organization);
	if (!frame->failed)
		return;
	struct event small = *e;
	small.before_json = small.after_json = "";
	buf_fini(frame);
	buf_init(frame, FRAME_MAX);
	frame_add(frame, &small, organization);
}

static void end_all(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	for (struct stream *s = f->streams; s; s = s->next)
		if (s->http)
			http_stream_end(s->http);
	pthread_mutex_unlock(&f->lock);
}

/* ---- live ---- */

/* Who was allowed to listen may not be any more. */
static bool changes_rights(const char *type)
{
	static const char *const types[] = { "api_token.revoked", "administrator.changed",
					     "administrator.deleted", "server.restored" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static int live_event(void *user, const struct event *e)
{
	struct feed *f = user;
	int64_t now = clock_mono_ms();
	bool made = false;
	if (e->id <= f->cursor) /* again, after an error */
		return FOLLOW_NOTHING;
	f->cursor = e->id;
	f->judge_again |= changes_rights(e->type);
	const char *organization = org_name(&f->names, e->org_id);
	pthread_mutex_lock(&f->lock);
	for (struct stream *s = f->streams; s; s = s->next) {
		if (!s->live || !concerns(s, e))
			continue;
		if (!made)
			frame_make(&f->frame, e, organization);
		made = true;
		stream_send(s, buf_span(&f->frame), now);
	}
	pthread_mutex_unlock(&f->lock);
	return FOLLOW_NOTHING;
}

static bool none_live(void *user)
{
	struct feed *f = user;
	bool live = false;
	pthread_mutex_lock(&f->lock);
	for (struct stream *s = f->streams; s; s = s->next)
		live |= s->live;
	pthread_mutex_unlock(&f->lock);
	return !live;
}

/* Restored: the numbers mean something else now. */
static void reset(void *user)
{
	struct feed *f = user;
	end_all(f);
	f->cursor = 0;
}

/* ---- catching up ---- */

struct piece {
	struct feed *f;
	struct stream *s;
	size_t n;
};

static int piece_event(void *user, const struct event *e)
{
	struct piece *p = user;
	if (e->id > p->f->cursor)
		return 1;
	p->n++;
	p->s->at_id = e->id;
	frame_make(&p->f->frame, e, org_name(&p->f->names, e->org_id));
	pthread_mutex_lock(&p->f->lock);
	stream_send(p->s, buf_span(&p->f->frame), clock_mono_ms());
	pthread_mutex_unlock(&p->f->lock);
	return 0;
}

/* Feeds one stream a piece, when its peer has taken most of the last one. */
static int catch_up(struct feed *f, struct stream *s)
{
	pthread_mutex_lock(&f->lock);
	bool ready = s->http && http_stream_queued(s->http) <= QUEUED_MAX;
	pthread_mutex_unlock(&f->lock);
	if (!ready)
		return 0;
	struct piece p = { .f = f, .s = s };
	struct event_query q = {
		.org_id = s->org_id, .device_id = s->device_id, .after_id = s->at_id, .limit = BATCH
	};
	int r = store_event_list(store_reader(f->store), &q, piece_event, &p);
	if (r == 0 && p.n < BATCH)
		s->live = true;
	return r;
}

/* Returns when to go on (monotonic ms): at once for who became live, as commits mattered to nobody
 * when this turn began. */
static int64_t catch_up_all(struct feed *f, int64_t now_mono_ms)
{
	int64_t due = INT64_MAX;
	pthread_mutex_lock(&f->lock);
	struct stream *s = f->streams;
	pthread_mutex_unlock(&f->lock);
	for (; s; s = s->next) { /* new ones come before the head that was taken */
		if (s->live)
			continue;
		int r = catch_up(f, s);
		if (r != 0)
			log_limited(LOG_LEVEL_ERROR, "an event stream cannot read the log",
				    F_INT("error", r));
		if (s->live)
			due = now_mono_ms;
		else if (due == INT64_MAX)
			due = now_mono_ms + CATCH_UP_MS;
	}
	return due;
}

/* ---- keeping ---- */

/* false: no stream is left. */
static bool keep(struct feed *f)
{
	int64_t now = clock_mono_ms();
	pthread_mutex_lock(&f->lock);
	for (struct stream **at = &f->streams; *at;) {
		struct stream *s = *at;
		if (!s->http) {
			*at = s->next;
			f->n_streams--;
			free(s);
			continue;
		}
		if (now >= s->end_mono_ms)
			http_stream_end(s->http);
		else if (now - s->sent_mono_ms >= FEED_PING_MS)
			stream_send(s, span_str(": ping\n\n"), now);
		at = &s->next;
	}
	bool any = f->streams;
	pthread_mutex_unlock(&f->lock);
	return any;
}

/* ---- a turn ---- */

static int begin(void *user)
{
	struct feed *f = user;
	f->judge_again = false;
	arena_init(&f->arena);
	f->names = (struct org_names){ .conn = store_reader(f->store), .arena = &f->arena };
	return 0;
}

static int64_t rest(void *user, int64_t now_mono_ms)
{
	struct feed *f = user;
	if (f->judge_again)
		end_all(f);
	if (f->cursor < follow_place(f->follow))
		f->cursor = follow_place(f->follow);
	int64_t due = catch_up_all(f, now_mono_ms);
	arena_fini(&f->arena);
	if (!keep(f))
		return INT64_MAX;
	return due < now_mono_ms + TICK_MS ? due : now_mono_ms + TICK_MS;
}

/* ---- from outside ---- */

static const struct follow_ops ops = { .what = "feeding event streams",
				       .begin = begin,
				       .idle = none_live,
				       .event = live_event,
				       .reset = reset,
				       .rest = rest };

int feed_new(struct store *store, struct metrics *metrics, struct feed **ret)
{
	struct feed *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	f->store = store;
	pthread_mutex_init(&f->lock, NULL);
	buf_init(&f->frame, FRAME_MAX);
	f->follow = follow_new(store, metrics, &ops, f);
	int r = follow_start(f->follow);
	if (r != 0)
		feed_free(f);
	else
		*ret = f;
	return r;
}

void feed_stop(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	follow_stop(f->follow);
	end_all(f);
}

/* After the HTTP server is gone: every stream was closed by then. */
void feed_free(struct feed *f)
{
	if (!f)
		return;
	feed_stop(f);
	for (struct stream *s = f->streams, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	follow_free(f->follow);
	buf_fini(&f->frame);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void closed(void *user)
{
	struct stream *s = user;
	struct feed *f = s->feed;
	pthread_mutex_lock(&f->lock);
	s->http = NULL; /* from here on the thread may free it */
	pthread_mutex_unlock(&f->lock);
	follow_wake(f->follow);
}

int feed_add(struct feed *f, struct http_request *req, const struct feed_wish *wish,
	     struct error *err)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	*s = (struct stream){ .feed = f,
			      .org_id = wish->org_id,
			      .device_id = wish->device_id,
			      .end_mono_ms = wish->end_mono_ms,
			      .at_id = wish->after_id,
			      .sent_mono_ms = clock_mono_ms() };
	pthread_mutex_lock(&f->lock);
	bool room = f->n_streams < FEED_STREAMS_MAX && !f->stopping;
	if (room) {
		http_reply_header(req, "Cache-Control", "no-store");
		s->http = http_stream_start(req, "text/event-stream", closed, s);
		(void)http_stream_send(s->http, span_str("retry: 2000\n\n"));
		s->next = f->streams;
		f->streams = s;
		f->n_streams++;
	}
	pthread_mutex_unlock(&f->lock);
	if (room) {
		follow_wake(f->follow);
		return 0;
	}
	free(s);
	return error_set(err, ERR_UNAVAILABLE, "too many event streams are open");
}
