/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts: logging in, losing rights at once, who is closed, who is told to be there; and two threads at it.
 */
#include "broker/accounts.h"

#include "base/macros.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NO_FLEETS ""

/* Connections are known by an address only. */
static char clients[100];

static void put(struct accounts *a, uint64_t device, const char *user, const char *password,
		const char *fleet)
{
	char root[64], fleets[64] = { 0 };
	uint8_t hash[SHA256_SIZE];
	snprintf(root, sizeof root, "0/agent/%s", user);
	size_t n =
		*fleet ? (size_t)snprintf(fleets, sizeof fleets - 1, "0/fleet/%s", fleet) + 1 : 0;
	sha256(span_str(password), hash);
	accounts_put(a, &(struct link_message){ .type = LINK_ACCOUNT,
						.number = device,
						.user = span_str(user),
						.hash = { hash, sizeof hash },
						.root = span_str(root),
						.fleets = { (uint8_t *)fleets, n + 1 } });
}

static bool login(struct accounts *a, int client, const char *id, const char *user,
		  const char *password)
{
	return accounts_login(a, &clients[client], id, user, password, 0);
}

static bool may(struct accounts *a, int client, enum rights_access access, const char *topic)
{
	return accounts_may(a, &clients[client], NULL, access, topic, 0);
}

static void set_server(struct accounts *a)
{
	uint8_t hash[SHA256_SIZE];
	sha256(span_str("secret"), hash);
	accounts_set_server(a, span_str("$server"), (struct span){ hash, sizeof hash });
}

static struct accounts *set_up(void)
{
	struct accounts *a = accounts_new();
	set_server(a);
	put(a, 1, "A", "pa", "5");
	put(a, 2, "B", "pb", "6");
	return a;
}

static void expect_report(struct accounts *a, uint64_t device, unsigned flags)
{
	struct link_message m = { 0 };
	assert_true(accounts_has_news(a));
	assert_true(accounts_report(a, &m));
	assert_int_equal(m.type, LINK_PRESENCE);
	assert_int_equal(m.number, device);
	assert_int_equal(m.flags, flags);
}

static void expect_silence(struct accounts *a)
{
	struct link_message m;
	assert_false(accounts_has_news(a));
	assert_false(accounts_report(a, &m));
}

/* All that are to be closed, "id+" with will, in order of their ids; closes them. */
static void expect_closed(struct accounts *a, const char *ids)
{
	char found[10][16], text[200] = "";
	bool will;
	size_t n = 0;
	for (char *id; (id = accounts_stale(a, &will)); free(id))
		snprintf(found[n++], sizeof found[0], "%s%s ", id, will ? "+" : "");
	qsort(found, n, sizeof found[0], (int (*)(const void *, const void *))strcmp);
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s", found[i]);
	assert_string_equal(text, ids);
}

