/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: whole requests against a store in memory, with the test standing in for the endpoint and for HTTP.
 * What comes back is read like a client reads it.
 */
#include "base/macros.h"
#include "channel/chrome/policy/policy.h"
#include "channel/chrome/policy/stamp.h"
#include "model/version.h"
#include "server/keys.h"
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#define NOW        INT64_C(1764000000500)
#define USER       "google/chrome/machine-level-user"
#define EXTENSIONS "google/chrome/machine-level-extension"
#define EXT_ID     "abcdefghijklmnopabcdefghijklmnop"

static char folder[32];
static struct arena arena;
static struct chrome chrome;
static struct server server;
static struct error err;
static struct device device, other;
static const Dm__DevicePolicyResponse *got; /* the last answer */
static int failed;                          /* or its status */
static int64_t applied, freshness_ms, restarts;
static size_t n_state_keys, n_writes;
static const char *host;
static enum kind device_kind = KIND_BROWSER; /* of the devices that setup() makes */

/* ---- stand-ins ---- */

uint64_t server_generation(const struct server *s)
{
	return store_generation(s->store) + (uint64_t)restarts;
}

const char *http_header(struct http_request *req, const char *name)
{
	return strcmp(name, "Host") == 0 ? host : NULL;
}

bool http_server_tls(const struct http_server *s)
{
	return false;
}

void chrome_config(struct server *s, int64_t org_id, struct arena *a, struct chrome_config *ret)
{
	*ret = (struct chrome_config){ .domain = "d.org",
				       .service_account_identity = "reeve@d.org",
				       .signature_freshness_ms = freshness_ms };
}

void chrome_reply(struct chrome_request *r, const Dm__DeviceManagementResponse *answer)
{
	struct span bytes = chrome_pack(&arena, &answer->base);
	ProtobufCAllocator alloc = chrome_allocator(&arena);
	const Dm__DeviceManagementResponse *again =
		dm__device_management_response__unpack(&alloc, bytes.n, bytes.p);
	assert_non_null(again);
	got = again->policy_response;
}

void chrome_fail(struct chrome_request *r, int status, const char *message)
{
	failed = status;
}

void chrome_fail_result(struct chrome_request *r, int result, const struct error *e)
{
	failed = err_http_status((enum err)result);
}

struct chrome_op *chrome_op(struct chrome_request *r,
			    int (*apply)(struct store_conn *tx, struct op *op), void *arg)
{
	struct chrome_op *x = arena_new(&arena, struct chrome_op);
	x->r = r;
	x->op = (struct op){ .apply = apply, .arg = arg, .server = &server, .arena = &arena };
	return x;
}

static struct chrome_op *submitted;

static int apply_submitted(struct store_conn *tx, struct store_write *w)
{
	return submitted->op.apply(tx, &submitted->op);
}

void chrome_submit(struct chrome_op *x)
{
	struct store_write w = { .apply = apply_submitted };
	submitted = x;
	n_writes++;
	assert_int_equal(store_write_wait(server.store, &w), 0);
	x->op.committed(&x->op);
	chrome_reply(x->r, &x->answer);
}

int chrome_device_again(struct store_conn *tx, struct chrome_op *op, struct device *ret)
{
	return store_device_get(tx, op->r->device.id, &arena, ret, &op->op.err);
}

int chrome_state_keys_put(struct store_conn *tx, int64_t device_id, size_t n,
			  const ProtobufCBinaryData *keys, int64_t now_ms, struct error *e)
{
	n_state_keys = n;
	return 0;
}

int chrome_observed_applied(struct store_conn *tx, const struct device *d, int64_t version,
			    int64_t now_ms, struct error *e)
{
	enum verdict verdict;
	AUTO_JSON observed = json_object();
	int64_t desired;
	applied = version;
	return store_report(tx, d->id, version, observed, "", now_ms, &verdict, &desired, e);
}

/* ---- the store ---- */

