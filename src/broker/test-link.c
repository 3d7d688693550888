/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames there and back, whole and split at every byte, and frames that are none.
 */
#include "broker/link.h"

#include "broker/rights.h"

#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t hash[SHA256_SIZE] = { 1, 2, 3 };

static struct span bytes(const char *p, size_t n)
{
	return (struct span){ (const uint8_t *)p, n };
}

static struct link_message messages[11];

static void make_messages(void)
{
	static const char fleets[] = "0/fleet/5\0"
				     "0/fleet/6\0";
	struct span h = { hash, sizeof hash };
	struct link_message all[] = {
		{ .type = LINK_SERVER, .user = span_str("$server"), .hash = h },
		{ .type = LINK_BEGIN },
		{ .type = LINK_ACCOUNT,
		  .number = 0x123456789abcdef0,
		  .flags = 1,
		  .user = span_str("SER1"),
		  .hash = h,
		  .root = span_str("0/agent/SER1"),
		  .fleets = bytes(fleets, sizeof fleets) },
		{ .type = LINK_REMOVE, .number = 7 },
		{ .type = LINK_END },
		{ .type = LINK_SYNC, .number = UINT64_MAX },
		{ .type = LINK_READY },
		{ .type = LINK_SYNCED, .number = 1 },
		{ .type = LINK_PRESENCE, .number = 9, .flags = LINK_CAME | LINK_ONLINE },
		{ .type = LINK_STATS, .stats = { 1, 2, 3, 4, UINT64_MAX } },
		{ .type = LINK_ADMIT },
	};
	memcpy(messages, all, sizeof all);
}

static void expect(void *user, const struct link_message *m)
{
	size_t *n = user;
	const struct link_message *e = &messages[(*n)++ % ARRAY_SIZE(messages)];
	assert_int_equal(m->type, e->type);
	assert_true(m->number == e->number);
	assert_int_equal(m->flags, e->flags);
	assert_true(span_eq(m->user, e->user));
	assert_true(span_eq(m->hash, e->hash));
	assert_true(span_eq(m->root, e->root));
	assert_true(span_eq(m->fleets, e->fleets));
	assert_memory_equal(m->stats, e->stats, sizeof m->stats);
}