static void test_login(void **state)
{
	static const struct {
		const char *id, *user, *password;
		bool ok;
	} cases[] = {
		{ "c", "A", "pa", true },
		{ "c", "A", "pb", false },
		{ "c", "A", "", false },
		{ "c", "A", NULL, false },
		{ "c", NULL, NULL, false },
		{ "c", NULL, "pa", false },
		{ "c", "", "pa", false },
		{ "c", "a", "pa", false },
		{ "c", "C", "pa", false },
		{ "c", "$server", "secret", true },
		{ "c", "$server", "pa", false },
		{ "", "A", "pa", false }, /* the broker gives a name to those that have none */
		{ NULL, "A", "pa", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct accounts *a = set_up();
		uint64_t stats[LINK_STATS_N];
		if (login(a, 0, cases[i].id, cases[i].user, cases[i].password) != cases[i].ok)
			fail_msg("case %zu", i);
		accounts_stats(a, stats);
		assert_int_equal(stats[LINK_STAT_REFUSED], !cases[i].ok);
		assert_int_equal(stats[LINK_STAT_ACCOUNTS], 2);
		accounts_logout(a, &clients[0]);
		accounts_free(a);
	}
}

static void test_rights(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	assert_true(login(a, 1, "s", "$server", "secret"));
	assert_true(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	assert_true(may(a, 0, RIGHTS_READ, "/0/fleet/5/camera"));
	assert_false(may(a, 0, RIGHTS_READ, "0/fleet/6/camera"));
	assert_false(may(a, 0, RIGHTS_WRITE, "0/agent/B/Status/Ping"));
	assert_true(may(a, 1, RIGHTS_WRITE, "0/agent/B/Command/Ping"));
	assert_true(may(a, 1, RIGHTS_SUBSCRIBE, "#"));
	assert_false(may(a, 2, RIGHTS_READ, "0/agent/A/Command/Ping")); /* never logged in */
	accounts_logout(a, &clients[0]);
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	/* a session that the broker keeps for somebody who is not there */
	assert_true(accounts_may(a, NULL, "A", RIGHTS_READ, "0/agent/A/Command/Ping", 0));
	assert_false(accounts_may(a, NULL, "A", RIGHTS_READ, "0/agent/B/Command/Ping", 0));
	assert_false(accounts_may(a, NULL, "C", RIGHTS_READ, "0/agent/C/Command/Ping", 0));
	assert_true(accounts_may(a, NULL, "$server", RIGHTS_READ, "0/agent/C/Command/Ping", 0));
	accounts_free(a);
}

/* A will is written when its connection is gone. */
static void test_wills(void **state)
{
	static const char topic[] = "0/agent/A/Status/Online";
	struct accounts *a = set_up();
	uint64_t stats[LINK_STATS_N];
	assert_true(login(a, 0, "old", "A", "pa"));
	assert_true(login(a, 1, "new", "A", "pa"));
	accounts_logout(a, &clients[0]); /* the device came back by another way before */
	assert_false(accounts_may(a, &clients[0], "A", RIGHTS_WRITE_RETAINED, topic, 0));
	assert_false(accounts_may(a, &clients[0], "A", RIGHTS_WRITE, topic, 0));
	assert_true(may(a, 1, RIGHTS_WRITE, topic));
	accounts_logout(a, &clients[1]);
	assert_true(accounts_may(a, &clients[1], "A", RIGHTS_WRITE_RETAINED, topic, 0));
	assert_false(accounts_may(a, &clients[1], "A", RIGHTS_WRITE, "0/agent/B/Status/Online", 0));
	accounts_stats(a, stats);
	assert_int_equal(stats[LINK_STAT_DENIED], 0); /* nobody did anything */
	accounts_free(a);
}

static void test_no_stranger_takes_over(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "one", "A", "pa"));
	assert_true(login(a, 1, "s", "$server", "secret"));
	assert_false(login(a, 2, "one", "B", "pb"));
	assert_false(login(a, 3, "s", "B", "pb"));
	assert_true(login(a, 4, "one", "A", "pa")); /* the broker closes the first */
	accounts_logout(a, &clients[0]);
	assert_false(login(a, 2, "one", "B", "pb"));
	accounts_logout(a, &clients[4]);
	assert_true(login(a, 2, "one", "B", "pb"));
	assert_true(login(a, 5, "s", "$server", "secret"));
	accounts_free(a);
}

static void test_presence(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	expect_silence(a);
	assert_true(login(a, 0, "a", "A", "pa"));
	expect_report(a, 1, LINK_CAME | LINK_ONLINE | LINK_CONTACT);
	assert_true(login(a, 1, "a2", "A", "pa"));
	expect_silence(a); /* it was there */
	accounts_logout(a, &clients[0]);
	expect_silence(a);
	accounts_logout(a, &clients[1]);
	accounts_logout(a, &clients[1]);
	expect_report(a, 1, LINK_WENT | LINK_CONTACT);
	/* what happens between two reports is one */
	assert_true(login(a, 0, "a", "A", "pa"));
	accounts_logout(a, &clients[0]);
	expect_report(a, 1, LINK_CAME | LINK_WENT | LINK_CONTACT);
	assert_true(login(a, 0, "a", "A", "pa"));
	assert_true(login(a, 1, "b", "B", "pb"));
	expect_report(a, 1, LINK_CAME | LINK_ONLINE | LINK_CONTACT);
	expect_report(a, 2, LINK_CAME | LINK_ONLINE | LINK_CONTACT);
	/* the server is not a device */
	assert_true(login(a, 2, "s", "$server", "secret"));
	accounts_logout(a, &clients[2]);
	expect_silence(a);
	accounts_free(a);
}

