/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies of a report as observed values, see observed.h.
 */
#include "channel/chrome/report/observed.h"

#include "base/map.h"
#include "channel/chrome/report/json.h"
#include "model/verdict.h"
#include <inttypes.h>
#include <string.h>

#define MESSAGE_MAX 500
#define PREFIX      "chrome."
#define MASKED      "\"********\"" /* how the browser shows what it keeps to itself */

struct seen {                     /* one policy over all profiles */
	const Dm__Policy *policy; /* of the first profile that has it */
	const Dm__Policy *other;  /* the first that says something else; or NULL */
	const char *other_profile;
	size_t n_profiles, last_profile; /* in how many; the last of them */
};

struct lists {
	struct arena *arena;
	struct map *policies; /* by name: struct seen */
	size_t n_profiles;    /* that could be looked into */
};

/* ---- gathering ---- */

static const char *text_of(const char *s)
{
	return s ? s : "";
}

static bool says_the_same(const Dm__Policy *a, const Dm__Policy *b)
{
	return a->level == b->level && strcmp(text_of(a->value), text_of(b->value)) == 0 &&
	       strcmp(text_of(a->error), text_of(b->error)) == 0;
}

static void gather_one(struct lists *r, const Dm__Policy *p, const char *profile)
{
	struct span name = span_str(text_of(p->name));
	struct seen *s = map_get(r->policies, name);
	if (!s) {
		s = arena_new(r->arena, struct seen);
		s->policy = p;
		(void)map_put(r->policies, name, s);
	}
	if (!s->other && !says_the_same(s->policy, p)) {
		s->other = p;
		s->other_profile = profile;
	}
	if (s->n_profiles == 0 || s->last_profile != r->n_profiles)
		s->n_profiles++;
	s->last_profile = r->n_profiles;
}

static void gather(struct lists *r, const Dm__BrowserReport *m)
{
	for (size_t i = 0; i < m->n_chrome_user_profile_infos; i++) {
		const Dm__ChromeUserProfileInfo *p = m->chrome_user_profile_infos[i];
		if (!p->is_detail_available && p->n_chrome_policies == 0)
			continue; /* not open: the browser says nothing of it */
		r->n_profiles++;
		for (size_t k = 0; k < p->n_chrome_policies; k++)
			gather_one(r, p->chrome_policies[k], p->id);
	}
}

/* ---- one setting ---- */

static json_t *entry(struct arena *a, json_t *value, enum observed_state state, const char *message)
{
	json_t *o = json_pack("{s:o, s:s}", "value", value ? value : json_null(), "state",
			      observed_state_name(state));
	if (message && *message)
		json_object_set_new(o, "message", json_string(clean_text(a, message, MESSAGE_MAX)));
	return o;
}

static const char *source_word(const Dm__Policy *p, char out[ENUM_WORD_MAX])
{
	return enum_word(&dm__policy__policy_source__descriptor, p->source, out);
}

static bool from_cloud(const Dm__Policy *p)
{
	return p->source == DM__POLICY__POLICY_SOURCE__SOURCE_CLOUD ||
	       p->source == DM__POLICY__POLICY_SOURCE__SOURCE_PRIORITY_CLOUD ||
	       p->source == DM__POLICY__POLICY_SOURCE__SOURCE_CLOUD_FROM_ASH;
}

/* What people should know of a value in force; "": nothing. */
static const char *remark(struct arena *a, const Dm__Policy *p)
{
	char word[ENUM_WORD_MAX];
	if (!from_cloud(p) && p->has_source)
		return arena_printf(a, "Set by another source (%s), not by this server.",
				    source_word(p, word));
	if (p->n_conflicts > 0)
		return arena_printf(a, "Another source (%s) wants something else.",
				    source_word(p->conflicts[0], word));
	return "";
}

/* Why the policy does not count as in force; NULL: it does. s NULL: it is not in the report. */
static const char *failure(struct lists *r, const struct seen *s, const char *policy,
			   bool mandatory)
{
	struct arena *a = r->arena;
	if (!s)
		return arena_printf(a, "The policy %s is not in force.", policy);
	if (s->policy->error && *s->policy->error)
		return arena_printf(a, "The browser finds fault with the value: %s",
				    s->policy->error);
	if (s->other)
		return arena_printf(a, "Profile %s has something else: %.200s",
				    text_of(s->other_profile), text_of(s->other->value));
	if (s->n_profiles < r->n_profiles)
		return arena_printf(a, "In force in %zu of %zu profiles only.", s->n_profiles,
				    r->n_profiles);
	if (mandatory && s->policy->level == DM__POLICY__POLICY_LEVEL__LEVEL_RECOMMENDED)
		return "In force as a recommendation only, which users can change.";
	return NULL;
}

/* The value in force. Text that is not JSON is a text. NULL: the browser does not show it. */
static json_t *value_of(struct lists *r, const struct seen *s)
{
	json_t *value = NULL;
	const char *text = text_of(s->policy->value);
	if (strcmp(text, MASKED) == 0)
		return NULL;
	if (json_parse(span_str(text), &value, NULL) == 0)
		return value;
	return json_string(clean_text(r->arena, text, CLEAN_TEXT_MAX));
}

