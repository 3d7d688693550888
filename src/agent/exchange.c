/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchanges with the server: for each what is asked, and what its answer changes. The sync hears
 * of every one exactly once, after what it brought is durable.
 *
 * Each exchange is a row of `rows`: method, how the request is made, how a good answer is taken. A
 * doorbell is the same as a pull, only held.
 */
#include "agent/agent-private.h"
#include "agent/machine.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include <assert.h>

#define TIMEOUT_MS      30000
#define BELL_MARGIN_MS  15000 /* a doorbell may be answered so much later than asked */
#define PATH_SIZE       128
#define INVENTORY_BATCH (ANSWER_BODY_MAX - 64 * 1024)

struct ask { /* a request in the making */
	char path[PATH_SIZE];
	char *body; /* heap, or NULL */
};

/* ---- enroll ---- */

static void ask_enroll(struct agent *a, struct ask *q)
{
	AUTO_JSON body = machine_describe(a->config->root, a->config->name);
	char token[1024], key[TOKEN_TEXT_SIZE];
	(void)agent_token(a, token, sizeof token);
	int r = state_enrollment_key(&a->state, key);
	if (r < 0)
		log_warn("the key of this enrollment cannot be kept: a lost answer leaves a second "
			 "record",
			 F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
	json_object_set_new(body, "enrollment_key", json_string(key));
	json_object_set_new(body, "token", json_string(token));
	json_object_set_new(body, "kind", json_string(a->config->kind));
	if (strcmp(a->link->channel, "device") != 0)
		json_object_set_new(body, "channel", json_string(a->link->channel));
	secret_erase(token, sizeof token);
	secret_erase(key, sizeof key);
	q->body = json_text(body);
	snprintf(q->path, sizeof q->path, "/device/v1/enroll");
}

/* When the request was on its way, by the server's clock: whatever it orders since then is for this enrollment. */
static int64_t begin_of(const struct client_reply *reply)
{
	return reply->head.date_ms > 0 ? reply->head.date_ms - reply->took_ms : 0;
}

static int take_enroll(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
		       struct error *err)
{
	struct answer_enrolled e;
	int r = answer_enrolled(reply->body, &e, err);
	if (r)
		return r;
	const struct identity identity = {
		.server = client_server(a->client),
		.device_id = e.device_id,
		.token = e.token,
		.organization = e.organization,
		.fleet = e.fleet,
		.mqtt = e.mqtt,
		.enrolled_ms = begin_of(reply),
	};
	r = state_enroll(&a->state, &identity);
	if (r < 0)
		log_error("the enrollment cannot be remembered: after a restart this machine has "
			  "to enroll again",
			  F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
	client_set_token(a->client, e.token);
	secret_erase(e.token, sizeof e.token);
	secret_erase(e.mqtt, sizeof e.mqtt);
	a->said_unknown = false;
	memset(a->inventory_hash, 0, sizeof a->inventory_hash); /* the new record has none */
	log_info("enrolled", F_INT("device", e.device_id), F_STR("organization", e.organization),
		 F_STR("fleet", e.fleet));
	printf("reeve-agent: enrolled as device %lld at %s\n", (long long)e.device_id,
	       client_server(a->client));
	fflush(stdout);
	agent_commands_changed(a);
	return 0;
}

/* ---- pull, doorbell ---- */

static void ask_pull(struct agent *a, struct ask *q)
{
	snprintf(q->path, sizeof q->path, "/device/v1/desired");
}

static int take_desired(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
			struct error *err)
{
	struct answer_desired d;
	if (reply->head.status == 304) {
		ret->commands = reply->head.commands;
		return a->state.version > 0
			       ? 0
			       : error_set(err, ERR_INVALID, "304 to a request without a version");
	}
	int r = answer_desired(reply->body, &d, err);
	if (r)
		return r;
	bool same_version = d.version == a->state.version;
	if (!same_version || strcmp(reply->head.etag, a->state.etag) != 0 ||
	    !json_equal(d.settings, a->state.settings)) {
		log_info("desired state", F_INT("version", d.version),
			 F_INT("settings", (int64_t)json_object_size(d.settings)));
		r = state_desire(&a->state, d.version, reply->head.etag, d.settings);
		ret->anew = same_version;
	}
	if (r < 0)
		log_error("the desired state cannot be remembered over a restart",
			  F_STR("folder", a->state.dir), F_STR("error", strerror(-r)));
	json_decref(d.settings);
	ret->version = d.version;
	ret->commands = d.commands;
	return 0;
}

/* ---- commands ---- */

static void ask_take(struct agent *a, struct ask *q)
{
	snprintf(q->path, sizeof q->path, "/device/v1/commands");
}

/* A command's end by our clock: the server's may be another. */
static int64_t our_time(int64_t server_ms, const struct answer_head *h)
{
	if (server_ms <= 0 || h->date_ms <= 0)
		return server_ms;
	return server_ms - h->date_ms + clock_utc_ms();
}

static int take_commands(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
			 struct error *err)
{
	CLEANUP(free_charp)
	char *memory = calloc(ANSWER_COMMANDS_MAX, sizeof(struct answer_command));
	struct answer_command *list = (void *)memory;
	AUTO_JSON body = NULL;
	size_t n = 0;
	if (!list)
		abort();
	int r = answer_commands(reply->body, list, &n, &body, err);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++) {
		const struct answer_command *c = &list[i];
		if (!ledger_take(&a->state.ledger, c->id, c->type, c->params,
				 our_time(c->expires_ms, &reply->head)))
			continue;
		log_info("command taken", F_INT("command", c->id), F_STR("type", c->type));
		ret->commands++;
	}
	if (ret->commands > 0)
		agent_commands_changed(a);
	return 0;
}

static void ask_deliver(struct agent *a, struct ask *q)
{
	const struct ledger_entry *e = ledger_to_deliver(&a->state.ledger);
	AUTO_JSON body = json_object();
	assert(e); /* the sync knows how many there are */
	a->delivery_id = e->id;
	if (e->state == LEDGER_TAKEN) {
		json_object_set_new(body, "state", json_string("acknowledged"));
	} else {
		json_object_set_new(body, "state", json_string(e->done ? "done" : "failed"));
		json_object_set_new(body, "message", json_string(e->message));
		if (json_is_object(e->result))
			json_object_set(body, "result", e->result);
	}
	q->body = json_text(body);
	snprintf(q->path, sizeof q->path, "/device/v1/commands/%lld", (long long)e->id);
}

static int take_delivered(struct agent *a, const struct client_reply *reply,
			  struct sync_answer *ret, struct error *err)
{
	AUTO_JSON body = NULL;
	const char *state = NULL;
	int r = json_parse(reply->body, &body, err);
	r = r ? r : json_read_str(body, "state", true, &state, err);
	if (r)
		return r;
	ledger_delivered(&a->state.ledger, a->delivery_id, true);
	agent_commands_changed(a);
	return 0;
}

/* 409, 404, 400: the server does not want this state of the command, now or ever. */
static void drop_delivery(struct agent *a, const struct error *why)
{
	log_warn("the server does not take what became of a command",
		 F_INT("command", a->delivery_id), F_STR("why", why->message));
	ledger_delivered(&a->state.ledger, a->delivery_id, false);
	agent_commands_changed(a);
}

/* ---- report ---- */

static void ask_report(struct agent *a, struct ask *q)
{
	assert(a->state.report); /* work.c spools before it tells the sync */
	json_decref(a->flight);
	a->flight = json_incref(a->state.report);
	q->body = json_text(a->flight);
	snprintf(q->path, sizeof q->path, "/device/v1/report");
}

/* A newer one stays. */
void agent_report_over(struct agent *a)
{
	if (a->flight == a->state.report && state_spool(&a->state, NULL) < 0)
		log_warn("an old report cannot be removed", F_STR("folder", a->state.dir));
}

static int take_reported(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
			 struct error *err)
{
	int64_t version = json_integer_value(json_object_get(a->flight, "applied_version"));
	char verdict[sizeof a->verdict];
	int r = answer_report(reply->body, verdict, err);
	if (r)
		return r;
	agent_report_over(a);
	if (strcmp(verdict, a->verdict) != 0)
		log_info("reported", F_INT("version", version), F_STR("verdict", verdict));
	memcpy(a->verdict, verdict, sizeof verdict);
	if (!a->said_reported) {
		printf("reeve-agent: reported version %lld: %s\n", (long long)version, verdict);
		fflush(stdout);
	}
	a->said_reported = true;
	return 0;
}

/* ---- inventory ---- */

static size_t text_size(const json_t *j)
{
	return json_dumpb(j, NULL, 0, JSON_COMPACT);
}

/* As many sections as fit into one request; work.c has thrown out those that never would. */
static json_t *batch_of(const json_t *inventory)
{
	json_t *batch = json_object(), *section;
	const char *name;
	size_t size = 2;
	json_object_foreach ((json_t *)inventory, name, section) {
		size_t n = text_size(section) + strlen(name) + 4;
		if (size + n > INVENTORY_BATCH && json_object_size(batch) > 0)
			break;
		json_object_set(batch, name, section);
		size += n;
	}
	return batch;
}

static void ask_send(struct agent *a, struct ask *q)
{
	AUTO_JSON batch = batch_of(a->inventory);
	q->body = json_text(batch);
	snprintf(q->path, sizeof q->path, "/device/v1/inventory");
}

/* Removes the batch that was sent; what is left goes at once, in the same exchange. */
static int take_sent(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
		     struct error *err)
{
	AUTO_JSON batch = batch_of(a->inventory);
	const char *name;
	json_t *section;
	json_object_foreach (batch, name, section)
		json_object_del(a->inventory, name);
	return 0;
}

/* ---- leave ---- */

static void ask_leave(struct agent *a, struct ask *q)
{
	snprintf(q->path, sizeof q->path, "/device/v1/unenroll");
}

static int take_left(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
		     struct error *err)
{
	return 0;
}

/* ---- all of them ---- */

static const struct row {
	const char *method;
	int statuses[2]; /* of a good answer; another 2xx is not this server's */
	void (*ask)(struct agent *a, struct ask *q);
	int (*take)(struct agent *a, const struct client_reply *reply, struct sync_answer *ret,
		    struct error *err);
} rows[] = {
	[SYNC_DO_ENROLL] = { "POST", { 201, 200 }, ask_enroll, take_enroll },
	[SYNC_DO_PULL] = { "GET", { 200, 304 }, ask_pull, take_desired },
	[SYNC_DO_TAKE] = { "GET", { 200 }, ask_take, take_commands },
	[SYNC_DO_DELIVER] = { "POST", { 200 }, ask_deliver, take_delivered },
	[SYNC_DO_REPORT] = { "POST", { 200 }, ask_report, take_reported },
	[SYNC_DO_SEND] = { "PUT", { 204 }, ask_send, take_sent },
	[SYNC_DO_LEAVE] = { "POST", { 204 }, ask_leave, take_left },
};

/* Whether the machine's administrator has to do something, and what, said once. */
static void complain(struct agent *a, const char *what, enum sync_answer_kind kind,
		     const char *message)
{
	char token[1024];
	bool may = agent_token(a, token, sizeof token);
	secret_erase(token, sizeof token);
	if (kind == SYNC_GONE)
		log_warn("this device was unenrolled by the server",
			 F_STR("server", client_server(a->client)));
	else if (kind != SYNC_UNKNOWN)
		log_limited(LOG_LEVEL_WARN, "exchange failed", F_STR("exchange", what),
			    F_STR("why", message));
	else if (may)
		log_warn("the server does not know this device any more: enrolling again",
			 F_STR("server", client_server(a->client)));
	else if (!a->said_unknown)
		log_error("the server does not know this device any more; what was desired last "
			  "stays in force. To enroll it again, start reeve-agent with a new "
			  "--enrollment-token-file",
			  F_STR("server", client_server(a->client)));
	a->said_unknown |= kind == SYNC_UNKNOWN && !may;
}

/* A sentence that says more than the status does. */
static void explain(enum sync_action_type type, enum sync_answer_kind kind, struct error *err)
{
	const struct error plain = *err;
	if (type == SYNC_DO_ENROLL && kind != SYNC_FAILED && kind != SYNC_THROTTLED)
		(void)error_set(err, ERR_UNAUTHENTICATED, "the enrollment was refused; %s",
				plain.message);
	else if (kind == SYNC_UNKNOWN)
		(void)error_set(
			err, ERR_UNAUTHENTICATED,
			"the server does not know this device any more; to enroll it again, "
			"give an enrollment token");
}

/* Is it what we said that the server does not want, so that saying it again is useless? Otherwise it
 * is rather the address (404) or a right (403), which may be put in order. */
static bool is_about_content(enum sync_action_type type, int status)
{
	static const int statuses[] = { 400, 409, 413, 415, 422 };
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i] == status)
			return true;
	return type == SYNC_DO_DELIVER && status == 404; /* that command is not there */
}

