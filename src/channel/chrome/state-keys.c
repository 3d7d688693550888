/* SPDX-License-Identifier: Apache-2.0
 *
 * Before enrollment: does the server know this hardware? Nobody is authenticated here: a state key is a secret
 * in itself, and of hashes only those in the bucket that the client names are told.
 *
 * Buckets. A client names the last p bits of its hash (modulus 2^p) and gets every hash that ends so. When those
 * are too many it is told a larger modulus, once: a second demand would be an error to it. So what is asked for aims
 * well below of what is answered, and a modulus that the client can no longer raise is answered in any case.
 */
#include "channel/chrome/state-keys.h"

#include "base/crypto.h"
#include "store/chrome.h"

#include <string.h>

#define POWER_MAX   32      /* of a modulus that is understood */
#define POWER_LIMIT 19      /* of the largest that clients go to by themselves */
#define BUCKET_MAX  (16384) /* answered at most, by whatever modulus */

/* ---- auto-enrollment ---- */

bool state_keys_modulus(const Dm__DeviceAutoEnrollmentRequest *m, unsigned *ret_power)
{
	int64_t modulus = m->has_modulus ? m->modulus : 1;
	if (modulus < 1 || modulus > INT64_C(1) << POWER_MAX || m->remainder < 0 ||
	    m->remainder >= modulus)
		return false;
	*ret_power = 0;
	while (INT64_C(1) << *ret_power < modulus)
		++*ret_power;
	return true;
}

unsigned state_keys_power(uint64_t width)
{
	unsigned power = 0;
	while (power < POWER_LIMIT &&
	       (UINT64_C(1) << (32 - power)) > width / (STATE_KEYS_FULL / STATE_KEYS_AIM))
		power++;
	return power;
}

/* Sets the list, or the modulus to ask with. */
static int fill_bucket(struct chrome_request *r, const Dm__DeviceAutoEnrollmentRequest *m,
		       unsigned power, Dm__DeviceAutoEnrollmentResponse *ret)
{
	struct span *hashes;
	size_t n = 0;
	uint64_t width = 0;
	bool can_rise = power < POWER_LIMIT;
	if ((INT64_C(1) << power) != (m->has_modulus ? m->modulus : 1)) {
		ret->has_expected_modulus = true; /* not a power of two: the next one is */
		ret->expected_modulus = INT64_C(1) << power;
		return 0;
	}
	int res = store_state_key_bucket(
		store_reader(r->server->store), power, (uint64_t)m->remainder,
		can_rise ? STATE_KEYS_FULL : BUCKET_MAX, r->arena, &hashes, &n, &width);
	if (res)
		return res;
	if (width && can_rise) {
		unsigned better = state_keys_power(width);
		ret->has_expected_modulus = true;
		ret->expected_modulus = INT64_C(1) << (better > power ? better : power + 1);
		return 0;
	}
	ret->n_hashes = n;
	ret->hashes = arena_new_n(r->arena, ProtobufCBinaryData, n);
	for (size_t i = 0; i < n; i++)
		ret->hashes[i] =
			(ProtobufCBinaryData){ hashes[i].n, (uint8_t *)(uintptr_t)hashes[i].p };
	return 0;
}

void chrome_enterprise_check(struct chrome_request *r)
{
	const Dm__DeviceAutoEnrollmentRequest *m = r->body->auto_enrollment_request;
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceAutoEnrollmentResponse bucket = DM__DEVICE_AUTO_ENROLLMENT_RESPONSE__INIT;
	struct error err = { 0 };
	unsigned power;
	int res = 0;
	answer.auto_enrollment_response = &bucket;
	if (!state_keys_modulus(m, &power))
		res = error_set(&err, ERR_INVALID, "remainder: not within 0 and modulus.");
	else if (
		!m->has_enrollment_check_type ||
		m->enrollment_check_type !=
			DM__DEVICE_AUTO_ENROLLMENT_REQUEST__ENROLLMENT_CHECK_TYPE__ENROLLMENT_CHECK_TYPE_FORCED_ENROLLMENT)
		res = fill_bucket(r, m, power, &bucket); /* else: no list of devices sold to us */
	if (res)
		chrome_fail_result(r, res, &err);
	else
		chrome_reply(r, &answer);
}

/* ---- state after a reset ---- */

static const char *text_setting(const struct desired *d, const char *name)
{
	const struct desired_setting *s = desired_get(d, name);
	const char *text = s ? json_string_value(s->value) : NULL;
	return text ? text : "";
}

static Dm__DeviceStateRetrievalResponse__RestoreMode restore_mode(const struct desired *d)
{
	const struct desired_setting *disabled = desired_get(d, "chromeos.disabled");
	const char *word = text_setting(d, "chromeos.restore_mode");
	if (disabled && json_is_true(disabled->value))
		return DM__DEVICE_STATE_RETRIEVAL_RESPONSE__RESTORE_MODE__RESTORE_MODE_DISABLED;
	if (strcmp(word, "none") == 0)
		return DM__DEVICE_STATE_RETRIEVAL_RESPONSE__RESTORE_MODE__RESTORE_MODE_NONE;
	if (strcmp(word, "requested") == 0)
		return DM__DEVICE_STATE_RETRIEVAL_RESPONSE__RESTORE_MODE__RESTORE_MODE_REENROLLMENT_REQUESTED;
	return DM__DEVICE_STATE_RETRIEVAL_RESPONSE__RESTORE_MODE__RESTORE_MODE_REENROLLMENT_ENFORCED;
}