static void test_contact(void **state)
{
	static const struct {
		int64_t at_s;
		enum rights_access access;
		const char *topic;
		bool told;
	} cases[] = {
		{ 10, RIGHTS_WRITE, "0/agent/A/Status/Ping", false },  /* it came a moment ago */
		{ 100, RIGHTS_WRITE, "0/agent/B/Status/Ping", false }, /* denied */
		{ 100, RIGHTS_READ, "0/agent/A/Command/Ping", false }, /* not its doing */
		{ 100, RIGHTS_WRITE, "0/agent/A/Status/Ping", true },
		{ 101, RIGHTS_WRITE, "0/agent/A/Status/Ping", false },
		{ 170, RIGHTS_WRITE_RETAINED, "0/agent/A/Status/Online", true },
	};
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	expect_report(a, 1, LINK_CAME | LINK_ONLINE | LINK_CONTACT);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)accounts_may(a, &clients[0], NULL, cases[i].access, cases[i].topic,
				   cases[i].at_s);
		if (cases[i].told)
			expect_report(a, 1, LINK_ONLINE | LINK_CONTACT);
		expect_silence(a);
	}
	accounts_free(a);
}

static void test_moved(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	put(a, 1, "A", "pa", "5");
	expect_closed(a, ""); /* the same again is no change */
	put(a, 1, "A", "pa", "7");
	assert_false(may(a, 0, RIGHTS_READ, "0/fleet/5/camera"));
	assert_true(may(a, 0, RIGHTS_READ, "0/fleet/7/camera"));
	assert_true(may(a, 0, RIGHTS_WRITE, "0/agent/A/Status/Ping"));
	expect_closed(a, "a+ ");
	expect_closed(a, ""); /* once */
	assert_true(login(a, 1, "a2", "A", "pa"));
	put(a, 1, "A", "pa", NO_FLEETS);
	assert_false(may(a, 1, RIGHTS_READ, "0/fleet/7/camera"));
	accounts_free(a);
}

static void test_revoked(void **state)
{
	struct accounts *a = set_up();
	uint64_t stats[LINK_STATS_N];
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	assert_true(login(a, 1, "a2", "A", "pa"));
	assert_true(login(a, 2, "b", "B", "pb"));
	accounts_remove(a, 1);
	accounts_remove(a, 1);
	accounts_remove(a, 99);
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	assert_false(accounts_may(a, NULL, "A", RIGHTS_READ, "0/agent/A/Command/Ping", 0));
	assert_false(login(a, 3, "a3", "A", "pa"));
	expect_closed(a, "a a2 ");
	accounts_logout(a, &clients[0]);
	accounts_logout(a, &clients[1]);
	expect_report(a, 1, LINK_CAME | LINK_WENT | LINK_CONTACT);
	assert_true(may(a, 2, RIGHTS_READ, "0/agent/B/Command/Ping"));
	accounts_stats(a, stats);
	assert_int_equal(stats[LINK_STAT_ACCOUNTS], 1);
	assert_int_equal(stats[LINK_STAT_CONNECTIONS], 1);
	assert_int_equal(stats[LINK_STAT_KICKED], 2);
	accounts_free(a);
}

/* A new password: who logged in with the old one may nothing, even while the account is there again. */
static void test_new_password(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	put(a, 1, "A", "new", "5");
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	assert_false(login(a, 1, "x", "A", "pa"));
	assert_true(login(a, 1, "x", "A", "new"));
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	assert_true(may(a, 1, RIGHTS_READ, "0/agent/A/Command/Ping"));
	expect_closed(a, "a ");
	accounts_remove(a, 1);
	put(a, 1, "A", "new", "5");
	assert_false(may(a, 1, RIGHTS_READ, "0/agent/A/Command/Ping"));
	expect_closed(a, "x ");
	/* "went" of the old never comes after "came" of the new */
	accounts_logout(a, &clients[0]);
	assert_true(login(a, 2, "y", "A", "new"));
	accounts_logout(a, &clients[1]);
	expect_report(a, 1, LINK_CAME | LINK_ONLINE | LINK_CONTACT);
	expect_silence(a);
	accounts_free(a);
}