struct make {
	struct store_write write;
	const char *name, *value;
	struct device *device;
	struct signing_key *key;
};

static const struct change by = { "test", NOW - 10000 };

static int make_all(struct store_conn *tx, struct store_write *w)
{
	struct organization o;
	struct device *const devices[] = { &device, &other };
	int r = store_organization_create(tx, &by, "default", "", &arena, &o, &w->err);
	for (size_t i = 0; i < 2 && r == 0; i++) {
		const struct enrollment e = { .org_id = o.id,
					      .channel = CHANNEL_CHROME,
					      .kind = device_kind,
					      .name = i ? "other" : "pc",
					      .external_id = i ? "dev2" : "dev1" };
		r = store_device_enroll(tx, &by, &e, &arena, devices[i], &w->err);
	}
	return r;
}

static int make_setting(struct store_conn *tx, struct store_write *w)
{
	const struct make *m = CONTAINER_OF(w, struct make, write);
	AUTO_JSON value = json_loads(m->value, JSON_DECODE_ANY, NULL);
	bool changed;
	return store_setting_set(tx, &by, SCOPE_DEVICE, m->device->id, m->name, "mandatory", value,
				 false, &changed, &w->err);
}

static int make_attribute(struct store_conn *tx, struct store_write *w)
{
	const struct make *m = CONTAINER_OF(w, struct make, write);
	return store_attribute_set(tx, m->device->id, m->name, m->value, NOW, &w->err);
}

static int make_key(struct store_conn *tx, struct store_write *w)
{
	return store_signing_key_add(tx, &by, CONTAINER_OF(w, struct make, write)->key, &w->err);
}

static void run(int (*apply)(struct store_conn *tx, struct store_write *w), struct make m)
{
	m.write.apply = apply;
	if (store_write_wait(server.store, &m.write) != 0)
		fail_msg("%s", m.write.err.message);
}

static void set(struct device *d, const char *name, const char *value)
{
	run(make_setting, (struct make){ .device = d, .name = name, .value = value });
}

static void rotate(int64_t org_id, const char *purpose)
{
	struct signing_key k;
	assert_int_equal(keyring_generate(server.keys, org_id, purpose, 5, &arena, &k), 0);
	run(make_key, (struct make){ .key = &k });
}