/* A setting of ours says it as "Policy=value if true|value if false". */
static json_t *translate(const struct setting_type *t, json_t *value)
{
	const char *text = strchr(t->chrome, '=') + 1, *bar = strchr(text, '|');
	AUTO_JSON when_true = NULL;
	struct span span = { (const uint8_t *)text, bar ? (size_t)(bar - text) : strlen(text) };
	bool is = json_parse(span, &when_true, NULL) == 0 && json_equal(when_true, value);
	json_decref(value);
	return json_boolean(is);
}

static json_t *observe(struct lists *r, const struct setting_type *t, const char *policy,
		       const struct desired_setting *wanted)
{
	const struct seen *s = map_get(r->policies, span_str(policy));
	if (!s && !wanted)
		return NULL;
	const char *why = failure(r, s, policy, wanted && !wanted->recommended);
	json_t *value = s ? value_of(r, s) : NULL;
	if (value && !t->policy)
		value = translate(t, value);
	if (why)
		return entry(r->arena, value, OBSERVED_FAILED, why);
	if (!value && wanted && from_cloud(s->policy))
		return entry(r->arena, json_incref(wanted->value), OBSERVED_OBSERVED,
			     "In force; the browser does not show the value.");
	return entry(r->arena, value, OBSERVED_OBSERVED, remark(r->arena, s->policy));
}

/* The policy's name that the setting is said with, in the arena; NULL: not a policy of browsers. */
static const char *policy_of(const struct setting_type *t, struct arena *a)
{
	if (t->policy)
		return t->name + strlen(PREFIX);
	const char *equals = t->chrome ? strchr(t->chrome, '=') : NULL;
	return equals ? arena_strndup(a, t->chrome, (size_t)(equals - t->chrome)) : NULL;
}

json_t *observed_of_browser(const Dm__BrowserReport *m, const struct desired *d, struct arena *a)
{
	struct lists r = { .arena = a, .policies = map_new() };
	json_t *all = json_object();
	gather(&r, m);
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		const char *policy = policy_of(t, a);
		json_t *one = policy ? observe(&r, t, policy, desired_get(d, t->name)) : NULL;
		if (one)
			json_object_set_new(all, t->name, one);
	}
	map_free(r.policies);
	return all;
}

/* ---- between two reports ---- */

#define REFUSED "The browser refused the policy: "

static bool counts(const struct desired_setting *s)
{
	return !s->recommended && s->type->rule != RULE_NONE &&
	       catalogue_applies(s->type, CHANNEL_CHROME);
}

static bool satisfies(const json_t *one, const struct desired_setting *s)
{
	enum observed_state state;
	const char *name = json_string_value(json_object_get(one, "state"));
	return name && observed_state_parse(name, &state) &&
	       (state == OBSERVED_OBSERVED || state == OBSERVED_APPLIED) &&
	       catalogue_satisfied(s->type, s->value, json_object_get(one, "value"));
}

static bool has_message(const json_t *one, const char *beginning)
{
	const char *message = json_string_value(json_object_get(one, "message"));
	return message && strncmp(message, beginning, strlen(beginning)) == 0;
}

static void put(json_t *observed, const char *name, json_t *value, enum observed_state state,
		const char *message)
{
	json_t *o = json_pack("{s:o, s:s}", "value", value ? json_incref(value) : json_null(),
			      "state", observed_state_name(state));
	if (message)
		json_object_set_new(o, "message", json_string(message));
	json_object_set_new(observed, name, o);
}

void observed_acknowledge(json_t *observed, const struct desired *d, bool reads_back)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct desired_setting *s = &d->items[i];
		const json_t *one = json_object_get(observed, s->type->name);
		if (!counts(s) || satisfies(one, s))
			continue;
		if (!reads_back)
			put(observed, s->type->name, s->value, OBSERVED_APPLIED,
			    "The device has a policy with this value.");
		else if (!has_message(one, "")) /* what a report found wrong stays */
			put(observed, s->type->name, json_object_get(one, "value"),
			    OBSERVED_PENDING,
			    "The browser has a policy with this value; its next report will show "
			    "it (chrome.CloudReportingEnabled).");
	}
}

void observed_fail(json_t *observed, const char *name, const char *message)
{
	json_t *value = json_object_get(json_object_get(observed, name), "value");
	put(observed, name, value, OBSERVED_FAILED, message);
}

void observed_refuse(json_t *observed, const struct desired *d, const char *why, bool all)
{
	struct error text;
	(void)error_set(&text, ERR_CONFLICT, REFUSED "%s", why);
	for (size_t i = 0; i < d->n; i++) {
		const struct desired_setting *s = &d->items[i];
		const json_t *one = json_object_get(observed, s->type->name);
		if (counts(s) && (all || !satisfies(one, s)))
			observed_fail(observed, s->type->name, text.message);
	}
}

void observed_accept(json_t *observed)
{
	const char *name;
	json_t *one;
	void *next;
	json_object_foreach_safe (observed, next, name, one) {
		if (!has_message(one, REFUSED))
			continue;
		if (json_is_null(json_object_get(one, "value")))
			json_object_del(observed, name);
		else
			put(observed, name, json_object_get(one, "value"), OBSERVED_OBSERVED, NULL);
	}
}
