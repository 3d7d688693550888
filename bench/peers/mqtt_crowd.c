/* SPDX-License-Identifier: Apache-2.0
 *
 * Many MQTT 3.1.1 clients on one thread, for bench/mqtt_*.py; cc -O2, nothing else needed.
 *
 *     mqtt_crowd HOST-ADDRESS PORT FILTER TEXT CLIENTS
 *
 * A line of the file CLIENTS is a client: its user and password, or "- -" for none. All connect (so many at a time) and
 * subscribe to FILTER at QoS 0; then it prints "ready SECONDS". From then on it prints "all NANOSECONDS" (CLOCK_MONOTONIC)
 * each time that every client has heard one message more whose payload holds TEXT. It ends with its standard input. What
 * is not as it should be ends it with exit code 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 200   /* connections being made */
#define IN_MAX  16384 /* a packet; what the benchmark sends is far smaller */

struct client {
	int fd;
	char user[128], password[128];
	uint8_t *in;
	size_t n_in;
	long n_heard;
};

static struct sockaddr_in address;
static const char *filter, *text;
static struct client *clients;
static size_t n_clients, n_begun, n_ready;
static long round_no = 1; /* the one that is waited for */
static size_t n_in_round;
static int epoll;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "mqtt_crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void read_clients(const char *path)
{
	FILE *f = fopen(path, "r");
	struct client c = { .fd = -1 };
	if (!f)
		fail(path);
	while (fscanf(f, "%127s %127s", c.user, c.password) == 2) {
		clients = realloc(clients, (n_clients + 1) * sizeof *clients);
		if (!clients)
			fail("memory");
		clients[n_clients++] = c;
	}
	fclose(f);
	if (n_clients == 0)
		fail("no clients");
}

/* ---- what we say ---- */

static uint8_t *add_text(uint8_t *p, const char *s)
{
	size_t n = strlen(s);
	*p++ = (uint8_t)(n >> 8);
	*p++ = (uint8_t)n;
	memcpy(p, s, n);
	return p + n;
}

/* All our packets have a length of two bytes: what is short is written long, which decoders must take. */
static void say(struct client *c, uint8_t head, uint8_t *packet, const uint8_t *end)
{
	size_t n = (size_t)(end - packet) - 3;
	packet[0] = head;
	packet[1] = (uint8_t)(n & 127) | 128;
	packet[2] = (uint8_t)(n >> 7);
	if (send(c->fd, packet, n + 3, MSG_NOSIGNAL) != (ssize_t)n + 3)
		fail("send");
}

static void say_hello(struct client *c)
{
	uint8_t packet[512], *p = packet + 3;
	char id[32];
	int named = strcmp(c->user, "-") != 0;
	snprintf(id, sizeof id, "crowd-%zu", (size_t)(c - clients));
	p = add_text(p, "MQTT");
	*p++ = 4;
	*p++ = named ? 0xc2 : 0x02;
	*p++ = 0x0e; /* kept alive for an hour */
	*p++ = 0x10;
	p = add_text(p, id);
	if (named)
		p = add_text(add_text(p, c->user), c->password);
	say(c, 0x10, packet, p);
}

static void say_subscribe(struct client *c)
{
	uint8_t packet[1024], *p = packet + 3;
	*p++ = 0;
	*p++ = 1;
	p = add_text(p, filter);
	*p++ = 0;
	say(c, 0x82, packet, p);
}

static void begin(struct client *c)
{
	int on = 1;
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = c };
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fail("socket");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
	    errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		fail("epoll");
	n_begun++;
}

/* ---- what the broker says ---- */

static void heard(struct client *c)
{
	c->n_heard++;
	if (c->n_heard == round_no)
		n_in_round++;
	if (n_in_round < n_clients)
		return;
	printf("all %lld\n", (long long)now_ns());
	fflush(stdout);
	round_no++;
	n_in_round = 0;
	for (size_t i = 0; i < n_clients; i++)
		n_in_round += clients[i].n_heard >= round_no;
}

static void take(struct client *c, uint8_t head, const uint8_t *body, size_t n)
{
	errno = EPROTO;
	if (head == 0x20 && n == 2 && body[1] == 0)
		say_subscribe(c);
	else if (head == 0x90 && n == 3 && body[2] == 0)
		n_ready++;
	else if (head >> 4 != 3)
		fail("refused, or not the answer expected");
	else if (memmem(body, n, text, strlen(text)))
		heard(c);
}

static void take_all(struct client *c)
{
	size_t at = 0;
	while (c->n_in - at >= 2) {
		size_t n = c->in[at + 1] & 127, head = 2;
		if (c->in[at + 1] & 128) {
			if (c->n_in - at < 3)
				break;
			n |= (size_t)c->in[at + 2] << 7;
			head = 3;
		}
		if (c->n_in - at < head + n)
			break;
		take(c, c->in[at], c->in + at + head, n);
		at += head + n;
	}
	memmove(c->in, c->in + at, c->n_in - at);
	c->n_in -= at;
}

static void serve(struct client *c, uint32_t events)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	if (events & EPOLLOUT) {
		if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e) != 0)
			fail("epoll");
		say_hello(c);
		return;
	}
	if (!c->in && !(c->in = malloc(IN_MAX)))
		fail("memory");
	ssize_t n = recv(c->fd, c->in + c->n_in, IN_MAX - c->n_in, 0);
	if (n <= 0)
		fail(n < 0 ? "recv" : "the broker closed a connection");
	c->n_in += (size_t)n;
	take_all(c);
}

static void turn(void)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll, events, 256, -1);
	for (int i = 0; i < n; i++) {
		if (!events[i].data.ptr)
			exit(0); /* standard input ended */
		serve(events[i].data.ptr, events[i].events);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct epoll_event in = { .events = EPOLLIN | EPOLLHUP };
	if (argc != 6 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: mqtt_crowd ADDRESS PORT FILTER TEXT CLIENTS\n");
		return 2;
	}
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)atoi(argv[2]));
	filter = argv[3];
	text = argv[4];
	read_clients(argv[5]);
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < n_clients + 20) {
		fprintf(stderr, "mqtt_crowd: ulimit -n is %llu, %zu are needed\n",
			(unsigned long long)files.rlim_cur, n_clients + 20);
		return 1;
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	int64_t start = now_ns();
	while (n_ready < n_clients) {
		while (n_begun < n_clients && n_begun - n_ready < AT_ONCE)
			begin(&clients[n_begun]);
		turn();
	}
	printf("ready %.6f\n", (double)(now_ns() - start) / 1e9);
	fflush(stdout);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &in) != 0)
		fail("epoll");
	for (;;)
		turn();
}
