/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: samples and raw reports, and that a device cannot make them grow.
 */
#include "store/sample.h"
#include "store/test-store.h"

#include <stdlib.h>
#include <string.h>

#define SLOT SAMPLE_SLOT_MS
#define CPU  "cpu.used_percent"

static int64_t new_device(struct fixture *f, const char *name)
{
	if (f->org_id == 0)
		fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t id = make_device(f, tx, 0, name);
	assert_ok(tx_end(f, 0));
	return id;
}

static void put(struct fixture *f, struct store_conn *tx, int64_t id, int64_t at_ms, int64_t value)
{
	assert_ok(store_sample_put(tx, id, CPU, at_ms, value, &f->err));
}

/* "at/slots=value …" of the samples beyond after_ms. */
static const char *samples(struct fixture *f, int64_t id, int64_t after_ms, size_t limit)
{
	struct sample *rows;
	size_t n;
	char *text = arena_strdup(&f->arena, "");
	assert_ok(store_sample_list(reader(f), id, CPU, after_ms, limit, &f->arena, &rows, &n));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rows[i].at_ms % SLOT, 0);
		text = arena_printf(&f->arena, "%s%s%lld=%lld", text, i ? " " : "",
				    (long long)(rows[i].at_ms / SLOT), (long long)rows[i].value);
	}
	return text;
}

static void test_samples(struct fixture *f)
{
	int64_t id = new_device(f, "book"), other = new_device(f, "other");
	struct store_conn *tx = tx_begin(f);
	put(f, tx, id, 3 * SLOT + 5, 30);
	put(f, tx, id, SLOT, 10);
	put(f, tx, id, 2 * SLOT + 59, 20);
	put(f, tx, id, 3 * SLOT + 59000, 31); /* the same slot: one value */
	put(f, tx, other, 2 * SLOT, 99);
	assert_ok(store_sample_put(tx, id, "memory.free_bytes", SLOT, 1, &f->err));
	assert_err(INVALID, store_sample_put(tx, id, "mood", SLOT, 1, &f->err));
	assert_err(INVALID, store_sample_put(tx, id, CPU, 0, 1, &f->err));
	assert_err(NOT_FOUND, store_sample_put(tx, 99, CPU, SLOT, 1, &f->err));
	assert_ok(tx_end(f, 0));
	assert_string_equal(samples(f, id, 0, 100), "1=10 2=20 3=31");
	assert_string_equal(samples(f, id, 0, 2), "1=10 2=20");
	assert_string_equal(samples(f, id, SLOT, 100), "2=20 3=31");
	assert_string_equal(samples(f, id, 3 * SLOT, 100), "");
	assert_string_equal(samples(f, other, 0, 100), "2=99");
	assert_string_equal(samples(f, id, 0, 0), "");
}

static void prune(struct fixture *f, int64_t before_ms, size_t max, size_t n)
{
	size_t done = 77;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_sample_prune(tx, before_ms, max, &done));
	assert_ok(tx_end(f, 0));
	assert_int_equal(done, n);
}

static void test_prune(struct fixture *f)
{
	int64_t id = new_device(f, "book"), other = new_device(f, "other");
	struct store_conn *tx = tx_begin(f);
	for (int i = 1; i <= 5; i++) {
		put(f, tx, id, i * SLOT, i);
		put(f, tx, other, i * SLOT, i);
	}
	assert_ok(tx_end(f, 0));
	prune(f, 3 * SLOT, 0, 0);
	prune(f, 3 * SLOT, 3, 3); /* bounded, also among samples of the same time */
	prune(f, 3 * SLOT, 100, 1);
	prune(f, 3 * SLOT, 100, 0);
	assert_string_equal(samples(f, id, 0, 100), "3=3 4=4 5=5");
	assert_string_equal(samples(f, other, 0, 100), "3=3 4=4 5=5");
}

static void put_raw(struct fixture *f, int64_t id, const char *kind, const char *body, int result)
{
	struct store_conn *tx = tx_begin(f);
	int r = store_raw_report_put(tx, id, kind, span_str(body), f->by.now_ms, &f->err);
	assert_int_equal(r, result);
	assert_int_equal(tx_end(f, r), r);
}

static void test_raw_reports(struct fixture *f)
{
	struct raw_report got, *rows;
	size_t n;
	int64_t id = new_device(f, "book");
	put_raw(f, id, "status", "one", 0);
	put_raw(f, id, "status", "two!", 0);
	put_raw(f, id, "desktop", "three", 0);
	put_raw(f, 99, "status", "x", ERR_NOT_FOUND);
	put_raw(f, id, "", "x", ERR_INVALID);
	assert_ok(store_raw_report_get(reader(f), id, "status", &f->arena, &got, &f->err));
	assert_true(span_eq_str(got.body, "two!"));
	assert_int_equal(got.size, 4);
	assert_err(NOT_FOUND,
		   store_raw_report_get(reader(f), id, "user", &f->arena, &got, &f->err));
	assert_ok(store_raw_report_list(reader(f), id, &f->arena, &rows, &n));
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].kind, "desktop");
	assert_int_equal(rows[0].size, 5);
	assert_int_equal(rows[0].body.n, 0);
}

