/* SPDX-License-Identifier: Apache-2.0
 *
 * The link over MQTT, see link.h. The client (net/mqtt) has a thread; what it hears is queued and taken by
 * the agent's own, so that everything else of the agent needs no lock.
 *
 * The protocol has no request for what is desired: the broker keeps it, and sends all of it after each
 * connection, without an end. It counts as complete when every subscription is answered and nothing has
 * come for QUIET_MS. Until then what was desired before stays in force. Versions are our own: one more
 * for each change.
 */
#include "agent/flyve/link.h"

#include "agent/flyve/link-private.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUIET_MS    250
#define ANSWER_MS   30000
#define DRAIN_MS    1000
#define HEARD_MAX   (32u << 20) /* bytes waiting for the agent's thread */
#define MESSAGE_MAX TOLD_PAYLOAD_MAX

/* ---- the client's thread ---- */

static void hear(struct flyve_link *l, struct heard *h)
{
	bool fits;
	pthread_mutex_lock(&l->lock);
	fits = l->n_bytes + h->n <= HEARD_MAX;
	if (fits) {
		l->n_bytes += h->n;
		*l->last = h;
		l->last = &h->next;
	}
	l->overflowed |= !fits;
	pthread_mutex_unlock(&l->lock);
	if (!fits) {
		free(h->text);
		free(h->payload);
		free(h);
	}
	(void)eventfd_write(l->wake_fd, 1);
}

static struct heard *heard_new(int what, const char *text)
{
	struct heard *h = calloc(1, sizeof *h);
	if (!h || !(h->text = strdup(text ? text : "")))
		abort();
	h->what = what;
	return h;
}

static void on_connected(void *user, bool session)
{
	hear(user, heard_new(HEARD_CONNECTED, ""));
}

static void on_disconnected(void *user, const char *why)
{
	hear(user, heard_new(HEARD_DISCONNECTED, why));
}

static void on_message(void *user, const struct mqtt_message *m)
{
	struct heard *h = heard_new(HEARD_MESSAGE, m->topic);
	h->n = m->payload.n;
	if (h->n && !(h->payload = malloc(h->n)))
		abort();
	if (h->n)
		memcpy(h->payload, m->payload.p, h->n);
	hear(user, h);
}

static void on_published(void *user, uint64_t id)
{
	struct heard *h = heard_new(HEARD_PUBLISHED, "");
	h->id = id;
	hear(user, h);
}

static void on_subscribed(void *user, const char *filter, bool granted)
{
	struct heard *h = heard_new(HEARD_SUBSCRIBED, filter);
	h->granted = granted;
	hear(user, h);
}

/* ---- forks: workers must not inherit a library's lock from the client's thread ---- */

static struct mqtt *held_over_forks;

static void before_fork(void)
{
	if (held_over_forks)
		mqtt_hold(held_over_forks);
}

static void after_fork(void)
{
	if (held_over_forks)
		mqtt_release(held_over_forks);
}

/* ---- connection ---- */

static void subscribe_to(struct flyve_link *l, const char *filter)
{
	struct error err;
	if (mqtt_subscribe(l->mqtt, filter, 1, &err) != 0)
		log_warn("a topic cannot be subscribed to", F_STR("filter", filter),
			 F_STR("why", err.message));
	else
		l->n_asked++;
}

static void subscribe(struct flyve_link *l, const char *root)
{
	char filter[TOLD_TOPIC_MAX + 8];
	snprintf(filter, sizeof filter, "%s/#", root);
	subscribe_to(l, filter);
}

static int start(struct agent *a, const struct link_broker *b, struct error *err)
{
	struct flyve_link *l = flyve_link_of(a);
	char topic[TOLD_TOPIC_MAX];
	snprintf(topic, sizeof topic, "%s/Status/Online", b->topic);
	const struct mqtt_message will = { .topic = topic,
					   .payload = span_str("{\"online\":false}"),
					   .qos = 1 };
	const struct mqtt_options o = {
		.host = b->host,
		.port = (int)b->port,
		.tls = b->tls,
		.tls_ca = a->config->ca,
		.user = b->user,
		.password = b->password ? b->password : a->state.identity.token,
		.clean_session = true,
		.will = &will,
		.message_max = MESSAGE_MAX,
		.on = { on_connected, on_disconnected, on_message, on_published, on_subscribed, l },
	};
	int r = mqtt_new(&o, &l->mqtt, err);
	if (r)
		return r;
	told_init(&l->told, b->topic);
	l->topic = strdup(b->topic);
	l->user = strdup(b->user);
	if (!l->topic || !l->user)
		abort();
	held_over_forks = l->mqtt;
	link_ask_later(l, clock_mono_ms()); /* unless it lets us in before */
	r = mqtt_start(l->mqtt);
	return r < 0 ? error_set(err, ERR_INTERNAL, "a thread: %s", strerror(-r)) : 0;
}

