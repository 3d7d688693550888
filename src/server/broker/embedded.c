/* SPDX-License-Identifier: Apache-2.0
 *
 * See embedded.h. The loop: let the supervisor decide, feed the plugin, wait for whatever comes next (a commit, the
 * child's end, its words, the plugin's). embedded-link.c is what is said to the plugin and heard of it.
 */
#include "server/broker/conf.h"
#include "server/broker/embedded-private.h"

#include "server/metrics.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MAX      ((size_t)64 << 20) /* what is bounded by OUT_FULL, and the largest page */
#define SLEEP_MAX_MS 5000
#define BAD_STARTS   3 /* in a row, before what it kept is suspected */

/* ---- waking ---- */

void embedded_wake(struct embedded *e)
{
	uint64_t one = 1;
	if (atomic_exchange(&e->woken, true))
		return;
	ssize_t n = write(e->wake_fd, &one, sizeof one);
	(void)n;
}

static void take_wake(struct embedded *e)
{
	uint64_t count;
	if (read(e->wake_fd, &count, sizeof count) > 0)
		atomic_store(&e->woken, false);
	e->feed_due_ms = 0;
}

/* ---- the child ---- */

static void hear(struct embedded *e)
{
	char text[1024];
	ssize_t n;
	while (e->child.stderr_fd >= 0 && (n = read(e->child.stderr_fd, text, sizeof text)) > 0)
		words_add(&e->words, (struct span){ (const uint8_t *)text, (size_t)n });
}

static void close_child(struct embedded *e)
{
	int *const fds[] = { &e->link, &e->child.pid_fd, &e->child.stderr_fd };
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	e->child.pid = 0;
	embedded_link_lost(e);
}

