/* SPDX-License-Identifier: Apache-2.0
 *
 * An h2 on a socket, see link.h. Everything that was submitted in a turn of the loop leaves in one
 * write at its end (the flush task); reading is bounded per turn, so that one busy peer does not
 * keep the others waiting.
 */
#include "net/grpc/link.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_PER_TURN 4

static void watch(struct link *l);

static void end(struct link *l, int why)
{
	l->failed = why;
	l->closed(l, why);
}

/* ---- out ---- */

static int send_waiting(struct link *l)
{
	struct span left;
	while ((left = h2_waiting(l->h2)).n > 0) {
		ssize_t n = send(l->fd, left.p, left.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		h2_taken(l->h2, (size_t)n);
		l->blocked_ms = 0;
	}
	return 0;
}

static int send_all(struct link *l)
{
	for (;;) {
		int r = h2_fill(l->h2);
		if (r < 0 || h2_waiting(l->h2).n == 0)
			return r;
		r = send_waiting(l);
		if (r < 0)
			return r;
	}
}

static void flush(void *user)
{
	struct link *l = user;
	if (l->failed) {
		(void)!send_waiting(l); /* a last word, if the socket takes it */
		end(l, l->failed);
		return;
	}
	int r = send_all(l);
	if (r == -EAGAIN) {
		if (l->blocked_ms == 0)
			l->blocked_ms = loop_now_ms(l->loop);
		loop_change(l->loop, &l->io, EPOLLIN | EPOLLOUT);
		watch(l);
	} else if (r < 0 || h2_over(l->h2)) {
		end(l, r);
	} else {
		loop_change(l->loop, &l->io, EPOLLIN);
	}
}

/* ---- in ---- */

/* -EAGAIN: nothing more for now. */
static int receive(struct link *l)
{
	uint8_t *p = loop_scratch(l->loop);
	ssize_t n = recv(l->fd, p, LOOP_SCRATCH_SIZE, 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	l->read_ms = loop_now_ms(l->loop);
	int r = h2_feed(l->h2, (struct span){ p, (size_t)n }, l->read_ms);
	if (r < 0)
		return r;
	return n < LOOP_SCRATCH_SIZE ? -EAGAIN : 0; /* that was all: no second call to learn it */
}

static void on_ready(void *user, uint32_t events)
{
	struct link *l = user;
	int r = 0;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int left = READS_PER_TURN; left > 0 && r == 0; left--)
			r = receive(l);
	if (r < 0 && r != -EAGAIN)
		link_fail(l, r);
	else
		loop_post(l->loop, &l->flush);
}

/* ---- time ---- */

static void earlier(int64_t *at_ms, int64_t since_ms, int64_t after_ms)
{
	if (after_ms > 0 && since_ms + after_ms < *at_ms)
		*at_ms = since_ms + after_ms;
}

/* When something may have to be done about a peer that does nothing. */
static int64_t next_check_ms(const struct link *l)
{
	int64_t at_ms = INT64_MAX;
	if (!l->h2->ready)
		earlier(&at_ms, l->opened_ms, l->times.handshake_ms);
	if (l->blocked_ms)
		earlier(&at_ms, l->blocked_ms, l->times.stall_ms);
	if (l->ping_ms)
		earlier(&at_ms, l->ping_ms, l->times.ping_timeout_ms);
	else
		earlier(&at_ms, l->read_ms, l->times.keepalive_ms);
	return at_ms;
}

static void watch(struct link *l)
{
	int64_t at_ms = next_check_ms(l);
	if (at_ms != INT64_MAX && (l->watch.place == 0 || at_ms < l->watch.at_ms))
		timer_start(loop_timers(l->loop), &l->watch, at_ms);
}

static bool passed(int64_t now_ms, int64_t since_ms, int64_t after_ms)
{
	return after_ms > 0 && now_ms - since_ms >= after_ms;
}

void link_ping(struct link *l)
{
	if (l->ping_ms && !l->h2->ping_acked)
		return; /* one is on its way */
	l->ping_ms = loop_now_ms(l->loop);
	l->h2->ping_acked = false;
	if (nghttp2_submit_ping(l->h2->session, NGHTTP2_FLAG_NONE, NULL) == 0)
		h2_wants_out(l->h2);
	watch(l);
}

static void on_watch(void *user)
{
	struct link *l = user;
	int64_t now_ms = loop_now_ms(l->loop);
	if (l->ping_ms && l->h2->ping_acked)
		l->ping_ms = 0;
	if ((!l->h2->ready && passed(now_ms, l->opened_ms, l->times.handshake_ms)) ||
	    (l->blocked_ms && passed(now_ms, l->blocked_ms, l->times.stall_ms)) ||
	    (l->ping_ms && passed(now_ms, l->ping_ms, l->times.ping_timeout_ms))) {
		link_fail(l, -ETIMEDOUT);
		return;
	}
	if (!l->ping_ms && passed(now_ms, l->read_ms, l->times.keepalive_ms))
		link_ping(l);
	watch(l);
}

/* ---- life ---- */

static void wants_out(struct h2 *h)
{
	struct link *l = h->link;
	loop_post(l->loop, &l->flush);
}

void link_fail(struct link *l, int why)
{
	if (!l->failed)
		l->failed = why;
	loop_post(l->loop, &l->flush);
}

int link_open(struct link *l, struct loop *loop, int fd, struct h2 *h2,
	      const struct link_times *times)
{
	int64_t now_ms = loop_now_ms(loop);
	l->loop = loop;
	l->h2 = h2;
	l->fd = fd;
	l->times = *times;
	l->opened_ms = l->read_ms = now_ms;
	l->io = (struct loop_io){ .fd = fd, .fn = on_ready, .user = l };
	l->flush = (struct loop_task){ .fn = flush, .user = l };
	l->watch = (struct timer){ .fn = on_watch, .user = l };
	int r = loop_add(loop, &l->io, EPOLLIN);
	if (r < 0) {
		close(fd);
		return r;
	}
	h2->link = l;
	h2->wants_out = wants_out;
	loop_post(loop, &l->flush); /* our SETTINGS */
	watch(l);
	return 0;
}

void link_close(struct link *l)
{
	const struct linger drop = { .l_onoff = 1, .l_linger = 0 };
	loop_unpost(l->loop, &l->flush);
	timer_stop(loop_timers(l->loop), &l->watch);
	loop_remove(l->loop, &l->io);
	if (l->failed == -ETIMEDOUT) /* nobody reads: the kernel should not go on trying */
		(void)!setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
	close(l->fd);
	l->fd = -1;
	l->h2->wants_out = NULL;
}
