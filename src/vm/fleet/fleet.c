/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller's side, and the thread; fleet-private.h says who owns what.
 *
 * A turn of the thread: one step of the book if there is one to be done, the doorbell if it is not held, else
 * waiting for either, for a change of the book, or for the time. After a failure nothing is asked for a while,
 * doubling, spread, and as long as the server says.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/fleet/fleet-private.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#define NO_NETWORK_MS 500 /* libcurl cannot wait: do not spin */

/* ---- the thread ---- */

void fleet_back_off(struct fleet *f, int64_t retry_after_ms, const char *why)
{
	if (f->patience.n_failed == 0)
		log_warn("the server cannot be reached", F_STR("why", why));
	backoff_failed(&f->patience, retry_after_ms, clock_mono_ms());
	snprintf(f->trouble, sizeof f->trouble, "%s", why);
}

void fleet_went_well(struct fleet *f)
{
	backoff_succeeded(&f->patience);
	f->trouble[0] = '\0';
}

void fleet_save(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
	bool dirty = f->book.dirty;
	json_t *j = dirty ? book_to_json(&f->book) : NULL;
	f->book.dirty = false;
	pthread_mutex_unlock(&f->lock);
	if (!dirty)
		return;
	char *text = json_text(j);
	int r = file_write_atomic(f->path, span_str(text), 0600);
	secret_erase(text, strlen(text));
	free(text);
	json_decref(j);
	if (r < 0)
		log_error("what is known of the machines cannot be remembered over a restart",
			  F_STR("file", f->path), F_STR("error", strerror(-r)));
}

bool fleet_may_enroll(const struct fleet *f)
{
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	if (!f->enrollment_token)
		return false;
	sha256(span_str(f->enrollment_token), hash);
	hex_encode((struct span){ hash, sizeof hash }, hex);
	return strcmp(hex, f->book.left) != 0;
}

