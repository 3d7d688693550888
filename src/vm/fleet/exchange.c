/* SPDX-License-Identifier: Apache-2.0
 *
 * The requests: for each step of the book what is asked, and what its answer changes.
 *
 * Each step is a row of `rows`. An answer is taken under the lock, into the machine that the step was about,
 * found again by its key: it may be gone by then.
 */
#include "agent/machine.h"
#include "base/clock.h"
#include "base/log.h"
#include "vm/fleet/fleet-private.h"

#define TIMEOUT_MS 30000
#define PATH_SIZE  96
#define REFUSED_MS (60 * 1000) /* what was refused is not asked again before */
#define UNKNOWN_MS (10 * 1000) /* a machine whose token is unknown enrolls again after */

struct ask { /* a request in the making, and what its answer is for */
	enum book_step step;
	char key[BOOK_KEY_SIZE];
	int64_t id; /* of a command, or of what is gone */
	char path[PATH_SIZE];
	char *body;        /* heap, or NULL */
	char *token;       /* heap, or NULL; erased when freed */
	json_t *given;     /* what the body was made of, or NULL */
	bool after_report; /* REPORT: its second half */
	int64_t version;   /* REPORT */
};

static char *copy(const char *text)
{
	char *s = strdup(text);
	if (!s)
		abort();
	return s;
}

static void erase(char *secret)
{
	if (secret)
		secret_erase(secret, strlen(secret));
	free(secret);
}

/* ---- asking; under the lock ---- */

static void ask_enroll(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	json_t *body = machine_describe("", f->name);
	if (!f->book.enrollment_key[0]) {
		rand_token(f->book.enrollment_key);
		f->book.dirty = true;
	}
	json_object_set_new(body, "enrollment_key", json_string(f->book.enrollment_key));
	json_object_set_new(body, "token", json_string(f->enrollment_token));
	json_object_set_new(body, "kind", json_string("linux"));
	q->body = json_text(body);
	json_decref(body);
	snprintf(q->path, sizeof q->path, "/device/v1/enroll");
}

static void ask_gone(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	q->id = f->book.gone[0];
	snprintf(q->path, sizeof q->path, "/device/v1/children/%lld", (long long)q->id);
}

static void ask_put(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	q->given = json_incref(t->child->facts);
	q->body = json_text(t->child->facts);
	snprintf(q->path, sizeof q->path, "/device/v1/children");
}

static void ask_result(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	const struct book_command *c = t->command;
	json_t *body = json_pack("{s:s, s:s}", "state", c->done ? "done" : "failed", "message",
				 c->message);
	if (c->result)
		json_object_set(body, "result", c->result);
	q->id = c->id;
	q->body = json_text(body);
	json_decref(body);
	snprintf(q->path, sizeof q->path, "/device/v1/commands/%lld", (long long)c->id);
}

static void ask_leave(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	snprintf(q->path, sizeof q->path, "/device/v1/unenroll");
}

static void ask_attributes(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	json_t *delta = book_attributes_delta(t->child);
	q->given = json_incref(t->child->attributes);
	q->body = json_text(delta);
	json_decref(delta);
	snprintf(q->path, sizeof q->path, "/device/v1/attributes");
}

static void ask_inventory(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	q->given = json_incref(t->child->inventory);
	q->body = json_text(t->child->inventory);
	snprintf(q->path, sizeof q->path, "/device/v1/inventory");
}

static void ask_commands(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	snprintf(q->path, sizeof q->path, "/device/v1/commands");
}

static void ask_desired(struct fleet *f, struct ask *q, const struct book_todo *t)
{
	snprintf(q->path, sizeof q->path, "/device/v1/desired");
}

/* ---- taking a good answer; under the lock. ERR_INVALID: it is not one ---- */

static int take_enroll(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		       struct error *err)
{
	struct answer_enrolled e;
	int r = answer_enrolled(reply->body, &e, err);
	if (r)
		return r;
	book_enrolled(&f->book, client_server(f->client), e.device_id, e.token);
	secret_erase(e.token, sizeof e.token);
	f->forgotten = false;
	f->etag[0] = '\0';
	log_info("enrolled", F_INT("device", e.device_id), F_STR("organization", e.organization),
		 F_STR("fleet", e.fleet));
	return 0;
}

static int take_gone(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		     struct error *err)
{
	struct book *b = &f->book;
	if (b->n_gone > 0 && b->gone[0] == q->id) {
		memmove(b->gone, b->gone + 1, --b->n_gone * sizeof *b->gone);
		b->dirty = true;
	}
	return 0;
}