static int setup(void **state)
{
	const struct store_options o = { .backend = "memory" };
	arena_init(&arena);
	chrome = (struct chrome){ .keys = chrome_keys_new(), .answers = chrome_answers_new() };
	server = (struct server){ .chrome = &chrome };
	snprintf(folder, sizeof folder, "/tmp/reeve-policy-XXXXXX");
	if (!mkdtemp(folder) || store_open(&o, &server.store, &err) != 0 ||
	    keyring_new(folder, &server.keys) != 0)
		return -1;
	run(make_all, (struct make){ 0 });
	rotate(device.org_id, KEY_POLICY);
	rotate(0, KEY_VERIFICATION);
	host = "127.0.0.1:8081";
	freshness_ms = 300000;
	applied = 0;
	n_writes = n_state_keys = 0;
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	chrome_keys_free(chrome.keys);
	chrome_answers_free(chrome.answers);
	store_close(server.store);
	keyring_free(server.keys);
	arena_fini(&arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

/* What is in memory is gone, the store is not. */
static void restart(void)
{
	chrome_answers_free(chrome.answers);
	chrome.answers = chrome_answers_new();
	restarts++;
}

/* ---- asking ---- */

struct ask { /* one part of a request */
	const char *type, *entity_id;
	int signature;
	bool has_key;
	int32_t key_version;
	int64_t timestamp;
};

#define SHA256(type)                                                                               \
	{                                                                                          \
		(type), NULL, 2, false, 0, 0                                                       \
	}
#define SHA256_AT(type, t)                                                                         \
	{                                                                                          \
		(type), NULL, 2, true, 1, (t)                                                      \
	}

static struct chrome_request request(int64_t now_ms)
{
	struct chrome_request r = {
		.server = &server,
		.arena = &arena,
		.now_ms = now_ms,
		.device_id = "dev1",
		.agent = "Chromium 156.0.8078.79(x)",
		.token = "token1",
	};
	assert_int_equal(
		store_device_get(store_reader(server.store), device.id, &arena, &r.device, &err),
		0);
	return r;
}

static Dm__PolicyFetchRequest *part(const struct ask *a)
{
	Dm__PolicyFetchRequest *m = arena_new(&arena, Dm__PolicyFetchRequest);
	dm__policy_fetch_request__init(m);
	m->policy_type = (char *)a->type;
	m->settings_entity_id = (char *)a->entity_id;
	m->has_signature_type = true;
	m->signature_type = (Dm__PolicyFetchRequest__SignatureType)a->signature;
	m->has_public_key_version = a->has_key;
	m->public_key_version = a->key_version;
	m->has_timestamp = a->timestamp != 0;
	m->timestamp = a->timestamp;
	return m;
}

static void ask_with(struct chrome_request *r, const struct ask *parts, size_t n,
		     Dm__DeviceStateKeyUpdateRequest *state_keys)
{
	Dm__DevicePolicyRequest m = DM__DEVICE_POLICY_REQUEST__INIT;
	Dm__DeviceManagementRequest body = DM__DEVICE_MANAGEMENT_REQUEST__INIT;
	m.requests = arena_new_n(&arena, Dm__PolicyFetchRequest *, n);
	for (size_t i = 0; i < n; i++)
		m.requests[m.n_requests++] = part(&parts[i]);
	body.policy_request = &m;
	body.device_state_key_update_request = state_keys;
	r->body = &body;
	got = NULL;
	failed = 0;
	chrome_policy(r);
}

static void ask_many(int64_t now_ms, const struct ask *parts, size_t n)
{
	struct chrome_request r = request(now_ms);
	ask_with(&r, parts, n, NULL);
	assert_non_null(got);
}

static const Dm__PolicyFetchResponse *ask(int64_t now_ms, struct ask one)
{
	ask_many(now_ms, &one, 1);
	assert_int_equal(got->n_responses, 1);
	return got->responses[0];
}

/* ---- reading ---- */

static const Dm__PolicyData *data_of(const Dm__PolicyFetchResponse *p)
{
	ProtobufCAllocator alloc = chrome_allocator(&arena);
	assert_true(p->has_policy_data && !p->has_error_code);
	const Dm__PolicyData *d =
		dm__policy_data__unpack(&alloc, p->policy_data.len, p->policy_data.data);
	assert_non_null(d);
	return d;
}

static int64_t stamp_of(const Dm__PolicyFetchResponse *p)
{
	return data_of(p)->timestamp;
}

static bool same(const Dm__PolicyFetchResponse *a, const Dm__PolicyFetchResponse *b)
{
	return a->policy_data.len == b->policy_data.len &&
	       memcmp(a->policy_data.data, b->policy_data.data, a->policy_data.len) == 0 &&
	       memcmp(a->policy_data_signature.data, b->policy_data_signature.data, 256) == 0;
}

static void check_signature(const Dm__PolicyFetchResponse *p, const EVP_MD *md)
{
	const struct chrome_key *k;
	assert_int_equal(chrome_key_get(&server, device.org_id, KEY_POLICY,
					data_of(p)->public_key_version, &k, &err),
			 0);
	const unsigned char *der = chrome_key_spki(k).p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &der, (long)chrome_key_spki(k).n);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(c, NULL, md, NULL, pkey), 1);
	assert_int_equal(EVP_DigestVerify(c, p->policy_data_signature.data,
					  p->policy_data_signature.len, p->policy_data.data,
					  p->policy_data.len),
			 1);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(pkey);
}

/* ---- tests ---- */