static int take(struct agent *a, const struct row *row, const struct client_reply *reply,
		struct sync_answer *ret, struct error *err)
{
	int status = reply->head.status;
	if (a->asked && status == 200) {
		a->asked(a, reply->body);
		return error_set(err, ERR_UNAVAILABLE,
				 "the broker is out of reach, though the server knows this device");
	}
	if (status != row->statuses[0] && status != row->statuses[1])
		return error_set(err, ERR_INVALID,
				 "the server answered %d, which means nothing here", status);
	return row->take(a, reply, ret, err);
}

static struct sync_answer understand(struct agent *a, enum sync_action_type type, const char *what,
				     const struct client_reply *reply, struct error *err)
{
	struct sync_answer answer = { .retry_after_ms = reply->head.retry_after_ms,
				      .next_poll_ms = reply->head.next_poll_ms };
	*err = (struct error){ 0 };
	if (reply->trouble)
		answer.kind = SYNC_FAILED;
	else
		answer.kind = answer_kind(&reply->head, reply->body, err);
	if (reply->trouble)
		(void)error_set(err, ERR_UNAVAILABLE, "%s", reply->trouble);
	if (answer.kind == SYNC_REFUSED && !is_about_content(type, reply->head.status))
		answer.kind = SYNC_FAILED;
	if (answer.kind == SYNC_REFUSED && type == SYNC_DO_DELIVER) {
		drop_delivery(a, err);
		answer.kind = SYNC_OK;
	} else if (answer.kind == SYNC_OK && take(a, &rows[type], reply, &answer, err)) {
		answer.kind = SYNC_FAILED;
	}
	if (answer.kind == SYNC_REFUSED && type == SYNC_DO_REPORT)
		agent_report_over(a);
	if (answer.kind == SYNC_OK && a->in_trouble)
		log_info("in contact with the server again",
			 F_STR("server", client_server(a->client)));
	a->in_trouble = answer.kind != SYNC_OK;
	answer.message = err->message;
	if (answer.kind == SYNC_OK)
		return answer;
	explain(type, answer.kind, err);
	complain(a, what, type == SYNC_DO_ENROLL ? SYNC_REFUSED : answer.kind, err->message);
	return answer;
}