static int take_put(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		    struct error *err)
{
	struct answer_enrolled e;
	struct book_child *c = book_find(&f->book, q->key);
	int r = answer_enrolled(reply->body, &e, err);
	if (r)
		return r;
	if (c && json_equal(c->facts, q->given)) {
		book_child_forget(c);
		c->id = e.device_id;
		c->token = copy(e.token);
		c->version = 1; /* the list is not rung for what we did ourselves */
		c->seen_at = clock_mono_ms() + f->next_poll_ms;
	} else if (!c) {
		book_gone_id(&f->book, e.device_id); /* it went meanwhile */
	}
	f->book.dirty = true;
	secret_erase(e.token, sizeof e.token);
	return 0;
}

static int take_result(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		       struct error *err)
{
	book_over(&f->book, q->id);
	return 0;
}

/* The enrollment token that is at hand is not to be used again by itself. */
static void leave(struct fleet *f)
{
	uint8_t hash[SHA256_SIZE];
	book_forget(&f->book);
	sha256(span_str(f->enrollment_token ? f->enrollment_token : ""), hash);
	hex_encode((struct span){ hash, sizeof hash }, f->book.left);
}

static int take_leave(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		      struct error *err)
{
	log_info("this host has left, as it was told to");
	leave(f);
	return 0;
}

static int take_attributes(struct fleet *f, const struct ask *q, const struct client_reply *reply,
			   struct error *err)
{
	struct book_child *c = book_find(&f->book, q->key);
	if (!c)
		return 0;
	json_decref(c->sent);
	c->sent = json_deep_copy(q->given);
	c->seen_at = clock_mono_ms() + f->next_poll_ms;
	f->book.dirty = true;
	return 0;
}

static int take_inventory(struct fleet *f, const struct ask *q, const struct client_reply *reply,
			  struct error *err)
{
	struct book_child *c = book_find(&f->book, q->key);
	if (c && c->inventory == q->given)
		c->inventory_due = false;
	return 0;
}

/* What is not a matter of the machine itself is answered here. true: it was. */
static bool answer_here(struct fleet *f, struct book_child *c, struct book_command *n)
{
	const char *state = NULL;
	if (strcmp(n->type, "inventory") == 0) {
		c->inventory_due = c->inventory != NULL;
		book_finish(n, true, "", NULL);
	} else if (strcmp(n->type, "ping") == 0) {
		state = json_string_value(json_object_get(c->attributes, "vm.state"));
		if (!state)
			state = json_string_value(
				json_object_get(c->attributes, "container.state"));
		bool up = !c->key[0] || (state && strcmp(state, "running") == 0);
		book_finish(n, up, up ? "" : state ? state : "not running", NULL);
	} else if (!c->key[0] && strcmp(n->type, "unenroll") == 0) {
		f->book.leaving = true;
		book_finish(n, true, "", NULL);
	} else if (!c->key[0]) {
		book_finish(n, false, "reeve-host does this for its machines only", NULL);
	} else {
		return false;
	}
	f->book.dirty = true;
	return true;
}

static int take_commands(struct fleet *f, const struct ask *q, const struct client_reply *reply,
			 struct error *err)
{
	struct answer_command *list = calloc(ANSWER_COMMANDS_MAX, sizeof *list);
	struct book_child *c = book_find(&f->book, q->key);
	AUTO_JSON body = NULL;
	size_t n = 0;
	if (!list)
		abort();
	int r = answer_commands(reply->body, list, &n, &body, err);
	for (size_t i = 0; i < n && r == 0 && c; i++) {
		if (!book_take(&f->book, c->key, list[i].id, list[i].type, list[i].params))
			continue;
		log_info("command", F_STR("machine", c->key), F_INT("id", list[i].id),
			 F_STR("type", list[i].type));
		(void)answer_here(f, c, book_command(&f->book, list[i].id));
	}
	if (c && r == 0)
		c->commands = 0;
	free(list);
	return r;
}

/* Every setting is answered: a guest is given commands, not settings. */
static json_t *report_of(const struct answer_desired *d)
{
	char at[CLOCK_TEXT_SIZE];
	json_t *settings = json_object(), *value;
	const char *name;
	clock_format(clock_utc_ms(), at);
	json_object_foreach (d->settings, name, value)
		json_object_set_new(settings, name,
				    json_pack("{s:n, s:s, s:s, s:s}", "value", "state",
					      "unsupported", "message", "", "at", at));
	return json_pack("{s:I, s:o}", "applied_version", (json_int_t)d->version, "settings",
			 settings);
}

