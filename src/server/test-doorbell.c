/* SPDX-License-Identifier: Apache-2.0
 *
 * doorbell: with a fake clock and requests that are mere numbers. What must hold: every parked request is
 * answered exactly once; a ring between ticket and parking is not lost, in any order of the steps;
 * a ring reaches its device, or its fleets' devices, and nobody else.
 */
#include "base/macros.h"
#include "server/doorbell.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#define MAX 64

struct http_request { /* stands for the real one, which doorbells only hand through */
	atomic_int n_deferred, n_answered;
	_Atomic(enum doorbell_why) why;
};

static struct http_request requests[MAX];
static atomic_int n_wakes;

void http_defer(struct http_request *req)
{
	req->n_deferred++;
}

static void answered(struct http_request *req, enum doorbell_why why)
{
	req->why = why;
	req->n_answered++;
}

static void woken(void *user)
{
	(void)user;
	n_wakes++;
}

static struct doorbells *setup(void)
{
	memset(requests, 0, sizeof requests);
	n_wakes = 0;
	struct doorbells *b = doorbells_new(1000);
	doorbells_on_due(b, woken, NULL);
	return b;
}

static void park(struct doorbells *b, int i, int64_t device, int64_t fleet, int64_t ticket,
		 int64_t timeout_ms)
{
	struct device d = { .id = device, .fleet_id = fleet };
	doorbell_park(b, &requests[i], &d, ticket, timeout_ms, 1000, answered);
	assert_int_equal(requests[i].n_deferred, 1);
}

#define assert_answered(i, why_)                                                                   \
	do {                                                                                       \
		assert_int_equal(requests[i].n_answered, 1);                                       \
		assert_int_equal(requests[i].why, why_);                                           \
	} while (0)

static void test_rings(void **state)
{
	struct doorbells *b = setup();
	park(b, 0, 1, 10, 0, 60000);
	park(b, 1, 1, 10, 0, 60000); /* the same device twice */
	park(b, 2, 2, 10, 0, 60000);
	park(b, 3, 3, 11, 0, 60000);
	park(b, 4, 4, 12, 0, 60000);
	assert_int_equal(doorbells_n(b), 5);
	doorbell_ring(b, 1, NULL, 0);
	assert_answered(0, DOORBELL_RANG);
	assert_answered(1, DOORBELL_RANG);
	assert_int_equal(requests[2].n_answered, 0);
	doorbell_ring(b, 0, (int64_t[]){ 10, 11 }, 2);
	assert_answered(2, DOORBELL_RANG);
	assert_answered(3, DOORBELL_RANG);
	assert_int_equal(requests[4].n_answered, 0);
	doorbell_ring(b, 1, (int64_t[]){ 10, 11 }, 2); /* nobody is there any more */
	doorbell_ring_all(b);
	assert_answered(4, DOORBELL_RANG);
	assert_int_equal(doorbells_n(b), 0);
	doorbells_free(b);
	doorbells_free(NULL);
}

