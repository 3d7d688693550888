/* SPDX-License-Identifier: Apache-2.0
 *
 * For the store's tests: a store on any backend, and the writer's connection in the test's own
 * thread, so that cmocka's assertions work on it.
 *
 *     struct store_conn *tx = tx_begin(f);   an operation of the writer waits for us
 *     assert_ok(store_fleet_create(tx, …));
 *     tx_end(f, 0);                          it returns 0: committed (or an error: rolled back)
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include <pthread.h>

struct fixture {
	const char *backend;
	char folder[64], path[96];
	struct store_options options;
	struct store *store;
	struct arena arena; /* of the test */
	struct error err;
	struct change by; /* "admin:test", now_ms = 1000000 */
	void (*fn)(struct fixture *f);
	/* the borrowed connection */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct store_conn *tx;
	int result;
	enum { TX_NONE, TX_WAITING, TX_LENT, TX_RETURNED, TX_DONE } state;
	struct store_write write;
	int64_t org_id, root_id; /* made by fixture_organization() */
};

/* Runs every test on every backend, each with a store of its own. */
struct store_test {
	const char *name;
	void (*fn)(struct fixture *f);
};
#define TEST(fn)                                                                                   \
	{                                                                                          \
#fn, fn                                                                            \
	}
int run_on_backends(const struct store_test *tests, size_t n);

struct fixture *fixture_new(const char *backend);
void fixture_free(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_organization(struct fixture *f); /* "acme" */

struct store_conn *tx_begin(struct fixture *f);
int tx_end(struct fixture *f, int result);
struct store_conn *reader(struct fixture *f);

int64_t make_fleet(struct fixture *f, struct store_conn *tx, int64_t parent_id, const char *name);
int64_t make_device(struct fixture *f, struct store_conn *tx, int64_t fleet_id, const char *name);
/* Reports with every setting in 'observed_json' ({"name": value}) as applied. */
enum verdict report(struct fixture *f, struct store_conn *tx, int64_t device_id, int64_t version,
		    const char *observed_json);
void set(struct fixture *f, struct store_conn *tx, enum scope s, int64_t id, const char *name,
	 const char *value_json);
int64_t version(struct fixture *f, struct store_conn *c, int64_t device_id);
const char *verdict(struct fixture *f, struct store_conn *c, int64_t device_id);
int64_t count(struct fixture *f, struct store_conn *c, const char *filter);
struct device device(struct fixture *f, struct store_conn *c, int64_t id);

#define assert_ok(expr)        assert_int_equal((expr), 0)
#define assert_err(code, expr) assert_int_equal((expr), ERR_##code)