static int connect_broker(struct agent *a, struct error *err)
{
	AUTO_JSON j = NULL;
	struct link_broker b;
	int r = json_parse(span_str(a->state.identity.mqtt), &j, err);
	r = r ? r : link_read_broker(j, &b, err);
	return r ? r : start(a, &b, err);
}

void link_stop(struct flyve_link *l)
{
	if (!l->mqtt)
		return;
	mqtt_stop(l->mqtt, DRAIN_MS);
	held_over_forks = NULL;
	mqtt_free(TAKE(l->mqtt));
	told_fini(&l->told);
	free(TAKE(l->topic));
	free(TAKE(l->user));
	l->connected = l->settled = l->refused = l->ask = false;
	l->ask_at = INT64_MAX;
}

/* ---- answers to the sync ---- */

static void answer(struct agent *a, enum sync_answer_kind kind, const char *message)
{
	struct flyve_link *l = flyve_link_of(a);
	struct sync_answer s = { .kind = kind,
				 .retry_after_ms = -1,
				 .next_poll_ms = -1,
				 .message = message,
				 .commands = (int64_t)l->n_commands };
	if (l->pulling && kind == SYNC_OK)
		s.version = a->state.version;
	if (kind != SYNC_OK)
		log_limited(LOG_LEVEL_WARN, "exchange failed", F_STR("why", message));
	l->lost_contact |= kind != SYNC_OK;
	l->pulling = l->publishing = false;
	l->give_up_at = INT64_MAX;
	sync_answered(&a->sync, clock_mono_ms(), &s);
}

static void ring_answer(struct agent *a, int64_t version)
{
	struct flyve_link *l = flyve_link_of(a);
	const struct sync_answer s = { .kind = SYNC_OK,
				       .retry_after_ms = -1,
				       .next_poll_ms = -1,
				       .version = version,
				       .commands = (int64_t)l->n_commands };
	if (!l->ringing)
		return;
	l->ringing = false;
	sync_rang(&a->sync, clock_mono_ms(), &s);
}

/* ---- what comes in ---- */

static void remember_command(struct agent *a, const struct told_news *n)
{
	struct flyve_link *l = flyve_link_of(a);
	int64_t enrolled_s = a->state.identity.enrolled_ms / 1000;
	int64_t id = n->id;
	if (n->issued_s > 0 && n->issued_s < enrolled_s) {
		log_warn("an order from before this enrollment is not for this device any more",
			 F_STR("type", n->type), F_INT("command", n->id));
		return;
	}
	if (id == 0) { /* ids of our own: by the time, and never one twice */
		id = LINK_OWN_ID + clock_utc_ms();
		if (id <= l->last_query_id)
			id = l->last_query_id + 1;
		l->last_query_id = id;
	}
	for (size_t i = 0; i < l->n_commands; i++)
		if (l->commands[i].id == id)
			return;
	if (l->n_commands == ARRAY_SIZE(l->commands)) {
		log_warn("too many commands are waiting: left out", F_STR("type", n->type));
		return;
	}
	l->commands[l->n_commands++] = (struct waiting_command){ id, n->type };
	ring_answer(a, 0);
}

static void follow_fleets(struct flyve_link *l)
{
	const json_t *root;
	size_t i;
	json_array_foreach (l->told.fleets, i, root)
		subscribe(l, json_string_value(root));
}

static void take_message(struct agent *a, const struct heard *h)
{
	struct flyve_link *l = flyve_link_of(a);
	struct told_news news;
	struct error err;
	int64_t now = clock_mono_ms();
	if (strcmp(h->text, LINK_BROKER_TOPIC) == 0) {
		link_take_notice(a, (struct span){ h->payload, h->n });
		return;
	}
	int r = told_take(&l->told, h->text, (struct span){ h->payload, h->n }, &news, &err);
	if (r) {
		log_limited(LOG_LEVEL_WARN, "a message makes no sense", F_STR("topic", h->text),
			    F_STR("why", err.message));
		return;
	}
	if (news.kind == TOLD_COMMAND) {
		remember_command(a, &news);
		return;
	}
	if (news.kind == TOLD_FLEETS)
		follow_fleets(l);
	if (news.kind != TOLD_NOTHING || !l->settled) {
		l->settled = false;
		l->settle_at = now + QUIET_MS;
	}
}

