/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines and lingering; keeper.h tells why. A listed connection's descriptor is open, for the
 * worker delists it, under the lock, before it closes it: a descriptor that was closed and given
 * to somebody else is never shut down.
 */
#include "net/http/keeper.h"
#include "base/clock.h"
#include "net/http/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DRAIN_MAX        256
#define DRAIN_MS         2000
#define DRAIN_BYTES      (1u << 20)
#define DRAIN_TICK_MS    100
#define DEADLINE_HANDLED INT64_MAX

struct drain {
	int fd; /* -1: free */
	int64_t until_ms;
	size_t left;
};

struct keeper {
	pthread_t thread;
	int64_t tick_ms;
	int epoll, wake; /* wake: an eventfd, the thread shall end */

	pthread_mutex_t lock;
	struct conn *conns;
	struct drain drains[DRAIN_MAX];
	size_t n_drains;
};

/* ---- lingering ---- */

static void drain_end(struct keeper *k, struct drain *d)
{
	close(d->fd); /* the last reference: leaves the epoll set by itself */
	d->fd = -1;
	k->n_drains--;
}

/* Takes a duplicate of the descriptor. Without room it is not drained: the peer may see a reset. */
static void drain_begin(struct keeper *k, int fd, int64_t now_ms)
{
	if (k->n_drains == DRAIN_MAX)
		return;
	struct drain *d = k->drains;
	while (d->fd >= 0)
		d++;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return;
	*d = (struct drain){ copy, now_ms + DRAIN_MS, DRAIN_BYTES };
	k->n_drains++;
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = d };
	if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, copy, &e) < 0)
		drain_end(k, d);
}

static void drain_read(struct keeper *k, struct drain *d)
{
	while (d->fd >= 0) {
		/* MSG_TRUNC: TCP throws the bytes away without copying them. */
		ssize_t n = recv(d->fd, NULL, 65536, MSG_TRUNC | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || (size_t)n >= d->left)
			drain_end(k, d);
		else
			d->left -= (size_t)n;
	}
}

static void drains_expire(struct keeper *k, int64_t now_ms)
{
	for (size_t i = 0; k->n_drains > 0 && i < DRAIN_MAX; i++)
		if (k->drains[i].fd >= 0 && k->drains[i].until_ms <= now_ms)
			drain_end(k, &k->drains[i]);
}

/* Is there a peer whose input we have not read, or may still get? */
static bool wants_linger(const struct conn *c)
{
	char byte;
	if (atomic_load_explicit(&c->deadline_ms, memory_order_relaxed) == DEADLINE_HANDLED)
		return false;
	ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n > 0 || (n < 0 && errno == EAGAIN && c->linger);
}

/* ---- deadlines ---- */

static void cut_overdue(struct keeper *k, int64_t now_ms)
{
	for (struct conn *c = k->conns; c; c = c->next) {
		int64_t deadline = atomic_load_explicit(&c->deadline_ms, memory_order_relaxed);
		if (deadline == 0 || deadline > now_ms)
			continue;
		/* If the worker set a new deadline meanwhile, it was too late by a hair: cut. */
		atomic_store_explicit(&c->deadline_ms, DEADLINE_HANDLED, memory_order_relaxed);
		shutdown(c->fd, SHUT_RDWR);
	}
}

/* ---- the thread ---- */

static int wait_events(struct keeper *k, struct epoll_event *events, int n)
{
	pthread_mutex_lock(&k->lock);
	int64_t timeout_ms = k->n_drains > 0 ? DRAIN_TICK_MS : k->tick_ms;
	pthread_mutex_unlock(&k->lock);
	return epoll_wait(k->epoll, events, n, (int)timeout_ms);
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	int64_t next_tick_ms = 0;
	for (bool end = false; !end;) {
		struct epoll_event events[64];
		int n = wait_events(k, events, ARRAY_SIZE(events));
		int64_t now_ms = clock_mono_ms();
		pthread_mutex_lock(&k->lock);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				drain_read(k, events[i].data.ptr);
			else
				end = true;
		}
		drains_expire(k, now_ms);
		if (now_ms >= next_tick_ms) {
			cut_overdue(k, now_ms);
			next_tick_ms = now_ms + k->tick_ms;
		}
		pthread_mutex_unlock(&k->lock);
	}
	return NULL;
}

static void release(struct keeper *k)
{
	if (k->epoll >= 0)
		close(k->epoll);
	if (k->wake >= 0)
		close(k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static int start(struct keeper *k)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->epoll < 0 || k->wake < 0 || epoll_ctl(k->epoll, EPOLL_CTL_ADD, k->wake, &e) < 0)
		return -errno;
	int r = pthread_create(&k->thread, NULL, run, k);
	if (r == 0)
		pthread_setname_np(k->thread, "http-keeper");
	return -r;
}

int keeper_new(int64_t tick_ms, struct keeper **ret)
{
	struct keeper *k = calloc(1, sizeof *k);
	if (!k)
		abort();
	pthread_mutex_init(&k->lock, NULL);
	k->tick_ms = tick_ms;
	k->epoll = k->wake = -1;
	for (size_t i = 0; i < DRAIN_MAX; i++)
		k->drains[i].fd = -1;
	int r = start(k);
	if (r < 0)
		release(k);
	else
		*ret = k;
	return r;
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	eventfd_write(k->wake, 1);
	pthread_join(k->thread, NULL);
	for (size_t i = 0; i < DRAIN_MAX; i++)
		if (k->drains[i].fd >= 0)
			drain_end(k, &k->drains[i]);
	release(k);
}

void keeper_add(struct keeper *k, struct conn *c)
{
	pthread_mutex_lock(&k->lock);
	c->prev = NULL;
	c->next = k->conns;
	if (c->next)
		c->next->prev = c;
	k->conns = c;
	pthread_mutex_unlock(&k->lock);
}

void keeper_remove(struct keeper *k, struct conn *c)
{
	int64_t now_ms = clock_mono_ms();
	pthread_mutex_lock(&k->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		k->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (wants_linger(c))
		drain_begin(k, c->fd, now_ms);
	pthread_mutex_unlock(&k->lock);
}