static void test_browser(void **state)
{
	static const struct ask both[] = { SHA256(EXTENSIONS), SHA256(USER) };
	set(&device, "chrome.HomepageLocation", "\"h\"");
	ask_many(NOW, both, 2);
	assert_int_equal(got->n_responses, 1); /* no extension has policies */
	const Dm__PolicyFetchResponse *p = got->responses[0];
	const Dm__PolicyData *d = data_of(p);
	check_signature(p, EVP_sha256());
	assert_int_equal(p->policy_data_signature_type, 2);
	assert_true(p->has_new_public_key && !p->has_new_public_key_signature);
	assert_true(p->has_new_public_key_verification_data);
	assert_string_equal(d->policy_type, USER);
	assert_string_equal(d->request_token, "token1");
	assert_string_equal(d->username, "policy@d.org");
	assert_string_equal(d->device_id, "dev1");
	assert_string_equal(d->machine_name, "pc");
	assert_string_equal(d->service_account_identity, "reeve@d.org");
	assert_string_equal(d->managed_by, "d.org");
	assert_int_equal(d->public_key_version, 1);
	assert_null(d->settings_entity_id);
	assert_null(d->device_state);
	assert_memory_equal(d->policy_value.data, "\x1a\x03\x12\x01h", 5);
	int64_t version, stamp;
	assert_true(chrome_policy_token_parse(d->policy_token, &version, &stamp));
	assert_int_equal(version, 2);
	assert_int_equal(stamp, d->timestamp);
	assert_int_equal(n_writes, 0);
}

static void test_old_client(void **state)
{
	struct chrome_request r = request(NOW);
	static const struct ask one = { "google/chromeos/user", NULL, 1, false, 0, 0 };
	set(&device, "chrome.AIModeSettings", "1");
	r.agent = "Google Chrome 48.0.2564.116(x)";
	ask_with(&r, &one, 1, NULL);
	assert_int_equal(got->n_responses, 1);
	check_signature(got->responses[0], EVP_sha1());
	assert_memory_equal(data_of(got->responses[0])->policy_value.data, "\xca\x55\x02\x10\x01",
			    5);
}

static void test_unsigned(void **state)
{
	const Dm__PolicyFetchResponse *p = ask(NOW, (struct ask){ USER, NULL, 0, false, 0, 0 });
	assert_false(p->has_policy_data_signature || p->has_policy_data_signature_type);
	assert_false(p->has_new_public_key);
	assert_false(data_of(p)->has_public_key_version);
}

/* The same signature while it is fresh, and whatever happens elsewhere. */
static void test_kept(void **state)
{
	const Dm__PolicyFetchResponse *first = ask(NOW, (struct ask)SHA256(USER));
	assert_true(same(first, ask(NOW + 1000, (struct ask)SHA256(USER))));
	set(&other, "chrome.ShowHomeButton", "true");
	assert_true(same(first, ask(NOW + 2000, (struct ask)SHA256(USER))));
	assert_true(same(first, ask(NOW + 3000, (struct ask)SHA256_AT(USER, stamp_of(first)))));
	const Dm__PolicyFetchResponse *later = ask(NOW + 300001, (struct ask)SHA256(USER));
	assert_false(same(first, later));
	assert_true(stamp_of(later) > stamp_of(first));
	check_signature(later, EVP_sha256());
}

static void test_kept_until_it_changes(void **state)
{
	const Dm__PolicyFetchResponse *a = ask(NOW, (struct ask)SHA256(USER));
	set(&device, "chrome.ShowHomeButton", "true");
	const Dm__PolicyFetchResponse *b = ask(NOW, (struct ask)SHA256(USER));
	assert_false(same(a, b));
	assert_int_equal(data_of(b)->policy_value.len, 5);
	run(make_attribute, (struct make){ .device = &device, .name = "asset_id", .value = "A7" });
	chrome_answers_forget(chrome.answers, device.id);
	const Dm__PolicyFetchResponse *c = ask(NOW, (struct ask)SHA256(USER));
	assert_string_equal(data_of(c)->annotated_asset_id, "A7");
	rotate(device.org_id, KEY_POLICY);
	const Dm__PolicyFetchResponse *d = ask(NOW, (struct ask)SHA256_AT(USER, stamp_of(c)));
	assert_int_equal(data_of(d)->public_key_version, 2);
	assert_true(d->has_new_public_key_signature);
	check_signature(d, EVP_sha256());
}