static void take_connection(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	struct error err;
	log_info("connected to the broker", F_STR("topic", l->topic));
	l->connected = true;
	l->refused = l->settled = l->ask = false;
	l->ask_at = INT64_MAX;
	l->ask_after = 0;
	l->n_asked = l->n_answered = 0;
	told_forget(&l->told);
	subscribe(l, l->topic);
	subscribe_to(l, LINK_BROKER_TOPIC);
	l->settle_at = clock_mono_ms() + QUIET_MS;
	if (link_say_online(a, &err) != 0)
		log_warn("presence cannot be said", F_STR("why", err.message));
	if (l->lost_contact)
		sync_now(&a->sync, clock_mono_ms());
	l->lost_contact = false;
}

/* An exchange that waits for the broker has failed; the next connection begins with a sync. */
static void take_disconnection(struct agent *a, const char *why)
{
	struct flyve_link *l = flyve_link_of(a);
	char message[300];
	bool refused = strstr(why, "efused") != NULL && !l->connected;
	l->connected = l->settled = false;
	snprintf(message, sizeof message, "no connection to the broker: %s", why);
	if (l->pulling || l->publishing)
		answer(a, SYNC_FAILED, message);
	else
		log_limited(LOG_LEVEL_WARN, "no connection to the broker", F_STR("why", why));
	l->lost_contact = true;
	if (l->ask_at == INT64_MAX)
		link_ask_later(l, clock_mono_ms());
	if (refused && !l->refused)
		sync_now(&a->sync, clock_mono_ms());
	l->refused = refused;
}

static void take_one(struct agent *a, const struct heard *h)
{
	struct flyve_link *l = flyve_link_of(a);
	switch (h->what) {
	case HEARD_CONNECTED:
		take_connection(a);
		break;
	case HEARD_DISCONNECTED:
		take_disconnection(a, h->text);
		break;
	case HEARD_MESSAGE:
		take_message(a, h);
		break;
	case HEARD_PUBLISHED:
		l->published_id = h->id > l->published_id ? h->id : l->published_id;
		break;
	case HEARD_SUBSCRIBED:
		l->n_answered++;
		l->settle_at = clock_mono_ms() + QUIET_MS;
		if (!h->granted)
			log_warn("the broker does not let us read", F_STR("filter", h->text));
		break;
	}
}

static void take_heard(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	eventfd_t n;
	(void)eventfd_read(l->wake_fd, &n);
	pthread_mutex_lock(&l->lock);
	struct heard *list = l->first;
	bool overflowed = l->overflowed;
	l->first = NULL;
	l->last = &l->first;
	l->n_bytes = 0;
	l->overflowed = false;
	pthread_mutex_unlock(&l->lock);
	while (list) {
		struct heard *h = list;
		list = h->next;
		if (l->mqtt)
			take_one(a, h);
		free(h->text);
		free(h->payload);
		free(h);
	}
	if (overflowed && l->connected) { /* ask for everything again */
		log_warn("the broker sent more than can be kept: asking again");
		take_connection(a);
	}
}

static void settle(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	json_t *settings = NULL;
	l->settled = true;
	json_decref(l->tasks);
	told_desired(&l->told, &settings, &l->tasks);
	bool changed = a->state.version == 0 || !json_equal(settings, a->state.settings);
	if (changed) {
		int r = state_desire(&a->state, a->state.version + 1, "", settings);
		log_info("desired state", F_INT("version", a->state.version),
			 F_INT("settings", (int64_t)json_object_size(settings)));
		if (r < 0)
			log_error("the desired state cannot be remembered over a restart",
				  F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
	} else if (a->results) {
		agent_report_again(a); /* the same settings may be other tasks */
	}
	json_decref(settings);
	if (l->pulling)
		answer(a, SYNC_OK, NULL);
	else if (changed)
		ring_answer(a, a->state.version);
}

/* ---- the link ---- */

static int open_link(struct agent *a, struct error *err)
{
	struct flyve_link *l = calloc(1, sizeof *l);
	static bool registered;
	if (!l)
		abort();
	a->link_state = l;
	l->last = &l->first;
	l->settle_at = l->give_up_at = l->ask_at = INT64_MAX;
	l->said = json_object();
	pthread_mutex_init(&l->lock, NULL);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd < 0)
		return error_set(err, ERR_INTERNAL, "eventfd: %s", strerror(errno));
	if (!registered && pthread_atfork(before_fork, after_fork, after_fork) != 0)
		return error_set(err, ERR_INTERNAL, "no memory");
	registered = true;
	return 0;
}