/* Under the lock. A host that the server has forgotten enrolls again, if it may. */
static struct book_todo next_step(struct fleet *f, int64_t now)
{
	struct book_todo none = { .wake_at = f->patience.until };
	bool may_enroll = fleet_may_enroll(f);
	if (f->patience.until > now)
		return none;
	if (f->forgotten && may_enroll)
		return (struct book_todo){ .step = STEP_ENROLL };
	none.wake_at = INT64_MAX;
	return f->forgotten ? none : book_next(&f->book, may_enroll, now);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void fleet_wait(struct fleet *f, int64_t timeout_ms)
{
	struct curl_waitfd wake = { f->wake_fd, CURL_WAIT_POLLIN, 0 };
	struct pollfd alone = { f->wake_fd, POLLIN, 0 };
	eventfd_t n;
	if (client_poll(f->client, &wake, 1, timeout_ms) < 0)
		(void)poll(&alone, 1, NO_NETWORK_MS);
	(void)eventfd_read(f->wake_fd, &n);
}

/* One turn. false: stopping. */
static bool turn(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
	int64_t now = clock_mono_ms();
	bool stopping = f->stopping;
	struct book_todo todo = next_step(f, now);
	bool enrolled = f->book.host.token != NULL;
	bool step = !stopping && todo.step != STEP_NONE;
	if (step)
		fleet_exchange(f, &todo); /* gives the lock away meanwhile */
	pthread_mutex_unlock(&f->lock);
	if (stopping || step)
		return !stopping;
	fleet_save(f);
	int64_t until = todo.wake_at;
	int64_t bell_at = f->bell_at > f->patience.until ? f->bell_at : f->patience.until;
	if (enrolled && !f->bell && bell_at <= now)
		fleet_ring(f); /* its answer ends the waiting */
	else if (enrolled && !f->bell)
		until = earlier(until, bell_at);
	fleet_wait(f, until == INT64_MAX ? FLEET_POLL_MS : until > now ? until - now : 0);
	return true;
}

static void *run(void *user)
{
	struct fleet *f = user;
	while (turn(f))
		;
	fleet_save(f);
	return NULL;
}

static void wake(struct fleet *f)
{
	(void)eventfd_write(f->wake_fd, 1);
}

/* ---- commands, to the loop ---- */

static char *copy_or_null(const char *s)
{
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		abort();
	return copy;
}

void fleet_hand_over(struct fleet *f, const struct book_command *c)
{
	struct fleet_word *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	*w = (struct fleet_word){ .key = copy_or_null(c->key),
				  .type = copy_or_null(c->type),
				  .id = c->id,
				  .params = json_deep_copy(c->params) };
	*f->last = w;
	f->last = &w->next;
	loop_post(f->loop, &f->task);
}

static void word_free(struct fleet_word *w)
{
	free(w->key);
	free(w->type);
	json_decref(w->params);
	free(w);
}

static struct fleet_word *take_words(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
	struct fleet_word *w = f->first;
	f->first = NULL;
	f->last = &f->first;
	pthread_mutex_unlock(&f->lock);
	return w;
}

static void on_task(void *user)
{
	struct fleet *f = user;
	for (struct fleet_word *w = take_words(f), *next; w; w = next) {
		const struct fleet_command c = { w->key, w->id, w->type, w->params };
		next = w->next;
		f->on_command(f->user, &c);
		word_free(w);
	}
}

void fleet_command_done(struct fleet *f, int64_t id, bool done, const char *message,
			json_t *steals_result_or_null)
{
	pthread_mutex_lock(&f->lock);
	struct book_command *c = book_command(&f->book, id);
	if (c && c->state == BOOK_RUNNING) {
		book_finish(c, done, message, json_incref(steals_result_or_null));
		f->book.dirty = true;
	}
	pthread_mutex_unlock(&f->lock);
	json_decref(steals_result_or_null);
	wake(f);
}

/* ---- machines ---- */

bool fleet_child_put(struct fleet *f, const struct fleet_child *c)
{
	pthread_mutex_lock(&f->lock);
	bool there = book_put(&f->book, c) != NULL;
	pthread_mutex_unlock(&f->lock);
	wake(f);
	return there;
}

void fleet_child_gone(struct fleet *f, const char *key)
{
	pthread_mutex_lock(&f->lock);
	book_gone(&f->book, key);
	pthread_mutex_unlock(&f->lock);
	wake(f);
}

void fleet_children_complete(struct fleet *f)
{
	pthread_mutex_lock(&f->lock);
	book_complete(&f->book);
	pthread_mutex_unlock(&f->lock);
	wake(f);
}

void fleet_status(struct fleet *f, struct fleet_status *ret)
{
	pthread_mutex_lock(&f->lock);
	*ret = (struct fleet_status){ .enrolled = f->book.host.token != NULL,
				      .device_id = f->book.host.id,
				      .unenrolled = f->book.left[0] != '\0' };
	snprintf(ret->trouble, sizeof ret->trouble, "%s", f->trouble);
	for (size_t i = 0; i < f->book.n; i++)
		ret->n_children += f->book.children[i]->token != NULL;
	pthread_mutex_unlock(&f->lock);
}

/* ---- life ---- */

static int hold(struct fleet *f, const char *dir, struct error *err)
{
	char *path = NULL;
	if (asprintf(&path, "%s/fleet.lock", dir) < 0)
		abort();
	f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r = f->lock_fd < 0 ? -errno : 0;
	if (r == 0 && flock(f->lock_fd, LOCK_EX | LOCK_NB) < 0)
		r = error_set(err, ERR_CONFLICT, "%s is in use by another reeve-host", dir);
	else if (r < 0)
		r = error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	free(path);
	return r;
}

/* What is known was said by another server: everything begins anew here. */
static void check_server(struct fleet *f)
{
	if (!f->book.server || strcmp(f->book.server, client_server(f->client)) == 0)
		return;
	log_info("another server: enrolling there", F_STR("before", f->book.server));
	book_forget(&f->book);
	f->book.left[0] = f->book.enrollment_key[0] = '\0';
}

static int open_parts(struct fleet *f, const struct fleet_options *o, struct error *err)
{
	const struct client_options c = { o->server, o->ca, NULL, o->insecure_http };
	int r = hold(f, o->state_dir, err);
	if (r == 0)
		r = client_new(&c, &f->client, err);
	if (r == 0)
		r = book_load(&f->book, f->path, err);
	if (r)
		return r;
	check_server(f);
	if (!f->book.host.token && !f->enrollment_token)
		log_warn("this host is not enrolled, and has no enrollment token");
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return f->wake_fd < 0 ? -errno : -pthread_create(&f->thread, NULL, run, f);
}

static void fleet_free(struct fleet *f)
{
	for (struct fleet_word *w = take_words(f), *next; w; w = next) {
		next = w->next;
		word_free(w);
	}
	client_free(f->client);
	book_fini(&f->book);
	pthread_mutex_destroy(&f->lock);
	if (f->enrollment_token)
		secret_erase(f->enrollment_token, strlen(f->enrollment_token));
	free(f->enrollment_token);
	free(f->name);
	free(f->path);
	if (f->wake_fd >= 0)
		close(f->wake_fd);
	if (f->lock_fd >= 0)
		close(f->lock_fd);
	free(f);
}

int fleet_open(const struct fleet_options *o, struct fleet **ret, struct error *err)
{
	struct fleet *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	*f = (struct fleet){ .loop = o->loop,
			     .on_command = o->on_command,
			     .user = o->user,
			     .name = copy_or_null(o->name),
			     .enrollment_token = copy_or_null(o->enrollment_token),
			     .lock_fd = -1,
			     .wake_fd = -1,
			     .patience = { .random = rand_below },
			     .bell_patience = { .random = rand_below },
			     .next_poll_ms = FLEET_POLL_MS };
	f->task = (struct loop_task){ .fn = on_task, .user = f };
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	book_init(&f->book);
	if (asprintf(&f->path, "%s/fleet.json", o->state_dir) < 0)
		abort();
	int r = open_parts(f, o, err);
	if (r) {
		fleet_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void fleet_close(struct fleet *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_mutex_unlock(&f->lock);
	wake(f);
	pthread_join(f->thread, NULL);
	loop_unpost(f->loop, &f->task);
	fleet_free(f);
}