static void test_never_kept(void **state)
{
	freshness_ms = 0;
	const Dm__PolicyFetchResponse *a = ask(NOW, (struct ask)SHA256(USER));
	const Dm__PolicyFetchResponse *b = ask(NOW + 1000, (struct ask)SHA256(USER));
	assert_int_equal(stamp_of(b), stamp_of(a) + 1000);
	assert_false(same(b, ask(NOW + 1000, (struct ask)SHA256(USER)))); /* the token tells */
	check_signature(b, EVP_sha256());
}

/* Clocks that go back, clients that know more than we do, and both after a restart. */
static void test_time(void **state)
{
	static const int64_t clocks[] = { NOW, NOW - 5000, 0, -1, NOW + 86400000, NOW };
	int64_t last = 0;
	freshness_ms = 0;
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t stamp = stamp_of(ask(clocks[i], (struct ask)SHA256(USER)));
		assert_true(stamp >= last);
		last = stamp;
	}
	restart();
	assert_true(stamp_of(ask(1, (struct ask)SHA256_AT(USER, last))) >= last);
	freshness_ms = 300000;
	int64_t future = NOW + INT64_C(1000000000);
	assert_true(stamp_of(ask(NOW, (struct ask)SHA256_AT(USER, future))) >= future);
	restart();
	assert_true(stamp_of(ask(1, (struct ask)SHA256(USER))) >= by.now_ms); /* enrolled then */
}

static void test_applied(void **state)
{
	set(&device, "chrome.ShowHomeButton", "true"); /* version 2 */
	int64_t stamp = stamp_of(ask(NOW, (struct ask)SHA256(USER)));
	assert_int_equal(n_writes, 0);
	(void)ask(NOW, (struct ask)SHA256_AT(USER, stamp));
	assert_int_equal(n_writes, 1);
	assert_int_equal(applied, 2);
	(void)ask(NOW, (struct ask)SHA256_AT(USER, stamp)); /* no news */
	assert_int_equal(n_writes, 1);
	set(&device, "chrome.ShowHomeButton", "false");
	int64_t newer = stamp_of(ask(NOW, (struct ask)SHA256_AT(USER, stamp)));
	assert_int_equal(n_writes, 1); /* it still has version 2 */
	restart();
	(void)ask(NOW, (struct ask)SHA256_AT(USER, newer));
	assert_int_equal(applied, 3);
	(void)ask(NOW, (struct ask)SHA256_AT(USER, by.now_ms - 1)); /* of an earlier enrollment */
	assert_int_equal(applied, 3);
	assert_int_equal(n_writes, 2);
}

static void test_state_keys(void **state)
{
	ProtobufCBinaryData key = { 1, (uint8_t *)"k" };
	Dm__DeviceStateKeyUpdateRequest m = DM__DEVICE_STATE_KEY_UPDATE_REQUEST__INIT;
	struct chrome_request r = request(NOW);
	static const struct ask one = SHA256(USER);
	m.n_server_backed_state_keys = 1;
	m.server_backed_state_keys = &key;
	ask_with(&r, &one, 1, &m);
	assert_int_equal(n_state_keys, 1);
	assert_int_equal(got->n_responses, 1);
}