/* A handler takes a ticket, reads, parks; a change commits and then rings. */
static void test_no_ring_is_lost(void **state)
{
	static const struct {
		const char *name;
		int64_t device, fleet; /* of the ring before parking; 0: of everybody */
		bool due;
	} cases[] = {
		{ "its device", 1, 0, true },      { "its fleet", 0, 10, true },
		{ "everybody", 0, 0, true },       { "another device", 2, 0, false },
		{ "another fleet", 0, 11, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct doorbells *b = setup();
		doorbell_ring(b, 1, NULL, 0); /* older than the ticket */
		int64_t ticket = doorbell_ticket(b);
		assert_int_equal(ticket, 1);
		if (cases[i].device || cases[i].fleet)
			doorbell_ring(b, cases[i].device, &cases[i].fleet, cases[i].fleet != 0);
		else
			doorbell_ring_all(b);
		park(b, 0, 1, 10, ticket, 60000);
		assert_int_equal(requests[0].n_answered, 0); /* never before park returns */
		if (cases[i].due)
			assert_int_equal(n_wakes, 1);
		(void)doorbell_expire(b, 1000);
		if (requests[0].n_answered != cases[i].due)
			fail_msg("%s", cases[i].name);
		doorbells_close(b);
		assert_int_equal(requests[0].n_answered, 1);
		doorbells_free(b);
	}
}

static void test_timeouts(void **state)
{
	struct doorbells *b = setup();
	park(b, 0, 1, 10, 0, 500);
	park(b, 1, 2, 10, 0, 60000);
	park(b, 2, 3, 10, 0, DOORBELL_TIMEOUT_MAX_MS * 10); /* cut to the maximum */
	int64_t next = doorbell_expire(b, 1400);
	assert_int_equal(requests[0].n_answered, 0);
	assert_in_range(next, 1500, 1700);
	next = doorbell_expire(b, next);
	assert_answered(0, DOORBELL_TIMED_OUT);
	assert_in_range(next, 61000, 61200);
	(void)doorbell_expire(b, 30000);
	assert_int_equal(requests[1].n_answered, 0);
	next = doorbell_expire(b, 61200);
	assert_answered(1, DOORBELL_TIMED_OUT);
	assert_in_range(next, 1000 + DOORBELL_TIMEOUT_MAX_MS, 1200 + DOORBELL_TIMEOUT_MAX_MS);
	(void)doorbell_expire(b, 100000000); /* far later: once round is everything */
	assert_answered(2, DOORBELL_TIMED_OUT);
	assert_true(doorbell_expire(b, 100000000) == INT64_MAX);
	doorbells_free(b);
}

/* Who sleeps until the next deadline must hear of an earlier one. */
static void test_wakes_for_an_earlier_deadline(void **state)
{
	struct doorbells *b = setup();
	assert_true(doorbell_expire(b, 1000) == INT64_MAX);
	park(b, 0, 1, 10, 0, 50000);
	assert_int_equal(n_wakes, 1);
	(void)doorbell_expire(b, 1000);
	park(b, 1, 2, 10, 0, 55000);
	assert_int_equal(n_wakes, 1);
	park(b, 2, 3, 10, 0, 1000);
	assert_int_equal(n_wakes, 2);
	doorbells_close(b);
	doorbells_free(b);
}

static void test_closing(void **state)
{
	struct doorbells *b = setup();
	park(b, 0, 1, 10, 0, 60000);
	doorbells_close(b);
	assert_answered(0, DOORBELL_CLOSING);
	park(b, 1, 1, 10, 0, 60000);
	assert_int_equal(requests[1].n_answered, 0);
	(void)doorbell_expire(b, 1000);
	assert_answered(1, DOORBELL_CLOSING);
	assert_int_equal(doorbells_n(b), 0);
	doorbells_free(b);
}

/* ---- in a race: handlers park while a follower rings ---- */

struct race {
	struct doorbells *b;
	_Atomic int64_t committed; /* what "the store" says */
	atomic_bool over;
};

static void *ringer(void *arg)
{
	struct race *r = arg;
	for (int64_t event = 1; event <= 20000; event++) {
		r->committed = event; /* the commit comes first, then its ring */
		doorbell_ring(r->b, 1, NULL, 0);
		(void)doorbell_expire(r->b, 1000);
	}
	r->over = true;
	return NULL;
}

static void test_race(void **state)
{
	struct race r = { .b = setup() };
	struct device d = { .id = 1, .fleet_id = 10 };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ringer, &r), 0);
	for (int i = 0; !r.over; i = (i + 1) % MAX) {
		struct http_request *req = &requests[i];
		if (req->n_deferred != req->n_answered)
			continue; /* still parked */
		int64_t ticket = doorbell_ticket(r.b), seen = r.committed;
		doorbell_park(r.b, req, &d, ticket, 60000, 1000, answered);
		/* If what it read is the last word, nothing is left that could ring. */
		if (seen == 20000)
			break;
	}
	pthread_join(thread, NULL);
	(void)doorbell_expire(r.b, 1000); /* who was rung while it parked hears it first */
	doorbells_close(r.b);
	(void)doorbell_expire(r.b, 1000);
	int n_late = 0;
	for (int i = 0; i < MAX; i++) {
		assert_int_equal(requests[i].n_deferred, requests[i].n_answered);
		n_late += requests[i].why == DOORBELL_CLOSING;
	}
	assert_true(n_late <= 1); /* only who had read the last event already */
	assert_int_equal(doorbells_n(r.b), 0);
	doorbells_free(r.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings),
		cmocka_unit_test(test_no_ring_is_lost),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_wakes_for_an_earlier_deadline),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_race),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