/* The first half reads, the second reports. */
static int take_desired(struct fleet *f, struct ask *q, const struct client_reply *reply,
			struct error *err)
{
	struct answer_desired d;
	struct book_child *c = book_find(&f->book, q->key);
	if (q->after_report) {
		if (c)
			c->reported = q->version;
		return 0;
	}
	int r = answer_desired(reply->body, &d, err);
	if (r)
		return r;
	AUTO_JSON report = report_of(&d);
	q->version = d.version;
	q->body = json_text(report);
	json_decref(d.settings);
	snprintf(q->path, sizeof q->path, "/device/v1/report");
	return 0;
}

static int take_seen(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		     struct error *err)
{
	struct book_child *c = book_find(&f->book, q->key);
	if (c)
		c->seen_at = clock_mono_ms() + f->next_poll_ms;
	return 0;
}

/* ---- what is refused ---- */

/* It would be refused again: as good as accepted. */
static void give_up(struct fleet *f, const struct ask *q, struct book_child *c)
{
	struct client_reply none = { 0 };
	struct error err;
	switch (q->step) {
	case STEP_GONE:
		(void)take_gone(f, q, &none, &err);
		break;
	case STEP_RESULT:
		(void)take_result(f, q, &none, &err);
		break;
	case STEP_ATTRIBUTES:
		(void)take_attributes(f, q, &none, &err);
		break;
	case STEP_INVENTORY:
		(void)take_inventory(f, q, &none, &err);
		break;
	case STEP_NONE:
	case STEP_ENROLL:
	case STEP_PUT:
	case STEP_TAKE:
	case STEP_REPORT:
	case STEP_SEEN:
	case STEP_LEAVE:
		if (c)
			c->retry_at = clock_mono_ms() + REFUSED_MS;
	}
}

void fleet_host_refused(struct fleet *f, enum sync_answer_kind kind, const char *why)
{
	if (kind == SYNC_UNKNOWN) {
		log_warn("the server does not know this host", F_STR("why", why));
		f->forgotten = true;
		f->bell_at = clock_mono_ms() + FLEET_FORGOTTEN_MS;
		return;
	}
	log_warn("this host was unenrolled", F_STR("why", why));
	leave(f);
}

static bool by_host(enum book_step step, const char *key)
{
	return step == STEP_GONE || step == STEP_PUT || !*key;
}

static void refused(struct fleet *f, const struct ask *q, enum sync_answer_kind kind,
		    const char *why)
{
	struct book_child *c = book_find(&f->book, q->key);
	bool gone_child = kind == SYNC_GONE && q->step == STEP_PUT;
	log_limited(LOG_LEVEL_WARN, "the server refused", F_STR("path", q->path),
		    F_STR("machine", q->key), F_STR("why", why));
	snprintf(f->trouble, sizeof f->trouble, "%s", why);
	if (q->step == STEP_ENROLL) {
		fleet_back_off(f, FLEET_FORGOTTEN_MS, why);
	} else if ((kind == SYNC_UNKNOWN || kind == SYNC_GONE) && by_host(q->step, q->key) &&
		   !gone_child) {
		fleet_host_refused(f, kind, why);
	} else if (kind == SYNC_GONE && c) {
		if (q->step == STEP_PUT)
			f->bell_at =
				0; /* whether it was the host that is gone, its own list says */
		c->refused = true;
		f->book.dirty = true;
	} else if (kind == SYNC_UNKNOWN && c) {
		book_child_forget(c);
		c->retry_at = clock_mono_ms() + UNKNOWN_MS;
		f->book.dirty = true;
	} else {
		give_up(f, q, c);
	}
}

/* ---- one exchange ---- */

static const struct {
	const char *method;
	void (*ask)(struct fleet *f, struct ask *q, const struct book_todo *t);
	int (*take)(struct fleet *f, const struct ask *q, const struct client_reply *reply,
		    struct error *err); /* NULL: take_desired() */
} rows[] = {
	[STEP_ENROLL] = { "POST", ask_enroll, take_enroll },
	[STEP_GONE] = { "DELETE", ask_gone, take_gone },
	[STEP_PUT] = { "POST", ask_put, take_put },
	[STEP_RESULT] = { "POST", ask_result, take_result },
	[STEP_LEAVE] = { "POST", ask_leave, take_leave },
	[STEP_ATTRIBUTES] = { "PUT", ask_attributes, take_attributes },
	[STEP_INVENTORY] = { "PUT", ask_inventory, take_inventory },
	[STEP_TAKE] = { "GET", ask_commands, take_commands },
	[STEP_REPORT] = { "GET", ask_desired, NULL },
	[STEP_SEEN] = { "GET", ask_desired, take_seen },
};

