/* SPDX-License-Identifier: Apache-2.0
 *
 * Driving the connections, see load.h.
 *
 *     connected -> sending -> waiting -> (whole answer) -> sending …
 *                                     -> closed by the server: connected again
 *
 * A request whose connection broke counts as an error and is not sent again.
 */
#include "reeve-bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_MAX   (17u << 20)
#define OUT_MAX  (1u << 20)
#define EVENTS   256
#define STEP     UINT64_C(2654435761)
#define STALL_MS 60000 /* without any answer: the server is lost */

struct link {
	int fd; /* -1: not connected */
	struct buf in, out;
	size_t n_sent;
	struct sim_device *device; /* NULL: nothing is under way */
	int64_t started_ns;
};

struct load {
	const struct load_options *o;
	struct load_result *result;
	struct link *links;
	int epoll;
	int64_t n_started, n_ended, started_ns, last_answer_ns;
	uint64_t step;
	size_t n_busy;
};

static int64_t mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- what is next ---- */

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t c = a % b;
		a = b;
		b = c;
	}
	return a;
}

/* Without a common divisor, so that every device gets its turn before one gets a second. */
static uint64_t step_of(uint64_t n)
{
	uint64_t step = STEP % n;
	while (gcd(step, n) != 1)
		step++;
	return step;
}

static bool over(const struct load *l)
{
	const struct load_options *o = l->o;
	if (o->n_requests && l->n_started >= o->n_requests)
		return true;
	return o->duration_ms && mono_ns() - l->started_ns >= o->duration_ms * 1000000;
}

/* ---- results ---- */

static void note_latency(struct load_result *r, int64_t ns)
{
	if (r->n_latency == r->cap_latency) {
		r->cap_latency = r->cap_latency ? 2 * r->cap_latency : 1 << 16;
		r->latency_us = realloc(r->latency_us, r->cap_latency * sizeof *r->latency_us);
		if (!r->latency_us)
			abort();
	}
	r->latency_us[r->n_latency++] = ns / 1000 < UINT32_MAX ? (uint32_t)(ns / 1000) : UINT32_MAX;
}

static void note_error(struct load *l, const char *what, struct span detail)
{
	struct load_result *r = l->result;
	if (r->n_errors++ == 0)
		snprintf(r->first_error, sizeof r->first_error, "%s %.*s", what,
			 (int)(detail.n < 120 ? detail.n : 120), (const char *)detail.p);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

double load_quantile_ms(const struct load_result *r, double q)
{
	if (r->n_latency == 0)
		return 0;
	size_t i = (size_t)(q * (double)(r->n_latency - 1) + 0.5);
	return (double)r->latency_us[i] / 1000;
}

void load_result_fini(struct load_result *r)
{
	free(r->latency_us);
	r->latency_us = NULL;
}

/* ---- connections ---- */

static void link_close(struct link *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_reset(&c->in);
}

static int link_open(struct load *l, struct link *c, struct error *err)
{
	const struct sockaddr_in *to = &l->o->address;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", l->o->target.host,
				 strerror(errno));
	return 0;
}

/* What is under way has ended, well or not. */
static void request_end(struct load *l, struct link *c)
{
	c->device = NULL;
	l->n_busy--;
	l->n_ended++;
	l->last_answer_ns = mono_ns();
}

static void link_broke(struct load *l, struct link *c, const char *why)
{
	if (c->device) {
		note_error(l, why, span_str(""));
		request_end(l, c);
	}
	link_close(c);
}