static int describe(struct chrome_request *r, const struct device *d,
		    Dm__DeviceStateRetrievalResponse *ret)
{
	struct desired desired;
	struct chrome_config c;
	desired_init(&desired, CHANNEL_CHROME);
	int res = store_desired(store_reader(r->server->store), d, &desired);
	if (res == 0) {
		chrome_config(r->server, d->org_id, r->arena, &c);
		ret->restore_mode = restore_mode(&desired);
		ret->management_domain = arena_strdup(r->arena, c.domain);
	}
	if (res == 0 &&
	    ret->restore_mode ==
		    DM__DEVICE_STATE_RETRIEVAL_RESPONSE__RESTORE_MODE__RESTORE_MODE_DISABLED) {
		ret->disabled_state = arena_new(r->arena, Dm__DisabledState);
		dm__disabled_state__init(ret->disabled_state);
		ret->disabled_state->message =
			arena_strdup(r->arena, text_setting(&desired, "chromeos.disabled_message"));
	}
	desired_fini(&desired);
	return res;
}

/* A device that is not managed (any more) is as good as unknown. */
static int find_state(struct chrome_request *r, const ProtobufCBinaryData *key,
		      Dm__DeviceStateRetrievalResponse *ret)
{
	uint8_t hash[SHA256_SIZE];
	struct device d;
	struct error err;
	sha256((struct span){ key->data, key->len }, hash);
	int res = store_state_key_find(store_reader(r->server->store),
				       (struct span){ hash, sizeof hash }, r->arena, &d, &err);
	if (res < 0)
		return res;
	return res > 0 || d.unenrolled_ms != 0 ? 0 : describe(r, &d, ret);
}

void chrome_device_state(struct chrome_request *r)
{
	const Dm__DeviceStateRetrievalRequest *m = r->body->device_state_retrieval_request;
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceStateRetrievalResponse state = DM__DEVICE_STATE_RETRIEVAL_RESPONSE__INIT;
	Dm__DeviceInitialEnrollmentStateResponse initial =
		DM__DEVICE_INITIAL_ENROLLMENT_STATE_RESPONSE__INIT;
	struct error err = { 0 };
	int res = 0;
	answer.device_state_retrieval_response = &state;
	state.has_restore_mode = true; /* both are wanted, also when they say nothing */
	state.management_domain = (char *)(uintptr_t) "";
	if (m->has_server_backed_state_key && m->server_backed_state_key.len == STATE_KEY_SIZE)
		res = find_state(r, &m->server_backed_state_key, &state);
	else if (m->has_server_backed_state_key || !m->serial_number)
		res = error_set(&err, ERR_INVALID, "server_backed_state_key: not %d bytes.",
				STATE_KEY_SIZE);
	if (m->serial_number) { /* today's: both questions in one */
		initial.has_initial_enrollment_mode = true;
		state.initial_state_response = &initial;
	}
	if (res)
		chrome_fail_result(r, res, &err);
	else
		chrome_reply(r, &answer);
}

/* Devices that are to enroll out of the box are not kept; whoever brings a good token shall. */
void chrome_initial_state(struct chrome_request *r)
{
	const Dm__DeviceInitialEnrollmentStateRequest *m =
		r->body->device_initial_enrollment_state_request;
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceInitialEnrollmentStateResponse state =
		DM__DEVICE_INITIAL_ENROLLMENT_STATE_RESPONSE__INIT;
	uint8_t hash[SHA256_SIZE];
	struct enrollment_token t;
	struct error err;
	struct chrome_config c;
	answer.device_initial_enrollment_state_response = &state;
	state.has_initial_enrollment_mode = true;
	sha256(span_str(m->enrollment_token ? m->enrollment_token : ""), hash);
	int res = store_enrollment_token_check(store_reader(r->server->store), "chrome",
					       (struct span){ hash, sizeof hash }, r->now_ms,
					       r->arena, &t, &err);
	if (res < 0) {
		chrome_fail_result(r, res, &err);
		return;
	}
	if (res == 0) {
		chrome_config(r->server, t.org_id, r->arena, &c);
		state.initial_enrollment_mode =
			DM__DEVICE_INITIAL_ENROLLMENT_STATE_RESPONSE__INITIAL_ENROLLMENT_MODE__INITIAL_ENROLLMENT_MODE_TOKEN_ENROLLMENT_ENFORCED;
		state.management_domain = arena_strdup(r->arena, c.domain);
	}
	chrome_reply(r, &answer);
}

/* ---- keys of enrolled devices ---- */

int chrome_state_keys_put(struct store_conn *tx, int64_t device_id, size_t n,
			  const ProtobufCBinaryData *keys, int64_t now_ms, struct error *err)
{
	uint8_t hashes[STATE_KEYS_MAX][SHA256_SIZE];
	struct span spans[STATE_KEYS_MAX];
	(void)now_ms;
	if (n > STATE_KEYS_MAX)
		return error_set(err, ERR_INVALID, "server_backed_state_keys: more than %d.",
				 STATE_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].len != STATE_KEY_SIZE)
			return error_set(err, ERR_INVALID,
					 "server_backed_state_keys: one is not %d bytes.",
					 STATE_KEY_SIZE);
		sha256((struct span){ keys[i].data, keys[i].len }, hashes[i]);
		spans[i] = (struct span){ hashes[i], SHA256_SIZE };
	}
	return store_state_keys_put(tx, device_id, n, spans, err);
}