static void first_start_failed(struct embedded *e)
{
	pthread_mutex_lock(&e->lock);
	e->failed = !e->ready;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

/* When what it kept keeps it from starting, by its words or by ending every time: away with it. The channel puts
 * right what was retained. */
static bool forget_kept(struct embedded *e)
{
	bool bad = strstr(e->words.last, "open database") != NULL;
	return (bad || e->supervisor.n_bad == BAD_STARTS) && broker_files_move_kept(&e->files);
}

/* After its end, however it came. */
static void exited(struct embedded *e, int status)
{
	static const enum metrics_gauge gauges[] = { METRICS_MQTT_CONNECTIONS,
						     METRICS_MQTT_ACCOUNTS, METRICS_MQTT_ADMITS };
	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
		metrics_set(e->server->metrics, gauges[i], 0);
	hear(e);
	words_end(&e->words);
	close_child(e);
	presence_clear(e->presence, clock_utc_ms());
	(void)supervisor_step(&e->supervisor, SUPERVISOR_EXITED, clock_mono_ms());
	if (e->supervisor.state == SUPERVISOR_ENDED)
		return;
	metrics_add(e->server->metrics, METRICS_MQTT_RESTARTS, 1);
	log_error("the MQTT broker ended",
		  F_INT("exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
		  F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
	if (!forget_kept(e))
		first_start_failed(e);
}

static void reap(struct embedded *e)
{
	int status = 0;
	if (waitpid(e->child.pid, &status, WNOHANG) == e->child.pid)
		exited(e, status);
}

static int write_conf(struct embedded *e, int link_fd)
{
	const struct config *c = e->server->config;
	struct error err;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 65536);
	conf_add(&text, &(struct conf){ .address = c->mqtt_address,
					.port = e->files.port_number,
					.plugin_fd = e->files.plugin,
					.link_fd = link_fd,
					.cert_fd = e->files.cert,
					.key_fd = e->files.key,
					.connections = c->limits_mqtt_connections,
					.packet = c->limits_mqtt_packet,
					.memory = c->limits_mqtt_memory });
	return broker_files_put(e->files.conf, buf_span(&text), &err);
}

static int spawn(struct embedded *e, int link_fd)
{
	char conf[32];
	const char *const args[] = { "mosquitto", "-c", conf, NULL };
	const struct broker_files *f = &e->files;
	int fds[SPAWN_FDS_MAX] = { f->lock, f->plugin, f->conf, link_fd };
	size_t n_fds = 4;
	snprintf(conf, sizeof conf, "/proc/self/fd/%d", f->conf);
	if (f->cert >= 0) {
		fds[n_fds++] = f->cert;
		fds[n_fds++] = f->key;
	}
	struct spawn s = { .program = e->program,
			   .args = args,
			   .dir_fd = f->dir,
			   .fds = fds,
			   .n_fds = n_fds,
			   .user = f->user };
	(void)unlinkat(f->dir, CONF_SOCKET, 0); /* of one that was killed */
	return spawn_child(&s, &e->child);
}

static int start_child(struct embedded *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return -errno;
	e->link = pair[0];
	e->words.last[0] = '\0';
	atomic_fetch_add(&e->life, 1);
	int r = write_conf(e, pair[1]) == 0 ? spawn(e, pair[1]) : -ENOSPC;
	close(pair[1]);
	if (r == 0) {
		feeder_restart(e->feed, e->secret, &e->out);
		e->feed_due_ms = 0;
	}
	return r;
}

static void signal_child(struct embedded *e, int number)
{
	if (e->child.pid > 0)
		(void)kill(e->child.pid, number); /* not reaped yet, so the number is its own */
}

static void act(struct embedded *e, enum supervisor_action action)
{
	int r = 0;
	switch (action) {
	case SUPERVISOR_NONE:
		break;
	case SUPERVISOR_SPAWN:
		r = start_child(e);
		break;
	case SUPERVISOR_TERMINATE:
		signal_child(e, SIGTERM);
		break;
	case SUPERVISOR_KILL:
		signal_child(e, SIGKILL);
		break;
	}
	if (r == 0)
		return;
	snprintf(e->words.last, sizeof e->words.last, "%s", strerror(-r));
	exited(e, 0);
}

static void reload(struct embedded *e)
{
	const struct config *c = e->server->config;
	struct error err;
	if (!e->tls)
		return;
	if (broker_files_load_tls(&e->files, c->tls_cert, c->tls_key, &err) != 0)
		log_error("the MQTT broker keeps its certificate", F_STR("why", err.message));
	else
		signal_child(e, SIGHUP);
}

/* ---- the thread ---- */

static int wait_ms(const struct embedded *e, int64_t waiter_ms)
{
	int64_t now = clock_mono_ms(), until = now + SLEEP_MAX_MS;
	const int64_t dues[] = { e->supervisor.due_ms, waiter_ms,
				 e->link < 0 || e->broken || e->out.n > 0 ? INT64_MAX
									  : e->feed_due_ms };
	for (size_t i = 0; i < ARRAY_SIZE(dues); i++)
		until = dues[i] < until ? dues[i] : until;
	return until > now ? (int)(until - now) : 0;
}

static void wait_for_events(struct embedded *e)
{
	int64_t waiter_ms = waiters_answer(&e->waiters, 0, clock_mono_ms());
	struct pollfd fds[] = {
		{ .fd = e->wake_fd, .events = POLLIN },
		{ .fd = e->child.pid_fd, .events = POLLIN },
		{ .fd = e->child.stderr_fd, .events = POLLIN },
		{ .fd = e->broken ? -1 : e->link,
		  .events = (short)(POLLIN | (e->out.n > 0 ? POLLOUT : 0)) },
	};
	(void)poll(fds, ARRAY_SIZE(fds), wait_ms(e, waiter_ms));
	if (fds[0].revents)
		take_wake(e);
	if (fds[2].revents)
		hear(e);
	if (fds[3].revents)
		embedded_receive(e);
	if (fds[1].revents)
		reap(e);
}

static void step(struct embedded *e)
{
	int64_t now = clock_mono_ms();
	if (e->stopping)
		act(e, supervisor_step(&e->supervisor, SUPERVISOR_STOP, now));
	if (atomic_exchange(&e->reloading, false))
		reload(e);
	act(e, supervisor_step(&e->supervisor, SUPERVISOR_TICK, now));
	if (e->link >= 0 && !e->broken) {
		embedded_feed(e);
		embedded_send(e);
	}
	if (e->broken ||
	    e->out.failed) { /* the plugin ends the broker by itself, if it still can */
		e->broken = true;
		signal_child(e, SIGTERM);
	}
	if (e->supervisor.state != SUPERVISOR_ENDED)
		wait_for_events(e);
}

static void *embedded_main(void *arg)
{
	struct embedded *e = arg;
	while (e->supervisor.state != SUPERVISOR_ENDED)
		step(e);
	waiters_close(&e->waiters);
	return NULL;
}

/* ---- making ---- */

static struct embedded *embedded_new(struct broker *b)
{
	struct embedded *e = calloc(1, sizeof *e);
	if (!e)
		abort();
	e->broker = b;
	e->server = b->server;
	e->feed = feeder_new(b->server, b->source);
	e->presence = presence_new();
	e->files = (struct broker_files){ -1, -1, -1, -1, -1, -1, -1, 0, { 0 } };
	e->child = (struct child){ 0, -1, -1 };
	e->link = -1;
	link_reader_init(&e->reader);
	buf_init(&e->out, OUT_MAX);
	rand_token(e->secret);
	waiters_init(&e->waiters);
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &attr);
	pthread_condattr_destroy(&attr);
	supervisor_init(&e->supervisor, clock_mono_ms(), rand_below);
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e;
}

static int prepare(struct embedded *e, struct error *err)
{
	const struct config *c = e->server->config;
	e->tls = *c->tls_cert && strncmp(c->mqtt_address, "127.", 4) != 0 &&
		 strcmp(c->mqtt_address, "::1") != 0;
	int r = spawn_find_program("mosquitto", e->program, sizeof e->program, err);
	if (r == 0)
		r = broker_files_open(&e->files, c->data, c->mqtt_address, e->broker->mode.port,
				      e->tls, err);
	if (r == 0 && e->tls)
		r = broker_files_load_tls(&e->files, c->tls_cert, c->tls_key, err);
	/* short, however long the folder's path is: a socket's has 107 bytes */
	snprintf(e->socket, sizeof e->socket, "/proc/self/fd/%d/" CONF_SOCKET, e->files.dir);
	return r;
}

static int wait_for_first_start(struct embedded *e, struct error *err)
{
	pthread_mutex_lock(&e->lock);
	while (!e->ready && !e->failed)
		pthread_cond_wait(&e->changed, &e->lock);
	bool ok = e->ready;
	pthread_mutex_unlock(&e->lock);
	if (ok)
		return 0;
	embedded_stop(e); /* so that what it said last is still */
	return error_set(err, ERR_UNAVAILABLE, "The MQTT broker does not start: %s",
			 *e->words.last ? e->words.last : "it ended at once");
}

static int start_thread(struct embedded *e)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int r = pthread_create(&e->thread, NULL, embedded_main, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	e->started = r == 0;
	return -r;
}

int embedded_start(struct broker *b, struct embedded **ret, struct error *err)
{
	struct embedded *e = embedded_new(b);
	int r = e->wake_fd < 0 ? -errno : prepare(e, err);
	if (r == 0)
		r = start_thread(e);
	if (r == 0)
		r = wait_for_first_start(e, err);
	if (r)
		embedded_free(e);
	else
		*ret = e;
	return r;
}

void embedded_stop(struct embedded *e)
{
	if (!e->started)
		return;
	atomic_store(&e->stopping, true);
	embedded_wake(e);
	pthread_join(e->thread, NULL);
	e->started = false;
}

void embedded_free(struct embedded *e)
{
	if (!e)
		return;
	embedded_stop(e);
	close_child(e);
	broker_files_close(&e->files);
	link_reader_fini(&e->reader);
	buf_fini(&e->out);
	feeder_free(e->feed);
	presence_free(e->presence);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	waiters_fini(&e->waiters);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	secret_erase(e->secret, sizeof e->secret);
	free(e);
}

/* ---- for others ---- */

void embedded_when_in_force(struct embedded *e, void (*fn)(void *user, bool in_force), void *user)
{
	if (waiters_add(&e->waiters, fn, user, clock_mono_ms()))
		embedded_wake(e);
	else
		fn(user, false);
}

void embedded_reload(struct embedded *e)
{
	atomic_store(&e->reloading, true);
	embedded_wake(e);
}

uint64_t embedded_life(struct embedded *e)
{
	return atomic_load(&e->life);
}

void embedded_admit(struct embedded *e, uint64_t life)
{
	atomic_store(&e->admitted, life);
	embedded_wake(e);
}

bool embedded_wait_admits(struct embedded *e, int64_t timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	pthread_mutex_lock(&e->lock);
	while (!e->admits && pthread_cond_timedwait(&e->changed, &e->lock, &at) == 0)
		;
	bool admits = e->admits;
	pthread_mutex_unlock(&e->lock);
	return admits;
}

void embedded_refresh(struct embedded *e, int64_t device_id)
{
	feeder_refresh(e->feed, device_id);
	embedded_wake(e);
}

int embedded_port(const struct embedded *e)
{
	return e->files.port_number;
}

bool embedded_tls(const struct embedded *e)
{
	return e->tls;
}

const char *embedded_socket(const struct embedded *e)
{
	return e->socket;
}

const char *embedded_secret(const struct embedded *e)
{
	return e->secret;
}

struct presence *embedded_presence(struct embedded *e)
{
	return e->presence;
}
