/* SPDX-License-Identifier: Apache-2.0
 *
 * The spread of next polls, see next-poll.h.
 */
#include "server/next-poll.h"

#include "server/org-config.h"

/* The finalizer of splitmix64: neighbouring ids end far apart. */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

int64_t next_poll_spread(uint64_t seed, uint64_t who, int64_t interval_ms, int64_t jitter)
{
	int64_t reach = interval_ms / 100 * jitter; /* to either side */
	uint64_t h = mix(seed + who * UINT64_C(0x9e3779b97f4a7c15));
	int64_t offset = reach > 0 ? (int64_t)(h % ((uint64_t)reach * 2 + 1)) - reach : 0;
	int64_t s = (interval_ms + offset + 500) / 1000;
	return s > 0 ? s : 1;
}

static uint64_t stranger(struct http_request *req)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a of the request's id */
	for (const char *p = http_request_id(req); *p; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	return h;
}

int64_t next_poll_of(struct http_request *req)
{
	struct server *s = server_of(req);
	const struct principal *p = principal_of(req);
	bool known = p && p->type == PRINCIPAL_DEVICE;
	struct org_config c;
	(void)org_config_get(s->org_configs, s->store, s->config, known ? p->org_id : 0, &c);
	return next_poll_spread(s->seed, known ? (uint64_t)p->id : stranger(req),
				c.poll_interval_ms, c.poll_jitter);
}

int64_t next_poll_retry_s(struct http_request *req)
{
	return 2 + (int64_t)(mix(server_of(req)->seed + stranger(req)) % 28);
}
