/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking quiet devices for a sign of life. An agent that confirms nothing shows by its next message that an
 * order has reached it; one that is connected and has nothing to say is asked with a ping, now and then.
 *
 * The orders concerned are those that the broker took while the device was online. They are few and short
 * lived; after a restart they are forgotten, and the device's next message does.
 */
#include "channel/flyve/session.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MS   500
#define EVERY_MS   60000
#define PROBES_MAX 256 /* in one round */

struct live {
	int64_t device_id;
	int64_t due_ms; /* of the next ping; monotonic; 0: not set yet */
};

void flyve_live_add(struct flyve *f, const char *topic, int64_t device_id)
{
	struct live *l = calloc(1, sizeof *l);
	if (!l)
		abort();
	l->device_id = device_id;
	free(map_put(f->live, span_str(topic), l));
}

void flyve_live_remove(struct flyve *f, const char *topic)
{
	free(map_remove(f->live, span_str(topic)));
}

static void free_live(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	free(value);
}

void flyve_live_free(struct flyve *f)
{
	map_each(f->live, free_live, NULL);
	map_free(f->live);
}

struct probing {
	struct flyve *f;
	int64_t now_ms;
	int64_t ids[PROBES_MAX];
	size_t n;
};

static void collect(void *user, struct span key, void *value)
{
	struct probing *p = user;
	struct live *l = value;
	(void)key;
	if (l->due_ms == 0)
		l->due_ms = p->now_ms + FIRST_MS;
	if (l->due_ms > p->now_ms || p->n == PROBES_MAX)
		return;
	l->due_ms = p->now_ms + EVERY_MS;
	if (broker_online(p->f->broker, l->device_id))
		p->ids[p->n++] = l->device_id;
}

void flyve_owe(struct flyve *f, int64_t device_id)
{
	map_put(f->owed, map_key_int(&device_id), f);
}

static void collect_owed(void *user, struct span key, void *value)
{
	struct probing *p = user;
	(void)value;
	if (p->n < PROBES_MAX)
		memcpy(&p->ids[p->n++], key.p, sizeof p->ids[0]);
}

static void ping(struct flyve *f, int64_t device_id, bool also_ours)
{
	CLEANUP(arena_fini) struct arena a;
	const struct flyve_order *o = flyve_order_find("ping");
	struct flyve_agent agent;
	struct device d;
	struct error ignored;
	arena_init(&a);
	int r = store_device_get(store_reader(f->server->store), device_id, &a, &d, &ignored);
	if (r == 0)
		r = flyve_agent_of(store_reader(f->server->store), device_id, &a, &agent);
	if (r != 0 || d.unenrolled_ms || (agent.confirms && !also_ours))
		return;
	const char *root =
		flyve_agent_root(&a, (enum flyve_dialect)agent.root, d.org_id, d.external_id);
	struct flyve_query q = { 0, arena_printf(&a, "%s/%s", root, o->suffix),
				 flyve_order_payload(o, &(struct command){ 0 }, &a), o->qos };
	flyve_publish_queries(f, &(struct flyve_effects){ .queries = &q, .n_queries = 1 });
}

void flyve_probe(struct flyve *f, int64_t now_mono_ms)
{
	struct probing p = { .f = f, .now_ms = now_mono_ms };
	map_each(f->live, collect, &p);
	for (size_t i = 0; i < p.n; i++)
		ping(f, p.ids[i], false);
	if (map_n(f->owed) == 0 || !flyve_settled(f))
		return;
	p.n = 0;
	map_each(f->owed, collect_owed, &p);
	for (size_t i = 0; i < p.n; i++) {
		map_remove(f->owed, map_key_int(&p.ids[i]));
		ping(f, p.ids[i], true);
	}
}