static void close_link(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	if (!l)
		return;
	link_stop(l);
	while (l->first) {
		struct heard *h = l->first;
		l->first = h->next;
		free(h->text);
		free(h->payload);
		free(h);
	}
	json_decref(l->tasks);
	json_decref(l->said);
	close_fdp(&l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(TAKE(a->link_state));
}

/* Everything of the enrollment before goes with it. */
static void enroll(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	link_stop(l);
	json_object_clear(l->said);
	l->n_commands = 0;
	agent_exchange(a, SYNC_DO_ENROLL);
}

static void pull(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	struct error err;
	if (!l->mqtt && connect_broker(a, &err) != 0) {
		answer(a, SYNC_FAILED, err.message);
		return;
	}
	if (l->refused || l->ask) {
		l->ask = false;
		agent_ask(a, LINK_BROKER_PATH, link_take_place);
		return;
	}
	l->pulling = true;
	l->give_up_at = clock_mono_ms() + ANSWER_MS;
	if (l->settled)
		answer(a, SYNC_OK, NULL);
}

static void take_commands(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	AUTO_JSON none = json_object();
	size_t n = l->n_commands, n_new = 0;
	l->n_commands = 0;
	for (size_t i = 0; i < n; i++) {
		const struct waiting_command *c = &l->commands[i];
		if (!ledger_take(&a->state.ledger, c->id, c->type, none, 0))
			continue;
		n_new++;
		log_info("command taken", F_INT("command", c->id), F_STR("type", c->type));
		if (strcmp(c->type, "inventory") == 0) /* sent even when it is the same */
			memset(a->inventory_hash, 0, sizeof a->inventory_hash);
	}
	if (n_new > 0)
		agent_commands_changed(a);
	const struct sync_answer s = { .kind = SYNC_OK,
				       .retry_after_ms = -1,
				       .next_poll_ms = -1,
				       .commands = (int64_t)n_new };
	sync_answered(&a->sync, clock_mono_ms(), &s);
}

static void finish_publishing(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	if (!l->publishing || l->published_id < l->last_id)
		return;
	link_said(a, l->exchange);
	answer(a, SYNC_OK, NULL);
}

static void say(struct agent *a, enum sync_action_type type)
{
	struct flyve_link *l = flyve_link_of(a);
	struct error err;
	int r = link_say(a, type, &err);
	if (r && l->refused) { /* also when leaving: who is gone already need not say so */
		agent_ask(a, LINK_BROKER_PATH, link_take_place);
		return;
	}
	if (r) {
		answer(a, SYNC_FAILED, r > 0 ? err.message : strerror(-r));
		return;
	}
	l->publishing = true;
	l->exchange = type;
	l->give_up_at = clock_mono_ms() + ANSWER_MS;
	finish_publishing(a); /* there may have been nothing to say */
}

static void exchange(struct agent *a, enum sync_action_type type)
{
	if (type == SYNC_DO_ENROLL)
		enroll(a);
	else if (type == SYNC_DO_PULL)
		pull(a);
	else if (type == SYNC_DO_TAKE)
		take_commands(a);
	else
		say(a, type);
}

static void ring(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	l->ringing = true;
	if (l->n_commands > 0)
		ring_answer(a, 0);
}

static void hang_up(struct agent *a)
{
	struct flyve_link *l = flyve_link_of(a);
	agent_hang_up(a);
	l->ringing = l->pulling = l->publishing = false;
	l->give_up_at = INT64_MAX;
}

static int wake_fd(const struct agent *a)
{
	return flyve_link_of(a)->wake_fd;
}

static int64_t serve(struct agent *a, int64_t now)
{
	struct flyve_link *l = flyve_link_of(a);
	take_heard(a);
	finish_publishing(a);
	bool complete = l->connected && !l->settled && l->n_answered >= l->n_asked;
	if (complete && now >= l->settle_at)
		settle(a);
	if ((l->pulling || l->publishing) && now >= l->give_up_at)
		answer(a, SYNC_FAILED, "the broker does not answer");
	link_ask_if_due(a, now);
	int64_t next = l->give_up_at < l->ask_at ? l->give_up_at : l->ask_at;
	return complete && !l->settled && l->settle_at < next ? l->settle_at : next;
}

const struct agent_link agent_link_flyve = {
	.channel = "flyve",
	.by_broker = true,
	.open = open_link,
	.close = close_link,
	.exchange = exchange,
	.ring = ring,
	.hang_up = hang_up,
	.fd = wake_fd,
	.serve = serve,
};