static const char *name_of(enum sync_action_type type)
{
	static const char *const names[] = {
		[SYNC_DO_ENROLL] = "enroll",  [SYNC_DO_PULL] = "pull",
		[SYNC_DO_TAKE] = "commands",  [SYNC_DO_DELIVER] = "command result",
		[SYNC_DO_REPORT] = "report",  [SYNC_DO_SEND] = "inventory",
		[SYNC_DO_LEAVE] = "unenroll",
	};
	return names[type];
}

static void on_exchange(void *user, const struct client_reply *reply)
{
	struct agent *a = user;
	enum sync_action_type type = a->exchange_type;
	struct error err;
	a->exchange = NULL;
	struct sync_answer answer = understand(a, type, name_of(type), reply, &err);
	if (type == SYNC_DO_SEND && answer.kind == SYNC_OK && json_object_size(a->inventory) > 0)
		agent_exchange(a, type);
	else
		sync_answered(&a->sync, clock_mono_ms(), &answer);
}

static void cannot_start(struct agent *a, enum sync_action_type type, int r)
{
	const struct sync_answer failed = { .kind = SYNC_FAILED,
					    .retry_after_ms = -1,
					    .next_poll_ms = -1,
					    .message = strerror(-r) };
	log_error("a request cannot be made", F_STR("exchange", name_of(type)),
		  F_STR("error", strerror(-r)));
	sync_answered(&a->sync, clock_mono_ms(), &failed);
}

