/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin's thread against a server that is this test: loading, syncing, presence, and a server that dies.
 */
#include "broker/talk.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

static volatile sig_atomic_t terminated;

static void on_term(int number)
{
	(void)number;
	terminated = 1;
}

struct server {
	int fd;
	struct accounts *accounts;
	struct talk *talk;
	struct link_reader reader;
	struct link_message last;
	unsigned seen; /* 1u << type */
};

static void set_up(struct server *s)
{
	int fds[2];
	*s = (struct server){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s->fd = fds[0];
	s->accounts = accounts_new();
	link_reader_init(&s->reader);
	assert_int_equal(talk_start(fds[1], s->accounts, &s->talk), 0);
}

static void tear_down(struct server *s)
{
	talk_stop(s->talk);
	accounts_free(s->accounts);
	link_reader_fini(&s->reader);
	close(s->fd);
}

static void say(struct server *s, const struct link_message *m)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	link_add(&b, m);
	assert_int_equal(write(s->fd, b.p, b.n), b.n);
}

static void hear(void *user, const struct link_message *m)
{
	struct server *s = user;
	s->last = *m;
	s->seen |= 1u << m->type;
}

static void wait_for(struct server *s, enum link_type type)
{
	uint8_t bytes[4096];
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	while (!(s->seen & 1u << type)) {
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		ssize_t n = read(s->fd, bytes, sizeof bytes);
		assert_true(n > 0);
		struct span in = { bytes, (size_t)n };
		assert_int_equal(link_feed(&s->reader, in, hear, s), 0);
	}
	s->seen &= ~(1u << type);
}

static void say_account(struct server *s)
{
	uint8_t hash[SHA256_SIZE];
	sha256(span_str("pa"), hash);
	say(s, &(struct link_message){ .type = LINK_ACCOUNT,
				       .number = 1,
				       .user = span_str("A"),
				       .hash = { hash, sizeof hash },
				       .root = span_str("0/agent/A"),
				       .fleets = { (const uint8_t *)"", 1 } });
}

static void load(struct server *s)
{
	say(s, &(struct link_message){ .type = LINK_BEGIN });
	say_account(s);
	say(s, &(struct link_message){ .type = LINK_END });
	assert_true(talk_wait_loaded(s->talk, PATIENCE_MS));
}

static void test_life(void **state)
{
	struct server s;
	(void)state;
	set_up(&s);
	load(&s);
	assert_true(accounts_login(s.accounts, &s, "id", "A", "pa", 0));
	talk_tick(s.talk);
	wait_for(&s, LINK_READY);
	wait_for(&s, LINK_PRESENCE);
	wait_for(&s, LINK_STATS);
	assert_true(accounts_put_off(s.accounts, "A"));
	say(&s, &(struct link_message){ .type = LINK_ADMIT });
	say(&s, &(struct link_message){ .type = LINK_REMOVE, .number = 1 });
	say(&s, &(struct link_message){ .type = LINK_SYNC, .number = 42 });
	wait_for(&s, LINK_SYNCED);
	assert_int_equal(s.last.number, 42);
	assert_false(accounts_put_off(s.accounts, "A"));
	assert_false(accounts_may(s.accounts, &s, NULL, RIGHTS_READ, "0/agent/A/x", 0));
	accounts_logout(s.accounts, &s);
	talk_tick(s.talk);
	wait_for(&s, LINK_PRESENCE);
	assert_int_equal(s.last.flags & (LINK_WENT | LINK_ONLINE), LINK_WENT);
	assert_false(terminated);
	tear_down(&s);
}

static void test_nothing_comes(void **state)
{
	struct server s;
	(void)state;
	set_up(&s);
	say(&s, &(struct link_message){ .type = LINK_BEGIN });
	assert_false(talk_wait_loaded(s.talk, 20));
	tear_down(&s);
}

static void end_badly(const char *last_words, size_t n)
{
	struct server s;
	terminated = 0;
	set_up(&s);
	load(&s);
	if (n > 0)
		assert_int_equal(write(s.fd, last_words, n), n);
	else
		assert_int_equal(shutdown(s.fd, SHUT_RDWR), 0);
	while (!terminated)
		(void)poll(NULL, 0, 1); /* the signal's arrival has no other event */
	assert_false(talk_wait_loaded(s.talk, PATIENCE_MS));
	tear_down(&s);
}

static void test_the_server_is_gone(void **state)
{
	(void)state;
	end_badly("", 0);
}

static void test_the_server_talks_nonsense(void **state)
{
	(void)state;
	end_badly("HTTP/1.1 200 OK", 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_nothing_comes),
		cmocka_unit_test(test_the_server_is_gone),
		cmocka_unit_test(test_the_server_talks_nonsense),
	};
	signal(SIGTERM, on_term);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
