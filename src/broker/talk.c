/* SPDX-License-Identifier: Apache-2.0
 *
 * See talk.h. One loop over the socket and a wake; what cannot be written yet waits in a buffer that is refilled only
 * while it is small, since what there is to say keeps in the accounts.
 */
#include "broker/talk.h"

#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE      65536
#define OUT_FULL       65536
#define OUT_MAX        (2 * OUT_FULL)
#define STATS_EVERY_MS 5000

struct talk {
	int fd, wake_fd;
	struct accounts *accounts;
	pthread_t thread;
	atomic_bool woken, stopping, serving;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool loaded, gone;
	uint64_t n_received; /* chunks: progress */
	/* the thread's own */
	struct link_reader reader;
	struct buf out;
	size_t n_written; /* of 'out' */
	bool said_ready;
	int64_t stats_due_ms;
};

static void set(struct talk *t, bool *what)
{
	pthread_mutex_lock(&t->lock);
	*what = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* ---- what the server says ---- */

static void on_message(void *user, const struct link_message *m)
{
	struct talk *t = user;
	switch (m->type) {
	case LINK_SERVER:
		accounts_set_server(t->accounts, m->user, m->hash);
		break;
	case LINK_BEGIN:
		accounts_begin(t->accounts);
		break;
	case LINK_ACCOUNT:
		accounts_put(t->accounts, m);
		break;
	case LINK_REMOVE:
		accounts_remove(t->accounts, m->number);
		break;
	case LINK_END:
		accounts_end(t->accounts);
		set(t, &t->loaded);
		break;
	case LINK_SYNC:
		link_add(&t->out,
			 &(struct link_message){ .type = LINK_SYNCED, .number = m->number });
		break;
	case LINK_ADMIT:
		accounts_admit(t->accounts);
		break;
	case LINK_READY:
	case LINK_SYNCED:
	case LINK_PRESENCE:
	case LINK_STATS:
		break; /* ours to say */
	}
}

/* false: the server is gone, or talks nonsense, which is the same to us. */
static bool receive(struct talk *t)
{
	uint8_t bytes[READ_SIZE];
	ssize_t n = read(t->fd, bytes, sizeof bytes);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	pthread_mutex_lock(&t->lock);
	t->n_received++;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	struct span in = { bytes, (size_t)n };
	return n > 0 && link_feed(&t->reader, in, on_message, t) == 0;
}

/* ---- what we say ---- */

static void add_stats(struct talk *t)
{
	struct link_message m = { .type = LINK_STATS };
	int64_t now = clock_mono_ms();
	if (now < t->stats_due_ms)
		return;
	t->stats_due_ms = now + STATS_EVERY_MS;
	accounts_stats(t->accounts, m.stats);
	link_add(&t->out, &m);
}

static void gather(struct talk *t)
{
	struct link_message m;
	if (t->serving && !t->said_ready) {
		t->said_ready = true;
		link_add(&t->out, &(struct link_message){ .type = LINK_READY });
	}
	while (t->said_ready && t->out.n < OUT_FULL && accounts_report(t->accounts, &m))
		link_add(&t->out, &m);
	if (t->said_ready && t->out.n < OUT_FULL)
		add_stats(t);
}

static bool send_out(struct talk *t)
{
	ssize_t n = 0;
	while (t->n_written < t->out.n && n >= 0) {
		n = send(t->fd, t->out.p + t->n_written, t->out.n - t->n_written, MSG_NOSIGNAL);
		t->n_written += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_reset(&t->out);
	t->n_written = 0;
	return true;
}

/* ---- the thread ---- */

static void wait_for_events(struct talk *t)
{
	struct pollfd fds[] = { { .fd = t->fd, .events = POLLIN },
				{ .fd = t->wake_fd, .events = POLLIN } };
	uint64_t count;
	if (t->out.n > 0)
		fds[0].events |= POLLOUT;
	(void)poll(fds, ARRAY_SIZE(fds), STATS_EVERY_MS);
	if (fds[1].revents && read(t->wake_fd, &count, sizeof count) > 0)
		atomic_store(&t->woken, false);
}

static void *talk_main(void *arg)
{
	struct talk *t = arg;
	bool alive = true;
	while (alive && !t->stopping) {
		gather(t);
		alive = send_out(t);
		if (alive)
			wait_for_events(t);
		alive = alive && !t->out.failed && receive(t);
	}
	set(t, &t->gone);
	if (!t->stopping)
		kill(getpid(), SIGTERM); /* an orderly end: what is to be kept is saved */
	return NULL;
}

static void talk_free(struct talk *t)
{
	close(t->fd);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	link_reader_fini(&t->reader);
	buf_fini(&t->out);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct talk *talk_new(int fd, struct accounts *accounts)
{
	struct talk *t = calloc(1, sizeof *t);
	pthread_condattr_t attr;
	if (!t)
		abort();
	t->fd = fd;
	t->accounts = accounts;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->changed, &attr);
	pthread_condattr_destroy(&attr);
	link_reader_init(&t->reader);
	buf_init(&t->out, OUT_MAX);
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t;
}

int talk_start(int fd, struct accounts *accounts, struct talk **ret)
{
	struct talk *t = talk_new(fd, accounts);
	sigset_t all, old;
	int r = 0;
	if (t->wake_fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		r = errno;
	sigfillset(&all); /* signals are the broker's */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (r == 0)
		r = pthread_create(&t->thread, NULL, talk_main, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		talk_free(t);
	else
		*ret = t;
	return -r;
}

bool talk_wait_loaded(struct talk *t, int64_t timeout_ms)
{
	pthread_mutex_lock(&t->lock);
	int r = 0;
	while (!t->loaded && !t->gone && r != ETIMEDOUT) {
		uint64_t before = t->n_received;
		int64_t until = clock_mono_ms() + timeout_ms;
		struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
		r = pthread_cond_timedwait(&t->changed, &t->lock, &at);
		if (t->n_received != before)
			r = 0;
	}
	bool ok = t->loaded && !t->gone;
	pthread_mutex_unlock(&t->lock);
	return ok;
}

static void wake(struct talk *t)
{
	uint64_t one = 1;
	if (atomic_exchange(&t->woken, true))
		return;
	ssize_t n = write(t->wake_fd, &one, sizeof one);
	(void)n;
}

void talk_tick(struct talk *t)
{
	bool first = !atomic_exchange(&t->serving, true);
	if (first || accounts_has_news(t->accounts))
		wake(t);
}

void talk_stop(struct talk *t)
{
	atomic_store(&t->stopping, true);
	wake(t);
	pthread_join(t->thread, NULL);
	talk_free(t);
}