static void start(struct agent *a, enum sync_action_type type, const struct client_request *request,
		  agent_asked_fn *asked)
{
	a->exchange_type = type;
	a->asked = asked;
	int r = client_start(a->client, request, on_exchange, a, &a->exchange);
	if (r < 0)
		cannot_start(a, type, r);
}

void agent_exchange(struct agent *a, enum sync_action_type type)
{
	struct ask q = { .body = NULL };
	rows[type].ask(a, &q);
	const struct client_request request = {
		.method = rows[type].method,
		.path = q.path,
		.body = q.body,
		.if_none_match = type == SYNC_DO_PULL ? a->state.etag : NULL,
		.timeout_ms = TIMEOUT_MS,
		.without_token = type == SYNC_DO_ENROLL,
	};
	start(a, type, &request, NULL);
	if (q.body)
		secret_erase(q.body, strlen(q.body));
	free(q.body);
}

/* As a pull: 401 and 410 mean what they always do. */
void agent_ask(struct agent *a, const char *path, agent_asked_fn *asked)
{
	const struct client_request request = { .method = "GET",
						.path = path,
						.timeout_ms = TIMEOUT_MS };
	start(a, SYNC_DO_PULL, &request, asked);
}

/* ---- the doorbell ---- */

static void on_bell(void *user, const struct client_reply *reply)
{
	struct agent *a = user;
	struct error err;
	a->bell = NULL;
	struct sync_answer answer = understand(a, SYNC_DO_PULL, "doorbell", reply, &err);
	sync_rang(&a->sync, clock_mono_ms(), &answer);
}