/* Each part is refused on its own. */
static void test_refusals(void **state)
{
	static const struct {
		struct ask ask;
		int32_t code;
	} cases[] = {
		{ SHA256("google/later"), 400 },
		{ SHA256(""), 400 },
		{ { NULL, NULL, 2, false, 0, 0 }, 400 },
		{ { USER, NULL, 3, false, 0, 0 }, 400 },
		{ { USER, NULL, -1, false, 0, 0 }, 400 },
		{ SHA256("google/chromeos/device"), 902 }, /* a browser */
		{ SHA256("google/chromeos/publicaccount"), 902 },
		{ { "google/chromeos/publicaccount", "nobody", 2, false, 0, 0 }, 902 },
		{ SHA256("google/machine-level-omaha"), 902 },
		{ SHA256(EXTENSIONS), 902 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ask parts[] = { cases[i].ask, SHA256(USER) };
		const Dm__PolicyFetchResponse *p = ask(NOW, cases[i].ask);
		assert_int_equal(p->error_code, cases[i].code);
		assert_false(p->has_policy_data);
		ask_many(NOW, parts, 2);
		(void)data_of(got->responses[got->n_responses - 1]);
	}
}

static void test_bad_requests(void **state)
{
	struct chrome_request r = request(NOW);
	static struct ask many[33];
	ask_with(&r, many, 0, NULL);
	assert_int_equal(failed, 400);
	ask_with(&r, many, 33, NULL);
	assert_int_equal(failed, 400);
}

static void test_extensions(void **state)
{
	static const struct ask all = SHA256(EXTENSIONS),
				one = { EXTENSIONS, EXT_ID, 2, false, 0, 0 };
	set(&device, "chrome_extensions.policies",
	    "{\"" EXT_ID "\":{\"a\":1},\"ponmlkjihgfedcbaponmlkjihgfedcba\":{}}");
	ask_many(NOW, &all, 1);
	assert_int_equal(got->n_responses, 2);
	const Dm__PolicyData *d = data_of(got->responses[0]);
	assert_string_equal(d->settings_entity_id, EXT_ID);
	const Dm__ExternalPolicyData *e =
		dm__external_policy_data__unpack(NULL, d->policy_value.len, d->policy_value.data);
	assert_non_null(strstr(e->download_url, "http://127.0.0.1:8081/devicemanagement/data/"));
	assert_int_equal(e->secure_hash.len, 32);
	dm__external_policy_data__free_unpacked((Dm__ExternalPolicyData *)e, NULL);
	ask_many(NOW, &one, 1);
	assert_int_equal(got->n_responses, 1);
	host = "bad host";
	assert_int_equal(ask(NOW, all)->error_code, 400);
}

static void test_accounts(void **state)
{
	static const struct ask one = { "Google/ChromeOS/PublicAccount", "p@x", 2, false, 0, 0 };
	set(&device, "chromeos.accounts", "[{\"account\":\"p@x\",\"type\":\"public_session\"}]");
	set(&device, "chrome.ShowHomeButton", "true");
	const Dm__PolicyData *d = data_of(ask(NOW, one));
	assert_int_equal(ask(NOW, (struct ask)SHA256(one.type))->error_code, 400);
	assert_int_equal(ask(NOW, (struct ask){ one.type, "q@x", 2, false, 0, 0 })->error_code,
			 902);
	assert_string_equal(d->policy_type, one.type);
	assert_string_equal(d->settings_entity_id, "p@x");
	assert_int_equal(d->policy_value.len, 5);
}

static void test_device_settings(void **state)
{
	set(&device, "chromeos.guest_mode", "false");
	set(&device, "chromeos.disabled", "true");
	set(&device, "chromeos.disabled_message", "\"lost\"");
	set(&device, "chromeos.invalidation_source", "1004");
	static const struct ask one = SHA256("google/chromeos/device");
	for (int i = 0; i < 2; i++) { /* the second time from the kept answer's facts */
		const Dm__PolicyData *d = data_of(ask(NOW + i * 300001, one));
		assert_memory_equal(d->policy_value.data, "\x1a\x02\x08\x00", 4);
		assert_int_equal(d->device_state->device_mode, 1);
		assert_string_equal(d->device_state->disabled_state->message, "lost");
		assert_int_equal(d->invalidation_source, 1004);
		assert_true(d->valid_serial_number_missing);
		set(&other, "chrome.ShowHomeButton", i ? "true" : "false");
	}
}

/* Google's updater asks once for what the machine's programs get. */
static void test_apps(void **state)
{
	static const struct ask one = SHA256("google/machine-level-apps");
	ask_many(NOW, &one, 1);
	assert_int_equal(got->n_responses, 1);
	assert_string_equal(data_of(got->responses[0])->policy_type, USER);
	set(&device, "chrome_updater.payload", "\"CAE=\"");
	ask_many(NOW, &one, 1);
	assert_int_equal(got->n_responses, 2);
	assert_string_equal(data_of(got->responses[0])->policy_type, "google/machine-level-omaha");
	assert_memory_equal(data_of(got->responses[0])->policy_value.data, "\x08\x01", 2);
}

static void test_user(void **state)
{
	run(make_attribute,
	    (struct make){ .device = &device, .name = "user", .value = "ann@e.org" });
	const Dm__PolicyFetchResponse *p = ask(NOW, (struct ask)SHA256("google/chrome/user"));
	assert_string_equal(data_of(p)->username, "ann@e.org");
	const Dm__PublicKeyVerificationData *v = dm__public_key_verification_data__unpack(
		NULL, p->new_public_key_verification_data.len,
		p->new_public_key_verification_data.data);
	assert_string_equal(v->domain, "e.org");
	dm__public_key_verification_data__free_unpacked((Dm__PublicKeyVerificationData *)v, NULL);
}

static void test_era(void **state)
{
	static const struct {
		const char *agent;
		int signature;
		bool flat;
	} cases[] = {
		{ "Chromium 156.0.8078.79(a)", 1, false },
		{ "Google Chrome 94.0.1(a)", 2, true },
		{ "Google Chrome 95.0.1(a)", 1, false },
		{ "Google Chrome 48.0.2564.116(a)", 1, true },
		{ "", 1, true },
		{ "", 2, false },
		{ "x 12", 2, false },
		{ "x y 99999999999999999999.1", 1, false },
		{ "Chrome -3.1", 1, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ask a = { USER, NULL, cases[i].signature, false, 0, 0 };
		Dm__PolicyFetchRequest *parts[] = { part(&a) };
		Dm__DevicePolicyRequest m = DM__DEVICE_POLICY_REQUEST__INIT;
		m.n_requests = 1;
		m.requests = parts;
		assert_int_equal(policy_client_is_flat(cases[i].agent, &m), cases[i].flat);
	}
}

static void test_no_key_yet(void **state)
{
	const struct ask one = SHA256(USER);
	struct chrome_request r = request(NOW);
	struct signing_key k;
	assert_int_equal(store_signing_key_current(store_reader(server.store), device.org_id,
						   KEY_POLICY, &arena, &k, &err),
			 0);
	keyring_discard(server.keys, &k);
	ask_with(&r, &one, 1, NULL);
	assert_int_equal(failed, 503);
}

static int setup_chromeos(void **state)
{
	device_kind = KIND_CHROMEOS;
	int r = setup(state);
	device_kind = KIND_BROWSER;
	return r;
}

#define CHROMEOS(t) cmocka_unit_test_setup_teardown(t, setup_chromeos, teardown)
#define TEST(t)     cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_browser),
		TEST(test_old_client),
		TEST(test_unsigned),
		TEST(test_kept),
		TEST(test_kept_until_it_changes),
		TEST(test_never_kept),
		TEST(test_time),
		TEST(test_applied),
		TEST(test_state_keys),
		TEST(test_refusals),
		TEST(test_bad_requests),
		TEST(test_extensions),
		CHROMEOS(test_accounts),
		CHROMEOS(test_device_settings),
		TEST(test_apps),
		TEST(test_user),
		TEST(test_era),
		TEST(test_no_key_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