static void add_all(struct buf *b)
{
	make_messages();
	buf_init(b, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		link_add(b, &messages[i]);
	assert_false(b->failed);
}

static void test_split_everywhere(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	(void)state;
	add_all(&b);
	for (size_t at = 0; at <= b.n; at++) {
		struct link_reader r;
		size_t n = 0;
		link_reader_init(&r);
		assert_int_equal(link_feed(&r, bytes(b.p, at), expect, &n), 0);
		assert_int_equal(link_feed(&r, bytes(b.p + at, b.n - at), expect, &n), 0);
		assert_int_equal(n, ARRAY_SIZE(messages));
		link_reader_fini(&r);
	}
}

static void test_pieces(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	(void)state;
	add_all(&b);
	for (size_t size = 1; size < 9; size++) {
		struct link_reader r;
		size_t n = 0;
		link_reader_init(&r);
		for (size_t at = 0; at < b.n; at += size) {
			size_t left = b.n - at;
			assert_int_equal(link_feed(&r, bytes(b.p + at, left < size ? left : size),
						   expect, &n),
					 0);
		}
		assert_int_equal(n, ARRAY_SIZE(messages));
		link_reader_fini(&r);
	}
}

static void never(void *user, const struct link_message *m)
{
	(void)user, (void)m;
	fail_msg("a message came out of nonsense");
}

static int feed_bad(struct span s, size_t at)
{
	struct link_reader r;
	link_reader_init(&r);
	int result = link_feed(&r, (struct span){ s.p, at }, never, NULL);
	if (result == 0)
		result = link_feed(&r, (struct span){ s.p + at, s.n - at }, never, NULL);
	link_reader_fini(&r);
	return result;
}

#define HEX32 "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
#define CASE(s)                                                                                    \
	{                                                                                          \
		s, sizeof s - 1                                                                    \
	}

static void test_nonsense(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} cases[] = {
		CASE("\x00\x00\x00\x00"),  /* no such type */
		CASE("\x0c\x00\x00\x00"),  /* nor that */
		CASE("\x02\x00\x00\x01x"), /* BEGIN has no body */
		CASE("\x0b\x00\x00\x01x"), /* nor has ADMIT */
		CASE("\x02\x00\x80\x01"),  /* longer than any */
		CASE("\x04\x00\x00\x07"
		     "1234567"), /* a number is 8 bytes */
		CASE("\x04\x00\x00\x09"
		     "123456789"),                         /* not more */
		CASE("\x01\x00\x00\x22" HEX32 "\0\0"),     /* no user */
		CASE("\x01\x00\x00\x25" HEX32 "\0\3a\0b"), /* a NUL in it */
		CASE("\x01\x00\x00\x23" HEX32 "\0\2a"),    /* cut off */
		/* accounts: a reserved user; a root that is none; fleets that do not end, are no roots */
		CASE("\x03\x00\x00\x37"
		     "12345678\0" HEX32 "\0\2$a"
		     "\0\5"
		     "0/a/b"
		     "\0\1\0"),
		CASE("\x03\x00\x00\x36"
		     "12345678\0" HEX32 "\0\1a"
		     "\0\5"
		     "0/a/#"
		     "\0\1\0"),
		CASE("\x03\x00\x00\x35"
		     "12345678\0" HEX32 "\0\1a"
		     "\0\5"
		     "0/a/b"
		     "\0\0"),
		CASE("\x03\x00\x00\x3b"
		     "12345678\0" HEX32 "\0\1a"
		     "\0\5"
		     "0/a/b"
		     "\0\6"
		     "0/f/1\0"),
		CASE("\x03\x00\x00\x3a"
		     "12345678\0" HEX32 "\0\1a"
		     "\0\5"
		     "0/a/b"
		     "\0\5"
		     "0/f\0\0"),
		CASE("\x03\x00\x00\x37"
		     "12345678\0" HEX32 "\0\1a"
		     "\0\5"
		     "0/a/b"
		     "\0\2\0\0"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t at = 0; at <= cases[i].n; at++)
			if (feed_bad(bytes(cases[i].p, cases[i].n), at) != ERR_INVALID)
				fail_msg("case %zu, split at %zu", i, at);
}

static void test_largest_account(void **state)
{
	CLEANUP(buf_fini) struct buf fleets;
	CLEANUP(buf_fini) struct buf out;
	char root[RIGHTS_ROOT_MAX + 1], user[LINK_USER_MAX + 1];
	(void)state;
	make_messages();
	memset(user, 'u', sizeof user);
	memset(root, 'r', sizeof root);
	memcpy(root, "0/a/", 4);
	root[RIGHTS_ROOT_MAX] = '\0';
	buf_init(&fleets, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < RIGHTS_FLEETS_MAX; i++)
		buf_add(&fleets, root, sizeof root);
	buf_add_char(&fleets, '\0');
	messages[0] = (struct link_message){ .type = LINK_ACCOUNT,
					     .user = bytes(user, LINK_USER_MAX),
					     .hash = { hash, sizeof hash },
					     .root = bytes(root, RIGHTS_ROOT_MAX),
					     .fleets = buf_span(&fleets) };
	link_add(&out, &messages[0]);
	struct link_reader r;
	size_t n = 0;
	link_reader_init(&r);
	for (size_t at = 0; at < out.n; at += 1000)
		assert_int_equal(link_feed(&r,
					   bytes(out.p + at, out.n - at < 1000 ? out.n - at : 1000),
					   expect, &n),
				 0);
	assert_int_equal(n, 1);
	link_reader_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_everywhere),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_largest_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