static void test_raw_bounds(struct fixture *f)
{
	struct raw_report got;
	int64_t id = new_device(f, "book");
	char kind[20];
	for (int i = 0; i < RAW_REPORT_KINDS_MAX; i++) {
		snprintf(kind, sizeof kind, "kind-%d", i);
		put_raw(f, id, kind, "x", 0);
	}
	put_raw(f, id, "another", "x", ERR_TOO_LARGE);
	put_raw(f, id, "kind-3", "again", 0);
	char *large = malloc(RAW_REPORT_MAX + 2);
	assert_non_null(large);
	memset(large, 'x', RAW_REPORT_MAX + 1);
	large[RAW_REPORT_MAX + 1] = '\0';
	put_raw(f, id, "kind-3", large, 0);
	assert_ok(store_raw_report_get(reader(f), id, "kind-3", &f->arena, &got, &f->err));
	assert_int_equal(got.size, RAW_REPORT_MAX + 1);
	assert_int_equal(got.body.n, 0); /* not the one before, either */
	put_raw(f, id, "kind-3", large + 1, 0);
	assert_ok(store_raw_report_get(reader(f), id, "kind-3", &f->arena, &got, &f->err));
	assert_int_equal(got.body.n, RAW_REPORT_MAX);
	free(large);
}

/* What hangs on a device goes with it. */
static void test_deleted(struct fixture *f)
{
	struct raw_report *rows;
	size_t n;
	int64_t id = new_device(f, "book"), other = new_device(f, "other");
	put_raw(f, id, "status", "x", 0);
	put_raw(f, other, "status", "x", 0);
	struct store_conn *tx = tx_begin(f);
	put(f, tx, id, SLOT, 1);
	put(f, tx, other, SLOT, 2);
	assert_ok(store_device_delete(tx, &f->by, id, 0, &f->err));
	assert_ok(tx_end(f, 0));
	assert_string_equal(samples(f, id, 0, 100), "");
	assert_string_equal(samples(f, other, 0, 100), "1=2");
	assert_ok(store_raw_report_list(reader(f), id, &f->arena, &rows, &n));
	assert_int_equal(n, 0);
	AUTO_JSON findings = json_array();
	assert_ok(store_check(f->store, findings));
	assert_int_equal(json_array_size(findings), 0);
}

static void put_upload(struct fixture *f, struct store_conn *tx, int64_t command_id, int n)
{
	char name[STORE_UPLOAD_NAME_SIZE];
	struct file file = {
		.org_id = f->org_id,
		.kind = STORE_FILE_UPLOAD,
		.name = name,
		.sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	store_upload_name(command_id, n, name);
	assert_ok(store_file_put(tx, &f->by, &file, &f->err));
}

/* What a device sent for its commands too; not what another one sent. */
static void test_uploads_deleted(struct fixture *f)
{
	const struct enrollment e = { .kind = KIND_CHROMEOS, .channel = CHANNEL_CHROME };
	struct device d;
	struct command c;
	struct file *rows, got;
	size_t n;
	fixture_organization(f);
	struct enrollment here = e;
	here.org_id = f->org_id;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_device_enroll(tx, &f->by, &here, &f->arena, &d, &f->err));
	assert_ok(store_command_create(
		tx, &f->by, &(struct command_new){ .device_id = d.id, .type = "screenshot" },
		&f->arena, &c, &f->err));
	put_upload(f, tx, c.id, 0);
	put_upload(f, tx, c.id, 1);
	put_upload(f, tx, c.id + 1, 0);
	assert_ok(store_file_find(tx, f->org_id, STORE_FILE_UPLOAD, "command-1-1", &f->arena, &got,
				  &f->err));
	assert_err(NOT_FOUND,
		   store_file_find(tx, f->org_id, "file", "command-1-1", &f->arena, &got, &f->err));
	assert_ok(store_device_delete(tx, &f->by, d.id, 0, &f->err));
	assert_ok(store_file_list(tx, f->org_id, NULL, &f->arena, &rows, &n));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].name, "command-2-0");
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_samples),    TEST(test_prune),   TEST(test_raw_reports),
		TEST(test_raw_bounds), TEST(test_deleted), TEST(test_uploads_deleted),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