static void watch(struct load *l, struct link *c, bool writing)
{
	struct epoll_event e = { .events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c };
	(void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void link_send(struct load *l, struct link *c)
{
	while (c->n_sent < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->n_sent, c->out.n - c->n_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			watch(l, c, true);
			return;
		}
		if (n < 0) {
			link_broke(l, c, "the connection broke while sending");
			return;
		}
		c->n_sent += (size_t)n;
	}
}

/* The next request of this connection, if there is one yet. */
static int link_next(struct load *l, struct link *c, struct error *err)
{
	const struct load_options *o = l->o;
	if (over(l))
		return 0;
	int r = c->fd < 0 ? link_open(l, c, err) : 0;
	if (r)
		return r;
	uint64_t i = (uint64_t)l->n_started++ % o->pool->n * l->step % o->pool->n;
	c->device = &o->pool->devices[i];
	l->n_busy++;
	buf_reset(&c->out);
	c->n_sent = 0;
	o->kind->request(c->device, &o->target, &c->out);
	c->started_ns = mono_ns();
	link_send(l, c);
	return 0;
}

static void take_answer(struct load *l, struct link *c, const struct answer *a)
{
	struct load_result *r = l->result;
	char what[64];
	if (l->o->kind->answer(c->device, a)) {
		r->n_ok++;
		note_latency(r, mono_ns() - c->started_ns);
	} else {
		snprintf(what, sizeof what, "status %d:", a->status);
		note_error(l, what, a->body);
	}
	request_end(l, c);
}

/* Everything that has come. */
static void link_receive(struct load *l, struct link *c)
{
	char chunk[65536];
	struct answer a;
	size_t n_answer = 0;
	ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		link_broke(l, c, "the server closed the connection");
		return;
	}
	buf_add(&c->in, chunk, (size_t)n);
	enum answer_state state = answer_read(buf_span(&c->in), &a, &n_answer);
	if (state == ANSWER_BAD || c->in.failed || (state == ANSWER_WHOLE && !c->device)) {
		link_broke(l, c, "not an answer that is understood");
		return;
	}
	if (state == ANSWER_MORE)
		return;
	take_answer(l, c, &a);
	if (a.closes)
		link_close(c);
	else
		buf_reset(&c->in); /* nothing was asked for yet that could follow */
}

static int link_event(struct load *l, struct link *c, uint32_t events, struct error *err)
{
	if (c->fd >= 0 && (events & EPOLLOUT)) {
		watch(l, c, false);
		link_send(l, c);
	}
	if (c->fd >= 0 && (events & ~(uint32_t)EPOLLOUT))
		link_receive(l, c);
	return c->device ? 0 : link_next(l, c, err);
}

/* ---- the loop ---- */

static int loop(struct load *l, struct error *err)
{
	struct epoll_event events[EVENTS];
	int r = 0;
	for (size_t i = 0; i < l->o->n_connections && r == 0; i++)
		r = link_next(l, &l->links[i], err);
	while (r == 0 && l->n_busy > 0) {
		int n = epoll_wait(l->epoll, events, EVENTS, 1000);
		for (int i = 0; i < n && r == 0; i++)
			r = link_event(l, events[i].data.ptr, events[i].events, err);
		if (r == 0 && mono_ns() - l->last_answer_ns > STALL_MS * INT64_C(1000000))
			r = error_set(err, ERR_UNAVAILABLE, "no answer for %d s", STALL_MS / 1000);
	}
	return r;
}

static void make_links(struct load *l)
{
	l->links = calloc(l->o->n_connections, sizeof *l->links);
	if (!l->links)
		abort();
	for (size_t i = 0; i < l->o->n_connections; i++) {
		l->links[i].fd = -1;
		buf_init(&l->links[i].in, IN_MAX);
		buf_init(&l->links[i].out, OUT_MAX);
	}
}

static void free_links(struct load *l)
{
	for (size_t i = 0; i < l->o->n_connections; i++) {
		link_close(&l->links[i]);
		buf_fini(&l->links[i].in);
		buf_fini(&l->links[i].out);
	}
	free(l->links);
}

int load_run(const struct load_options *o, struct load_result *ret, struct error *err)
{
	struct load l = { .o = o, .result = ret, .step = step_of(o->pool->n) };
	*ret = (struct load_result){ 0 };
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.epoll < 0)
		return -errno;
	make_links(&l);
	l.started_ns = l.last_answer_ns = mono_ns();
	int r = loop(&l, err);
	ret->seconds = (double)(mono_ns() - l.started_ns) / 1e9;
	if (ret->n_latency)
		qsort(ret->latency_us, ret->n_latency, sizeof *ret->latency_us, compare);
	free_links(&l);
	close(l.epoll);
	return r;
}