static void test_names_change_places(void **state)
{
	struct accounts *a = set_up();
	(void)state;
	assert_true(login(a, 0, "a", "A", "pa"));
	put(a, 2, "A", "pb", "6"); /* in the middle of it both have the name A */
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	put(a, 1, "B", "pa", "5");
	assert_false(login(a, 1, "x", "A", "pa"));
	assert_true(login(a, 1, "x", "A", "pb"));
	assert_true(login(a, 2, "y", "B", "pa"));
	accounts_remove(a, 1);
	assert_true(login(a, 3, "z", "A", "pb"));
	accounts_free(a);
}

static void test_everything_again(void **state)
{
	struct accounts *a = set_up();
	uint64_t stats[LINK_STATS_N];
	char user[16];
	(void)state;
	for (uint64_t i = 10; i < 3000; i++) {
		snprintf(user, sizeof user, "D%u", (unsigned)i);
		put(a, i, user, "p", "5");
	}
	assert_true(login(a, 0, "a", "A", "pa"));
	assert_true(login(a, 1, "b", "B", "pb"));
	accounts_begin(a);
	put(a, 2, "B", "pb", "6");
	put(a, 3, "C", "pc", "6");
	assert_true(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping")); /* not before the end */
	accounts_end(a);
	assert_false(may(a, 0, RIGHTS_READ, "0/agent/A/Command/Ping"));
	assert_true(may(a, 1, RIGHTS_READ, "0/agent/B/Command/Ping"));
	assert_true(login(a, 2, "c", "C", "pc"));
	expect_closed(a, "a ");
	accounts_stats(a, stats);
	assert_int_equal(stats[LINK_STAT_ACCOUNTS], 2);
	accounts_free(a);
}

/* The server says things while the broker asks: for the thread sanitizer, and that nothing is left. */
static void *change(void *arg)
{
	struct accounts *a = arg;
	struct link_message m;
	for (int i = 0; i < 300; i++) {
		put(a, 1, "A", i % 2 ? "pa" : "other", "5");
		if (i % 7 == 0)
			accounts_remove(a, 1);
		if (i % 50 == 0) {
			accounts_begin(a);
			accounts_end(a);
		}
		while (accounts_report(a, &m))
			;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct accounts *a = set_up();
	pthread_t thread;
	bool will;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, change, a), 0);
	for (int i = 0; i < 3000; i++) {
		int c = i % 10;
		char name[8];
		snprintf(name, sizeof name, "c%d", c);
		(void)login(a, c, name, "A", "pa");
		(void)may(a, c, RIGHTS_WRITE, "0/agent/A/Status/Ping");
		for (char *id; (id = accounts_stale(a, &will)); free(id))
			accounts_logout(a, &clients[id[1] - '0']);
		(void)accounts_has_news(a);
	}
	pthread_join(thread, NULL);
	for (int c = 0; c < 10; c++)
		accounts_logout(a, &clients[c]);
	uint64_t stats[LINK_STATS_N];
	accounts_stats(a, stats);
	assert_int_equal(stats[LINK_STAT_CONNECTIONS], 0);
	accounts_free(a);
}

static void test_put_off(void **state)
{
	struct accounts *a = accounts_new();
	(void)state;
	assert_true(accounts_put_off(a, "$server")); /* it is not known yet */
	set_server(a);
	assert_false(accounts_put_off(a, "$server"));
	assert_true(accounts_put_off(a, "A"));
	assert_true(accounts_put_off(a, NULL));
	accounts_admit(a);
	assert_false(accounts_put_off(a, "A"));
	assert_false(accounts_put_off(a, NULL));
	accounts_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wills),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_no_stranger_takes_over),
		cmocka_unit_test(test_presence),
		cmocka_unit_test(test_contact),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_new_password),
		cmocka_unit_test(test_names_change_places),
		cmocka_unit_test(test_everything_again),
		cmocka_unit_test(test_put_off),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
