/* SPDX-License-Identifier: Apache-2.0
 *
 * keys, last contacts and organizations' configuration on a real store: what exists after a first
 * start, what a second one leaves alone, files and their modes, hostile PEM and names.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "server/keys.h"
#include "server/org-config.h"
#include "server/seen.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

static char folder[] = "/tmp/reeve-keys-XXXXXX";
static struct store *store;
static struct keyring *ring;
static struct arena arena;
static int64_t org_id;

struct make {
	struct store_write write;
	const char *name, *config;
	int64_t org_id, device_id;
};

static int make_org(struct store_conn *tx, struct store_write *w)
{
	struct make *m = CONTAINER_OF(w, struct make, write);
	struct change by = { "test", 1000 };
	struct organization o;
	int r = store_organization_create(tx, &by, m->name, "", &arena, &o, &w->err);
	m->org_id = o.id;
	return r;
}

static int configure_org(struct store_conn *tx, struct store_write *w)
{
	struct make *m = CONTAINER_OF(w, struct make, write);
	struct change by = { "test", 1000 };
	struct organization o;
	int r = store_organization_get(tx, m->org_id, &arena, &o, &w->err);
	o.config_json = m->config;
	return r ? r : store_organization_update(tx, &by, &o, 0, &w->err);
}

static int make_device(struct store_conn *tx, struct store_write *w)
{
	struct make *m = CONTAINER_OF(w, struct make, write);
	struct change by = { "test", 1000 };
	struct enrollment e = { .org_id = m->org_id, .channel = CHANNEL_DEVICE, .name = m->name };
	struct device d;
	int r = store_device_enroll(tx, &by, &e, &arena, &d, &w->err);
	m->device_id = d.id;
	return r;
}

enum { MANY = 600 }; /* more than are written at once */

static int make_many(struct store_conn *tx, struct store_write *w)
{
	int r = 0;
	for (int i = 0; i < MANY && r == 0; i++)
		r = make_device(tx, w);
	return r;
}

static void run(struct make *m, int (*apply)(struct store_conn *tx, struct store_write *w))
{
	m->write = (struct store_write){ .apply = apply };
	if (store_write_wait(store, &m->write) != 0)
		fail_msg("%s", m->write.err.message);
}

