/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of the verdict: acknowledgements, reports and refusals, in the orders in which they come.
 */
#include "store/test-store.h"

#include "channel/chrome/policy/stamp.h"
#include "channel/chrome/report/judge.h"

#include <string.h>

static int64_t make_client(struct fixture *f, enum kind kind)
{
	struct device d;
	if (f->org_id == 0)
		fixture_organization(f);
	const struct enrollment e = { .org_id = f->org_id,
				      .kind = kind,
				      .channel = CHANNEL_CHROME };
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	set(f, tx, SCOPE_DEVICE, d.id, "camera.disabled", "true");
	assert_ok(tx_end(f, 0));
	return d.id;
}

static void expect(struct fixture *f, struct store_conn *c, int64_t id, const char *want,
		   int64_t applied)
{
	assert_string_equal(verdict(f, c, id), want);
	assert_int_equal(device(f, c, id).applied_version, applied);
}

static void acknowledge(struct fixture *f, struct store_conn *tx, int64_t id, int64_t version)
{
	struct device d = device(f, tx, id);
	assert_ok(chrome_observed_applied(tx, &d, version, f->by.now_ms, &f->err));
}

/* A report of one profile with this camera policy, and the policy's timestamp for this version; 0: none. */
static void report_camera(struct fixture *f, struct store_conn *tx, int64_t id, const char *value,
			  int64_t version)
{
	struct device d = device(f, tx, id);
	Dm__BrowserReport m = DM__BROWSER_REPORT__INIT;
	Dm__ChromeUserProfileInfo profile = DM__CHROME_USER_PROFILE_INFO__INIT,
				  *profiles[] = { &profile };
	Dm__PolicyFetchTimestamp stamp = DM__POLICY_FETCH_TIMESTAMP__INIT, *stamps[] = { &stamp };
	Dm__Policy policy = DM__POLICY__INIT, *policies[] = { &policy };
	policy.name = arena_strdup(&f->arena, "VideoCaptureAllowed");
	policy.value = arena_strdup(&f->arena, value);
	policy.level = DM__POLICY__POLICY_LEVEL__LEVEL_MANDATORY;
	stamp.timestamp = stamp_make(version, 0, f->by.now_ms + 10000, 0);
	profile.chrome_policies = policies;
	profile.n_chrome_policies = 1;
	profile.policy_fetched_timestamps = stamps;
	profile.n_policy_fetched_timestamps = version ? 1 : 0;
	m.chrome_user_profile_infos = profiles;
	m.n_chrome_user_profile_infos = 1;
	assert_ok(judge_report(tx, &d, &m, f->by.now_ms, &f->err));
}

static void refuse(struct fixture *f, struct store_conn *tx, int64_t id, int64_t version)
{
	struct device d = device(f, tx, id);
	assert_ok(judge_refusal(tx, &d, version, "the signature is wrong", f->by.now_ms, &f->err));
}

static const char *refused(struct fixture *f, struct store_conn *c, int64_t id)
{
	struct attribute *all;
	size_t n;
	assert_ok(store_attribute_list(c, id, &f->arena, &all, &n));
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, "policy.refused_version") == 0)
			return all[i].value;
	return "";
}

static void test_only_reports_make_compliant(struct fixture *f)
{
	int64_t id = make_client(f, KIND_BROWSER);
	struct store_conn *tx = tx_begin(f);
	expect(f, tx, id, "UNKNOWN", 0);
	acknowledge(f, tx, id, 1);
	expect(f, tx, id, "STALE", 1);
	acknowledge(f, tx, id, 2);
	expect(f, tx, id, "NON_COMPLIANT", 2);
	report_camera(f, tx, id, "true", 2);
	expect(f, tx, id, "NON_COMPLIANT", 2);
	report_camera(f, tx, id, "false", 2);
	expect(f, tx, id, "COMPLIANT", 2);
	acknowledge(f, tx, id, 2); /* what was read back stays */
	expect(f, tx, id, "COMPLIANT", 2);
	set(f, tx, SCOPE_DEVICE, id, "chrome.ShowHomeButton", "true");
	expect(f, tx, id, "STALE", 2);
	report_camera(f, tx, id, "false", 0); /* names no policy: the version is the one known */
	expect(f, tx, id, "STALE", 2);
	acknowledge(f, tx, id, 3);
	expect(f, tx, id, "NON_COMPLIANT", 3);
	assert_ok(tx_end(f, 0));
}

/* It never reads back, and nothing else could have set it. */
static void test_chromeos_acknowledges(struct fixture *f)
{
	int64_t id = make_client(f, KIND_CHROMEOS);
	struct store_conn *tx = tx_begin(f);
	acknowledge(f, tx, id, 1);
	expect(f, tx, id, "STALE", 1);
	acknowledge(f, tx, id, 2);
	expect(f, tx, id, "COMPLIANT", 2);
	refuse(f, tx, id, 2);
	expect(f, tx, id, "NON_COMPLIANT", 2);
	acknowledge(f, tx, id, 2);
	expect(f, tx, id, "COMPLIANT", 2);
	assert_ok(tx_end(f, 0));
}

static void test_refusals(struct fixture *f)
{
	int64_t id = make_client(f, KIND_BROWSER);
	struct store_conn *tx = tx_begin(f);
	report_camera(f, tx, id, "false", 2);
	expect(f, tx, id, "COMPLIANT", 2);
	set(f, tx, SCOPE_DEVICE, id, "chrome.ShowHomeButton", "true");
	refuse(f, tx, id, 1); /* of history */
	expect(f, tx, id, "STALE", 2);
	assert_string_equal(refused(f, tx, id), "");
	refuse(f, tx, id, 3);
	expect(f, tx, id, "NON_COMPLIANT", 3);
	assert_string_equal(refused(f, tx, id), "3");
	acknowledge(f, tx, id, 2); /* it still has the old one: because it refused */
	expect(f, tx, id, "NON_COMPLIANT", 3);
	report_camera(f, tx, id, "false", 2);
	expect(f, tx, id, "NON_COMPLIANT", 3); /* not what version 3 wants */
	assert_string_equal(refused(f, tx, id), "3");
	acknowledge(f, tx, id, 3);
	expect(f, tx, id, "NON_COMPLIANT", 3); /* pending by now */
	assert_string_equal(refused(f, tx, id), "");
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_DEVICE, id, "chrome.ShowHomeButton",
				      &f->err));
	refuse(f, tx, id, 4);
	report_camera(f, tx, id, "false", 2); /* refused, but all is as it should be */
	expect(f, tx, id, "COMPLIANT", 4);
	report_camera(f, tx, id, "false", 4);
	expect(f, tx, id, "COMPLIANT", 4);
	assert_string_equal(refused(f, tx, id), "");
	assert_ok(tx_end(f, 0));
}

static void test_faults(struct fixture *f)
{
	int64_t id = make_client(f, KIND_BROWSER);
	AUTO_JSON faults = json_pack("{s:s}", "camera.disabled", "out of range");
	struct store_conn *tx = tx_begin(f);
	report_camera(f, tx, id, "false", 2);
	struct device d = device(f, tx, id);
	assert_ok(judge_faults(tx, &d, faults, f->by.now_ms, &f->err));
	expect(f, tx, id, "NON_COMPLIANT", 2);
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_only_reports_make_compliant),
		TEST(test_chromeos_acknowledges),
		TEST(test_refusals),
		TEST(test_faults),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
