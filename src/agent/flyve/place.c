/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the broker is. It came with the enrollment; the server is asked again, over HTTP,
 *     when the broker refuses us (does the server still know this device? is it to log in by another password?)
 *     when it was out of reach for a while, and then more and more seldom
 *     when the broker itself says that devices are told another place by now
 * What a broker says is never more than a reason to ask: the server's answer alone is followed.
 */
#include "agent/flyve/link-private.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

#define ASK_FIRST_MS  15000 /* out of reach for so long, and up to as long again, by chance */
#define ASK_MOST_MS   900000
#define ASK_SPREAD_MS 10000 /* when all devices are told at once */

int link_read_broker(const json_t *j, struct link_broker *ret, struct error *err)
{
	*ret = (struct link_broker){ .port = 1883 };
	int r = json_read_str(j, "host", true, &ret->host, err);
	r = r ? r : json_read_int(j, "port", true, &ret->port, err);
	r = r ? r : json_read_bool(j, "tls", false, &ret->tls, err);
	r = r ? r : json_read_str(j, "user", true, &ret->user, err);
	r = r ? r : json_read_str(j, "password", false, &ret->password, err);
	r = r ? r : json_read_str(j, "topic", true, &ret->topic, err);
	if (r == 0 && (ret->port < 1 || ret->port > 65535 || !mqtt_topic_valid(ret->topic) ||
		       strlen(ret->topic) >= TOLD_TOPIC_MAX / 2))
		r = error_set(err, ERR_INVALID, "\"port\" or \"topic\" is not one");
	return r;
}

/* Is what is said there of another broker than ours, or of another way into it? */
static bool is_another(const struct agent *a, const json_t *said)
{
	static const char *const keys[] = { "host", "port", "tls", "user", "topic" };
	AUTO_JSON ours = NULL;
	struct error ignored;
	bool another = json_parse(span_str(a->state.identity.mqtt), &ours, &ignored) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys) && !another; i++) {
		const json_t *v = json_object_get(said, keys[i]);
		another = v && !json_equal(v, json_object_get(ours, keys[i]));
	}
	return another;
}

void link_take_notice(struct agent *a, struct span payload)
{
	struct flyve_link *l = flyve_link_of(a);
	AUTO_JSON o = NULL;
	struct error ignored;
	if (json_parse(payload, &o, &ignored) != 0 || !is_another(a, json_object_get(o, "broker")))
		return;
	int64_t at = clock_mono_ms() + (int64_t)rand_below(ASK_SPREAD_MS);
	l->ask_at = at < l->ask_at ? at : l->ask_at;
}

/* The server's answer; it is believed only if it makes sense, and a new password is another way in. */
void link_take_place(struct agent *a, struct span body)
{
	struct flyve_link *l = flyve_link_of(a);
	CLEANUP(free_charp) char *text = NULL;
	AUTO_JSON j = NULL;
	struct link_broker b;
	struct error err;
	int r = json_parse(body, &j, &err);
	r = r ? r : link_read_broker(j, &b, &err);
	if (r == 0 && !is_another(a, j) && !b.password)
		return;
	text = r == 0 ? json_text(j) : NULL;
	if (r == 0 && strlen(text) >= ANSWER_MQTT_SIZE)
		r = error_set(&err, ERR_TOO_LARGE, "too long");
	if (r) {
		log_warn("the server's word on the broker makes no sense",
			 F_STR("why", err.message));
		return;
	}
	log_info("the broker is another one now", F_STR("host", b.host), F_INT("port", b.port));
	r = state_broker(&a->state, text);
	if (r < 0)
		log_error("the broker's place cannot be remembered over a restart",
			  F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
	link_stop(l);
	sync_now(&a->sync, clock_mono_ms());
}

void link_ask_later(struct flyve_link *l, int64_t now)
{
	int64_t after = l->ask_after ? l->ask_after : ASK_FIRST_MS;
	l->ask_at = now + after + (int64_t)rand_below((uint64_t)after);
	l->ask_after = 2 * after < ASK_MOST_MS ? 2 * after : ASK_MOST_MS;
}

void link_ask_if_due(struct agent *a, int64_t now)
{
	struct flyve_link *l = flyve_link_of(a);
	if (now < l->ask_at)
		return;
	l->ask_at = INT64_MAX;
	if (!l->connected)
		link_ask_later(l, now);
	l->ask = true;
	sync_now(&a->sync, now);
}