static void note_next_poll(struct fleet *f, const struct answer_head *h)
{
	if (h->next_poll_ms > 0)
		f->next_poll_ms =
			h->next_poll_ms < SYNC_POLL_MAX_MS ? h->next_poll_ms : SYNC_POLL_MAX_MS;
}

bool fleet_is_answer(struct fleet *f, const struct client_reply *reply,
		     enum sync_answer_kind *ret_kind, struct error *err)
{
	*ret_kind = SYNC_FAILED;
	if (reply->trouble)
		(void)error_set(err, ERR_UNAVAILABLE, "%s", reply->trouble);
	else
		*ret_kind = answer_kind(&reply->head, reply->body, err);
	if (*ret_kind == SYNC_FAILED || *ret_kind == SYNC_THROTTLED) {
		fleet_back_off(f, reply->head.retry_after_ms, err->message);
		return false;
	}
	note_next_poll(f, &reply->head);
	return true;
}

struct exchange {
	struct fleet *f;
	struct ask *q;
};

static void on_reply(void *user, const struct client_reply *reply)
{
	struct exchange *x = user;
	struct fleet *f = x->f;
	struct error err = { 0 };
	enum sync_answer_kind kind;
	pthread_mutex_lock(&f->lock);
	f->answered = true;
	if (fleet_is_answer(f, reply, &kind, &err)) {
		int r = 0;
		if (kind != SYNC_OK)
			refused(f, x->q, kind, err.message);
		else if (rows[x->q->step].take)
			r = rows[x->q->step].take(f, x->q, reply, &err);
		else
			r = take_desired(f, x->q, reply, &err);
		if (r)
			fleet_back_off(f, -1, err.message);
		else if (kind == SYNC_OK)
			fleet_went_well(f);
	}
	pthread_mutex_unlock(&f->lock);
}

static void request(struct fleet *f, struct ask *q, const char *method)
{
	const struct client_request r = { .method = method,
					  .path = q->path,
					  .body = q->body,
					  .timeout_ms = TIMEOUT_MS,
					  .without_token = !q->token };
	struct exchange x = { f, q };
	struct client_call *call = NULL;
	bool stopping = false;
	client_set_token(f->client, q->token);
	f->answered = false;
	if (client_start(f->client, &r, on_reply, &x, &call) < 0)
		return;
	while (!f->answered && !stopping) {
		fleet_wait(f, TIMEOUT_MS); /* the book is asked again after this: no wake is lost */
		pthread_mutex_lock(&f->lock);
		stopping = f->stopping;
		pthread_mutex_unlock(&f->lock);
	}
	if (!f->answered)
		client_cancel(call);
}

/* Under the lock. */
static void prepare(struct fleet *f, const struct book_todo *t, struct ask *q)
{
	*q = (struct ask){ .step = t->step };
	if (t->child)
		memcpy(q->key, t->child->key, sizeof q->key);
	const struct book_child *who =
		t->step == STEP_GONE || t->step == STEP_PUT ? &f->book.host : t->child;
	if (who && who->token)
		q->token = copy(who->token);
	rows[t->step].ask(f, q, t);
}

static void ask_fini(struct ask *q)
{
	erase(q->token);
	erase(q->body); /* the enrollment token may be in it */
	json_decref(q->given);
}

/* Under the lock; they are on disk now. */
static void hand_over_taken(struct fleet *f)
{
	for (size_t i = 0; i < f->book.n_commands; i++) {
		struct book_command *c = &f->book.commands[i];
		if (c->state != BOOK_TAKEN)
			continue;
		c->state = BOOK_RUNNING;
		fleet_hand_over(f, c);
	}
}

void fleet_exchange(struct fleet *f, const struct book_todo *todo)
{
	struct ask q;
	prepare(f, todo, &q);
	pthread_mutex_unlock(&f->lock);
	if (q.step == STEP_ENROLL)
		fleet_save(f); /* the key of the enrollment */
	request(f, &q, rows[q.step].method);
	if (q.step == STEP_REPORT && q.body) {
		q.after_report = true;
		request(f, &q, "POST");
	}
	if (q.step ==
	    STEP_ENROLL) { /* what the old token's doorbell says does not matter any more */
		client_cancel(TAKE(f->bell));
		f->bell_at = f->patience.until;
	}
	ask_fini(&q);
	fleet_save(f);
	pthread_mutex_lock(&f->lock);
	hand_over_taken(f);
}