static int setup(void **state)
{
	char path[64];
	struct error err;
	struct make m = { .name = "default" };
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/store", folder);
	struct store_options o = { .backend = "sqlite", .path = path };
	if (store_open(&o, &store, &err) != 0 || keyring_new(folder, &ring) != 0)
		return -1;
	arena_init(&arena);
	run(&m, make_org);
	org_id = m.org_id;
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	store_close(store);
	keyring_free(ring);
	keyring_free(NULL);
	arena_fini(&arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

/* ---- keys ---- */

static struct signing_key current(int64_t org, const char *purpose)
{
	struct signing_key k;
	struct error err;
	assert_int_equal(
		store_signing_key_current(store_reader(store), org, purpose, &arena, &k, &err), 0);
	return k;
}

static void test_ensure(void **state)
{
	assert_false(keyring_ready(ring));
	assert_int_equal(keyring_ensure(ring, store, 5), 0);
	assert_true(keyring_ready(ring));
	static const char *const purposes[] = { KEY_VERIFICATION, KEY_TOKEN, KEY_POLICY };
	for (size_t i = 0; i < ARRAY_SIZE(purposes); i++) {
		struct signing_key k = current(i == 2 ? org_id : 0, purposes[i]);
		struct stat st;
		char *path = arena_printf(&arena, "%s/keys/%s", folder, k.private_file);
		assert_int_equal(k.version, 1);
		assert_non_null(strstr(k.public_pem, "BEGIN PUBLIC KEY"));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	struct signing_key before = current(org_id, KEY_POLICY);
	assert_int_equal(keyring_ensure(ring, store, 6), 0);
	assert_string_equal(current(org_id, KEY_POLICY).private_file, before.private_file);
}

static void test_export_import(void **state)
{
	struct signing_key k, again;
	struct error err;
	CLEANUP(buf_fini) struct buf pem;
	buf_init(&pem, 1 << 16);
	assert_int_equal(keyring_generate(ring, org_id, KEY_POLICY, 9, &arena, &k), 0);
	assert_int_equal(keyring_export(ring, &k, &pem, &err), 0);
	assert_non_null(strstr(buf_str(&pem), "BEGIN PRIVATE KEY"));
	assert_int_equal(
		keyring_import(ring, org_id, KEY_POLICY, buf_str(&pem), 10, &arena, &again, &err),
		0);
	assert_string_equal(again.public_pem, k.public_pem);
	assert_string_not_equal(again.private_file, k.private_file);
	keyring_discard(ring, &k);
	buf_reset(&pem);
	assert_int_equal(keyring_export(ring, &k, &pem, &err), ERR_NOT_FOUND);
	assert_int_equal(keyring_export(ring, &again, &pem, &err), 0);
	keyring_discard(ring, &again);
	keyring_discard(ring, &again); /* once more is no harm */
}

static void test_hostile_pem(void **state)
{
	static const char *const pems[] = {
		"",
		"nonsense",
		"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
		/* a key on the curve P-256 */
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6ma9+S/fzS0OySgJ\n"
		"HnA0nLoyCCr7fBRzYYmQrrBcLp6hRANCAASmoiIhIc47mwOStrHz5L6xxv5hpoXN\n"
		"NVNpqbVgnuQ9cxRiHZVVVxPFrCyjUIpqf0nJ0dNIDROJpxzPBVzVnqTv\n"
		"-----END PRIVATE KEY-----\n",
		/* under a password: must neither ask nor be taken */
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
		"-----END RSA PRIVATE KEY-----\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(pems); i++) {
		struct signing_key k;
		struct error err;
		assert_int_equal(keyring_import(ring, 0, KEY_TOKEN, pems[i], 1, &arena, &k, &err),
				 ERR_INVALID);
	}
}

/* A restored backup may hold any name. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = {
		"", "../store", "/etc/passwd", ".", "..", "a/b", NULL
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct signing_key k = { .private_file = names[i] };
		struct error err;
		CLEANUP(buf_fini) struct buf pem;
		buf_init(&pem, 1 << 16);
		assert_int_equal(keyring_export(ring, &k, &pem, &err), ERR_NOT_FOUND);
		keyring_discard(ring, &k);
	}
	char path[64];
	snprintf(path, sizeof path, "%s/store", folder);
	assert_int_equal(access(path, R_OK), 0);
}

static void test_stop(void **state)
{
	struct make m = { .name = "second" };
	struct keyring *other = NULL;
	run(&m, make_org);
	assert_int_equal(keyring_new(folder, &other), 0);
	keyring_stop(other);
	assert_true(keyring_ensure(other, store, 1) < 0);
	assert_false(keyring_ready(other));
	keyring_free(other);
	assert_int_equal(keyring_ensure(ring, store, 1), 0);
	assert_int_equal(current(m.org_id, KEY_POLICY).version, 1);
}

/* ---- last contacts ---- */

static int64_t last_seen(int64_t device_id)
{
	struct device d;
	struct error err;
	assert_int_equal(store_device_get(store_reader(store), device_id, &arena, &d, &err), 0);
	return d.last_seen_ms;
}

static void test_seen(void **state)
{
	struct make m = { .org_id = org_id, .name = "d" };
	run(&m, make_device);
	struct seen *s = seen_new();
	uint64_t generation = store_generation(store);
	assert_int_equal(seen_flush(s, store), 0); /* nothing: no write */
	seen_device(s, m.device_id, 5000);
	seen_device(s, m.device_id, 7000);
	seen_device(s, 999999, 7000); /* deleted meanwhile */
	seen_api_token(s, 999999, 7000);
	assert_int_not_equal(last_seen(m.device_id), 7000);
	assert_int_equal(seen_flush(s, store), 0);
	assert_int_equal(last_seen(m.device_id), 7000);
	assert_int_equal(store_generation(store), generation); /* caches stay good */
	run(&m, make_many);
	for (int64_t i = 0; i < MANY; i++)
		seen_device(s, m.device_id - i, 8000 + i);
	assert_int_equal(seen_flush(s, store), 0);
	for (int64_t i = 0; i < MANY; i++)
		assert_int_equal(last_seen(m.device_id - i), 8000 + i);
	for (int64_t i = 1; i <= 70000; i++)
		seen_device(s, 1000000 + i, 1);
	assert_int_equal(seen_n_dropped(s), 70000 - 65536);
	seen_free(s);
	seen_free(NULL);
}

/* ---- organizations' configuration ---- */

static void test_org_config(void **state)
{
	struct config *c = NULL;
	struct error err;
	struct org_config oc;
	struct org_configs *o = org_configs_new();
	char *argv[] = { (char *)"reeved" };
	assert_int_equal(config_load(1, argv, &c, &err), 0);
	assert_true(org_config_get(o, store, c, org_id, &oc));
	assert_int_equal(oc.poll_interval_ms, 900000);
	assert_false(org_config_get(o, store, c, 424242, &oc));
	assert_int_equal(oc.poll_interval_ms, 900000);
	assert_int_equal(org_config_mdmcore(o, store, c), 0);
	struct make m = { .name = "third" };
	run(&m, make_org);
	m.config = "{\"mdmcore.open_enrollment\":true,\"poll.interval\":\"1m\"}";
	run(&m, configure_org);
	assert_int_equal(org_config_mdmcore(o, store, c), m.org_id); /* seen at once */
	assert_true(org_config_get(o, store, c, m.org_id, &oc));
	assert_int_equal(oc.poll_interval_ms, 60000);
	assert_int_equal(oc.poll_jitter, 20);
	c->mdmcore_open_enrollment = true;
	uint64_t epoch = org_configs_epoch(o);
	org_configs_invalidate(o);
	assert_true(org_configs_epoch(o) > epoch);
	assert_int_equal(org_config_mdmcore(o, store, c), org_id); /* the first that has it on */
	m.org_id = org_id;
	m.config = "{\"mdmcore.open_enrollment\":false}";
	run(&m, configure_org);
	assert_int_not_equal(org_config_mdmcore(o, store, c), org_id);
	org_configs_free(o);
	org_configs_free(NULL);
	config_free(c);
}

static void test_org_chrome(void **state)
{
	static const struct {
		const char *config, *domain, *identity;
		bool deletes_token;
		int64_t freshness_ms;
	} cases[] = {
		{ "{}", "reeve.local", "reeve@reeve.local", true, 300000 },
		{ "{\"chrome.domain\":\"Example.ORG\"}", "example.org", "reeve@example.org", true,
		  300000 },
		{ "{\"chrome.service_account_identity\":\"\"}", "reeve.local", "", true, 300000 },
		{ "{\"chrome.service_account_identity\":\"robot@x.test\","
		  "\"chrome.unenroll\":\"invalidate_token\",\"chrome.signature_freshness\":0}",
		  "reeve.local", "robot@x.test", false, 0 },
	};
	struct config *c = NULL;
	struct error err;
	struct org_config oc;
	struct org_configs *o = org_configs_new();
	struct make m = { .name = "chrome" };
	char *argv[] = { (char *)"reeved" };
	assert_int_equal(config_load(1, argv, &c, &err), 0);
	run(&m, make_org);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		m.config = cases[i].config;
		run(&m, configure_org);
		assert_true(org_config_get(o, store, c, m.org_id, &oc));
		assert_string_equal(oc.chrome_domain, cases[i].domain);
		assert_string_equal(oc.chrome_identity, cases[i].identity);
		assert_int_equal(oc.chrome_delete_token, cases[i].deletes_token);
		assert_int_equal(oc.chrome_signature_freshness_ms, cases[i].freshness_ms);
	}
	m.config = cases[1].config;
	run(&m, configure_org);
	assert_int_equal(org_config_by_domain(o, store, c, "EXAMPLE.org"), m.org_id);
	assert_int_equal(org_config_by_domain(o, store, c, "example.net"), 0);
	org_configs_free(o);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ensure),      cmocka_unit_test(test_export_import),
		cmocka_unit_test(test_hostile_pem), cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_stop),        cmocka_unit_test(test_seen),
		cmocka_unit_test(test_org_config),  cmocka_unit_test(test_org_chrome),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
