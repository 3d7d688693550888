/* SPDX-License-Identifier: Apache-2.0
 *
 * Password rules by libpwquality; README.md has the mapping.
 *
 * One table row a setting says which option demands it. What is desired becomes a number for each
 * option ("demand": characters that are needed, so a credit of -2 is a demand of 2), never weaker
 * than the files that are read before ours; the drop-in holds only options that are needed.
 */
#include "agent/providers/all.h"
#include "agent/providers/password/login-defs.h"
#include "agent/providers/password/pwquality.h"
#include "agent/providers/setting.h"
#include "agent/providers/undo.h"

#define DROP_IN    "50-reeve.conf"
#define PATH       "/etc/security/pwquality.conf.d/" DROP_IN
#define MIN_LENGTH "password.min_length"
#define QUALITY    "password.quality"
#define DEMAND_MAX 1000

static const struct {
	const char *setting;
	enum pwq_option option;
} rules[] = {
	{ MIN_LENGTH, PWQ_MINLEN },
	{ "password.min_numeric", PWQ_DCREDIT },
	{ "password.min_upper_case", PWQ_UCREDIT },
	{ "password.min_lower_case", PWQ_LCREDIT },
	{ "password.min_symbols", PWQ_OCREDIT },
};

static const struct quality { /* weakest first, as in the catalogue */
	const char *name;
	bool letter, digit, symbol;
} qualities[] = {
	{ "unspecified", false, false, false }, { "something", false, false, false },
	{ "numeric", false, true, false },      { "alphabetic", true, false, false },
	{ "alphanumeric", true, true, false },  { "complex", true, true, true },
};

static const struct {
	const char *setting, *why;
} unsupported[] = {
	{ "password.enabled", "Linux accounts have a password by themselves, not by a setting" },
	{ "password.min_letters", "libpwquality counts upper and lower case separately: use "
				  "password.min_lower_case and min_upper_case" },
	{ "password.min_non_letter", "libpwquality counts digits and symbols separately: use "
				     "password.min_numeric and min_symbols" },
	{ "password.max_failed_for_wipe", "Linux does not wipe itself after wrong passwords" },
};

/* ---- looking ---- */

/* How many characters an option demands; not the same as its value. */
static int demand(const struct pwquality *q, enum pwq_option o)
{
	int v = q->value[o];
	if (o == PWQ_MINLEN)
		for (int c = PWQ_DCREDIT; c <= PWQ_OCREDIT; c++)
			v -= q->value[c] > 0 ? q->value[c] : 0; /* credits shorten it */
	else
		v = v < 0 ? -v : 0;
	return v < 0 ? 0 : v;
}

static bool in_force(const struct pwquality *q)
{
	return q->pam != PWQ_NOT_IN_STACK && q->value[PWQ_ENFORCING];
}

/* What somebody should do about rules that have no effect; NULL when they have. */
static const char *why_not(const struct pwquality *q)
{
	if (q->pam == PWQ_NOT_IN_STACK)
		return "pam_pwquality is not in the PAM stack: install libpam-pwquality";
	return q->value[PWQ_ENFORCING] ? NULL : "enforcing is 0: the rules only warn";
}

static const struct quality *quality_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(qualities); i++)
		if (strcmp(qualities[i].name, name) == 0)
			return &qualities[i];
	return NULL;
}

/* The strongest that every accepted password has. Three classes of four always hold a letter. */
static const struct quality *quality_of(const struct pwquality *q)
{
	int classes = in_force(q) ? q->value[PWQ_MINCLASS] : 0;
	bool letter = demand(q, PWQ_UCREDIT) || demand(q, PWQ_LCREDIT) || classes >= 3;
	bool digit = demand(q, PWQ_DCREDIT) || classes >= 4;
	bool symbol = demand(q, PWQ_OCREDIT) || classes >= 4;
	const struct quality *ret = &qualities[1]; /* libpwquality never accepts an empty one */
	if (!in_force(q))
		return &qualities[0];
	for (size_t i = 2; i < ARRAY_SIZE(qualities); i++)
		if (qualities[i].letter <= letter && qualities[i].digit <= digit &&
		    qualities[i].symbol <= symbol)
			ret = &qualities[i];
	return ret;
}

static void report(const struct pwquality *q, const json_t *wanted, json_t *ret)
{
	const char *why = why_not(q);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (setting_asked(wanted, rules[i].setting))
			provider_result(ret, rules[i].setting,
					json_integer(in_force(q) ? demand(q, rules[i].option) : 0),
					"observed", why ? why : q->source[rules[i].option]);
	if (setting_asked(wanted, QUALITY))
		provider_result(ret, QUALITY, json_string(quality_of(q)->name), "observed", why);
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (json_object_get(wanted, unsupported[i].setting))
			provider_result(ret, unsupported[i].setting, NULL, "unsupported",
					unsupported[i].why);
}

/* Without a PAM stack there is nobody who would apply the library's defaults. */
static int look(struct provider_env *env, struct pwquality *q)
{
	int r = pwquality_read(env, NULL, q);
	if (r == 0 && q->pam == PWQ_NO_STACK && !q->source[PWQ_MINLEN][0])
		q->value[PWQ_MINLEN] = 0;
	return r;
}

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	struct pwquality q;
	int r = look(env, &q);
	if (r == 0)
		report(&q, wanted, ret);
	return r;
}

/* ---- changing ---- */

