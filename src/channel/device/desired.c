/* SPDX-License-Identifier: Apache-2.0
 *
 * Desired state, with its long-poll: the answer is held until the version is another one than that of
 * If-None-Match, or a command waits.
 */
#include "channel/device/handlers.h"

#include "base/clock.h"
#include "server/doorbell.h"
#include "server/next-poll.h"

struct state { /* what the answer says */
	struct desired desired;
	int64_t n_commands;
	const char *etag;
	bool same; /* as If-None-Match has it */
};

/* After a restore the same version may mean another state: then the tag says since when, too. */
static const char *etag_of(struct arena *a, int64_t version, int64_t restored)
{
	return restored == 0
		       ? arena_printf(a, "\"%lld\"", (long long)version)
		       : arena_printf(a, "\"%lld.%lld\"", (long long)version, (long long)restored);
}

static int read_rows(struct http_request *req, struct state *ret, int64_t *ret_restored)
{
	const struct device *d = device_of(req);
	struct store_conn *c = store_reader(server_of(req)->store);
	int r = store_read_begin(c);
	if (r)
		return r;
	r = store_desired(c, d, &ret->desired);
	if (r == 0)
		r = device_api_commands_due(req, d, &ret->n_commands);
	if (r == 0)
		r = store_counter_get(c, STORE_COUNTER_RESTORED, ret_restored);
	store_read_end(c);
	return r;
}

static int read_state(struct http_request *req, struct state *ret)
{
	bool guest = strcmp(device_of(req)->channel, channel_name(CHANNEL_VM)) == 0;
	int64_t restored = 0;
	desired_init(&ret->desired, guest ? CHANNEL_VM : CHANNEL_DEVICE);
	int r = read_rows(req, ret, &restored);
	ret->etag = etag_of(http_arena(req), ret->desired.version, restored);
	ret->same = http_has_etag(req, ret->etag);
	return r;
}

static void reply_state(struct http_request *req, const struct state *s)
{
	char *n = arena_printf(http_arena(req), "%lld", (long long)s->n_commands);
	http_reply_header(req, "ETag", s->etag);
	http_reply_header(req, "Reeve-Commands", n);
	if (s->same) {
		http_reply_empty(req, 304);
		return;
	}
	http_reply_json(req, 200,
			json_pack("{s:I, s:o, s:I, s:I}", "version", (json_int_t)s->desired.version,
				  "settings", desired_to_json(&s->desired), "commands",
				  (json_int_t)s->n_commands, "next_poll_s",
				  (json_int_t)next_poll_of(req)));
}

static void reply_now(struct http_request *req)
{
	struct state s = { 0 };
	struct error err;
	int r = device_api_refresh(req, &err);
	if (r == 0)
		r = read_state(req, &s);
	if (r == 0)
		reply_state(req, &s);
	else
		http_reply_result(req, r, &err);
	desired_fini(&s.desired);
}

static void rung(struct http_request *req, enum doorbell_why why)
{
	if (why == DOORBELL_CLOSING)
		device_api_reply_closing(req);
	else
		reply_now(req);
	http_resume(req);
}

void device_api_desired(struct http_request *req)
{
	struct server *srv = server_of(req);
	struct state s = { 0 };
	int64_t wait_ms = 0;
	if (!device_api_wait(req, &wait_ms))
		return;
	int64_t ticket = doorbell_ticket(srv->doorbells);
	int r = read_state(req, &s);
	if (r != 0)
		http_reply_result(req, r, NULL);
	else if (s.same && s.n_commands == 0 && wait_ms > 0)
		doorbell_park(srv->doorbells, req, device_of(req), ticket, wait_ms, clock_mono_ms(),
			      rung);
	else
		reply_state(req, &s);
	desired_fini(&s.desired);
}
