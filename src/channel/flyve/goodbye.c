/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling a device that it is no longer managed, before its account goes: the order is published and acknowledged by
 * the broker, and only then its unenrollment is written. A device that is connected has it then, and nobody
 * keeps a right for a moment longer than the store says.
 *
 * It is not retained: whoever is not there now can never log in to read it (that is what the command "unenroll"
 * is for). One that the broker has not acknowledged may still be on its way to it, so as long as it is, the device
 * gets no new credentials (waiters.c): a new life must not begin with the farewell of the old one.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/session.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdlib.h>

#define PATIENCE_MS 2000

struct goodbye {
	struct goodbye *next;
	int64_t device_id;
	int64_t deadline_ms;    /* monotonic */
	uint64_t id;            /* of the message; 0: not published yet */
	bool published;         /* the broker has it */
	void (*fn)(void *user); /* NULL: called already */
	void *user;
};

static struct goodbye *take_all(struct flyve *f)
{
	pthread_mutex_lock(&f->lock);
	struct goodbye *list = f->goodbyes;
	f->goodbyes = NULL;
	pthread_mutex_unlock(&f->lock);
	return list;
}

static bool add(struct flyve *f, struct goodbye *g)
{
	pthread_mutex_lock(&f->lock);
	bool stopped = f->stopped;
	if (!stopped) {
		g->next = f->goodbyes;
		f->goodbyes = g;
	}
	pthread_mutex_unlock(&f->lock);
	return !stopped;
}

static void tell(struct goodbye *g)
{
	void (*fn)(void *user) = g->fn;
	g->fn = NULL;
	if (fn)
		fn(g->user);
}

void flyve_say_goodbye(struct server *s, int64_t device_id, void (*fn)(void *user), void *user)
{
	struct flyve *f = s->flyve;
	struct mqtt_stats stats = { 0 };
	if (f)
		mqtt_stats(f->mqtt, &stats);
	if (!stats.connected) {
		fn(user);
		return;
	}
	struct goodbye *g = calloc(1, sizeof *g);
	if (!g)
		abort();
	*g = (struct goodbye){ .device_id = device_id,
			       .deadline_ms = clock_mono_ms() + PATIENCE_MS,
			       .fn = fn,
			       .user = user };
	if (add(f, g)) {
		follow_wake(f->follow);
		return;
	}
	tell(g);
	free(g);
}

/* ---- on the session's thread ---- */

static int publish(struct flyve *f, struct goodbye *g, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct flyve_agent agent;
	struct device d;
	arena_init(&a);
	int r = store_device_get(store_reader(f->server->store), g->device_id, &a, &d, err);
	if (r == 0 && d.unenrolled_ms)
		r = error_set(err, ERR_GONE, "it has left already");
	if (r == 0)
		r = flyve_agent_of(store_reader(f->server->store), d.id, &a, &agent);
	if (r)
		return r;
	const char *root =
		flyve_agent_root(&a, (enum flyve_dialect)agent.root, d.org_id, d.external_id);
	const struct mqtt_message m = {
		.topic = arena_printf(&a, "%s/" FLYVE_UNENROLL_SUFFIX, root),
		.payload = span_str(flyve_goodbye_payload(flyve_now() / 1000, &a)),
		.qos = 1,
	};
	return mqtt_publish(f->mqtt, &m, &g->id, err);
}

/* false: there is nothing to wait for. */
static bool serve(struct flyve *f, struct goodbye *g, int64_t now_mono_ms)
{
	struct error err = { .message = "" };
	int r = g->id ? 0 : publish(f, g, &err);
	if (r && r != ERR_GONE)
		log_limited(LOG_LEVEL_WARN, "a device could not be told that it was unenrolled",
			    F_INT("device", g->device_id), F_STR("why", err.message));
	if (r || g->published || now_mono_ms >= g->deadline_ms)
		tell(g);
	return r == 0 && !g->published;
}

void flyve_serve_goodbyes(struct flyve *f, int64_t now_mono_ms)
{
	struct goodbye *g = take_all(f);
	while (g) {
		struct goodbye *next = g->next;
		if (!serve(f, g, now_mono_ms) || !add(f, g)) {
			tell(g);
			free(g);
		}
		g = next;
	}
}

void flyve_goodbye_published(struct flyve *f, uint64_t id)
{
	pthread_mutex_lock(&f->lock);
	for (struct goodbye *g = f->goodbyes; g; g = g->next)
		g->published |= g->id == id;
	pthread_mutex_unlock(&f->lock);
}

bool flyve_goodbye_under_way(struct flyve *f, int64_t device_id)
{
	bool found = false;
	pthread_mutex_lock(&f->lock);
	for (const struct goodbye *g = f->goodbyes; g; g = g->next)
		found |= g->device_id == device_id;
	pthread_mutex_unlock(&f->lock);
	return found;
}

/* 'stopped' is set: nothing comes any more. */
void flyve_end_goodbyes(struct flyve *f)
{
	struct goodbye *g = take_all(f);
	while (g) {
		struct goodbye *next = g->next;
		tell(g);
		free(g);
		g = next;
	}
}