/* The demands of the desired settings; a bad value is a failed result and demands nothing. */
static void gather(const json_t *desired, int demands[PWQ_N], json_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		int64_t v;
		if (!json_object_get(desired, rules[i].setting))
			continue;
		if (setting_int(desired, rules[i].setting, &v) && v >= 0 && v <= DEMAND_MAX)
			demands[rules[i].option] = (int)v;
		else
			setting_fail(ret, rules[i].setting, "the value must be from 0 to %d",
				     DEMAND_MAX);
	}
	if (!json_object_get(desired, QUALITY))
		return;
	const struct quality *quality =
		quality_find(json_string_value(setting_value(desired, QUALITY)));
	if (!quality) {
		setting_fail(ret, QUALITY, "not a quality that is known here");
		return;
	}
	if (quality->letter && !demands[PWQ_UCREDIT] && !demands[PWQ_LCREDIT])
		demands[PWQ_LCREDIT] = 1;
	if (quality->digit && !demands[PWQ_DCREDIT])
		demands[PWQ_DCREDIT] = 1;
	if (quality->symbol && !demands[PWQ_OCREDIT])
		demands[PWQ_OCREDIT] = 1;
}

/* The drop-in's text; empty: none is needed. */
static void compose(const struct pwquality *before, const int demands[PWQ_N], struct buf *out)
{
	bool any = false;
	for (int o = PWQ_MINLEN; o <= PWQ_OCREDIT; o++) {
		int d = demands[o];
		if (d == 0)
			continue;
		if (o == PWQ_MINLEN && d < before->value[o] && before->source[o][0])
			d = before->value[o];
		if (o != PWQ_MINLEN && d < demand(before, (enum pwq_option)o))
			d = demand(before, (enum pwq_option)o);
		if (!any)
			buf_add_str(out,
				    "# Written by reeve-agent (password.*); removed with it.\n");
		any = true;
		buf_addf(out, "%s = %d\n", pwq_option_name((enum pwq_option)o),
			 o == PWQ_MINLEN ? d : -d);
	}
	if (any && !before->value[PWQ_ENFORCING])
		buf_add_str(out, "enforcing = 1\n");
}

static int apply(struct provider_env *env, const int demands[PWQ_N])
{
	struct pwquality before;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 4096);
	int r = pwquality_read(env, DROP_IN, &before);
	if (r < 0)
		return r;
	compose(&before, demands, &text);
	int defs = login_defs_set(env, demands[PWQ_MINLEN]);
	r = text.n > 0 ? undo_write(env, PATH, buf_span(&text), 0644, UNDO_OURS)
		       : undo_restore(env, PATH);
	return r < 0 ? r : defs;
}

/* Why a demand of ours does not hold although it was written. */
static void explain(const struct pwquality *q, const char *setting, enum pwq_option o, json_t *ret)
{
	const char *why = why_not(q);
	if (why)
		setting_fail(ret, setting, "%s", why);
	else if (q->broken[0])
		setting_fail(ret, setting, "libpwquality stops reading in %s: a line is wrong",
			     q->broken);
	else
		setting_fail(ret, setting, "%s in %s prevails", pwq_option_name(o),
			     q->source[o][0] ? q->source[o] : "another file");
}

/* The option whose demand falls short of a quality that is not reached. */
static enum pwq_option missing_for(const struct pwquality *q, const struct quality *quality)
{
	if (quality->symbol && !demand(q, PWQ_OCREDIT))
		return PWQ_OCREDIT;
	if (quality->digit && !demand(q, PWQ_DCREDIT))
		return PWQ_DCREDIT;
	return PWQ_LCREDIT;
}

static void judge(const struct pwquality *q, const json_t *desired, json_t *ret)
{
	int64_t v;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		enum pwq_option o = rules[i].option;
		if (setting_int(desired, rules[i].setting, &v) &&
		    (in_force(q) ? demand(q, o) : 0) < v)
			explain(q, rules[i].setting, o, ret);
	}
	const struct quality *quality =
		quality_find(json_string_value(setting_value(desired, QUALITY)));
	if (quality && quality > quality_of(q))
		explain(q, QUALITY, missing_for(q, quality), ret);
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	int demands[PWQ_N] = { 0 };
	struct pwquality q;
	AUTO_JSON bad = json_object();
	const char *name;
	json_t *result;
	gather(desired, demands, bad);
	int failure = apply(env, demands);
	int r = look(env, &q);
	if (r < 0)
		return r;
	if (json_object_size(desired) > 0)
		report(&q, desired, ret);
	setting_applied(ret, desired);
	judge(&q, desired, ret);
	if (failure < 0)
		json_object_foreach (ret, name, result)
			if (strcmp(json_string_value(json_object_get(result, "state")),
				   "unsupported") != 0)
				setting_fail(ret, name, "cannot write the rules: %s",
					     strerror(-failure));
	json_object_update(ret, bad);
	return 0;
}

static int restore(struct provider_env *env)
{
	int defs = login_defs_set(env, 0);
	int r = undo_restore_all(env);
	return r < 0 ? r : defs;
}

static const char *const settings[] = { MIN_LENGTH,
					"password.min_numeric",
					"password.min_upper_case",
					"password.min_lower_case",
					"password.min_symbols",
					QUALITY,
					"password.enabled",
					"password.min_letters",
					"password.min_non_letter",
					"password.max_failed_for_wipe",
					NULL };
const struct provider provider_password = { "password", settings, observe, enforce, restore };