static void ring(struct agent *a)
{
	char path[PATH_SIZE];
	int64_t wait_s = (a->config->wait_ms + 999) / 1000;
	snprintf(path, sizeof path, "/device/v1/desired?wait=%lld", (long long)wait_s);
	const struct client_request request = {
		.method = "GET",
		.path = path,
		.if_none_match = a->state.etag,
		.timeout_ms = wait_s * 1000 + BELL_MARGIN_MS,
	};
	if (client_start(a->client, &request, on_bell, a, &a->bell) < 0) {
		const struct sync_answer failed = { .kind = SYNC_FAILED,
						    .retry_after_ms = -1,
						    .next_poll_ms = -1,
						    .message = "no doorbell" };
		sync_rang(&a->sync, clock_mono_ms(), &failed);
	}
}

void agent_hang_up(struct agent *a)
{
	client_cancel(TAKE(a->exchange));
	client_cancel(TAKE(a->bell));
}

/* ---- the link ---- */

static int open_link(struct agent *a, struct error *err)
{
	return 0;
}

static void close_link(struct agent *a)
{
}

static int no_fd(const struct agent *a)
{
	return -1;
}

static int64_t nothing_to_serve(struct agent *a, int64_t now)
{
	return INT64_MAX; /* client_poll() has called everything */
}

const struct agent_link agent_link_device = {
	.channel = "device",
	.open = open_link,
	.close = close_link,
	.exchange = agent_exchange,
	.ring = ring,
	.hang_up = agent_hang_up,
	.fd = no_fd,
	.serve = nothing_to_serve,
};
