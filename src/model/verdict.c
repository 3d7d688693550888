/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge; see verdict.h for the order of its questions.
 *
 * What a device says is data: its report is checked for shape here (observed_check) and then only
 * compared, never believed to be a verdict.
 */
#include "model/verdict.h"
#include "base/clock.h"
#include "model/text.h"
#include "model/version.h"

#define SETTINGS_MAX      2000
#define NAME_BYTES_MAX    128
#define MESSAGE_BYTES_MAX 1000
#define N_VERDICTS        (VERDICT_COMPLIANT + 1)
#define N_STATES          (OBSERVED_PENDING + 1)

static const char *const verdict_words[N_VERDICTS] = {
	[VERDICT_UNKNOWN] = "UNKNOWN",
	[VERDICT_STALE] = "STALE",
	[VERDICT_NON_COMPLIANT] = "NON_COMPLIANT",
	[VERDICT_COMPLIANT] = "COMPLIANT",
};

static const char *const state_words[N_STATES] = {
	[OBSERVED_OBSERVED] = "observed", [OBSERVED_APPLIED] = "applied",
	[OBSERVED_FAILED] = "failed",     [OBSERVED_UNSUPPORTED] = "unsupported",
	[OBSERVED_PENDING] = "pending",
};

const char *verdict_name(enum verdict v)
{
	return (size_t)v < N_VERDICTS ? verdict_words[v] : "unknown";
}

bool verdict_parse(const char *s, enum verdict *ret)
{
	int i = text_index(verdict_words, N_VERDICTS, s);
	if (i < 0)
		return false;
	*ret = (enum verdict)i;
	return true;
}

const char *observed_state_name(enum observed_state s)
{
	return (size_t)s < N_STATES ? state_words[s] : "unknown";
}

bool observed_state_parse(const char *s, enum observed_state *ret)
{
	int i = text_index(state_words, N_STATES, s);
	if (i < 0)
		return false;
	*ret = (enum observed_state)i;
	return true;
}

enum verdict verdict_of(const struct device *d, int64_t chain, bool *ret_recheck)
{
	*ret_recheck = false;
	if (!d->reported)
		return VERDICT_UNKNOWN;
	if (version_lag(d) < chain) /* applied version < desired version */
		return VERDICT_STALE;
	*ret_recheck = d->judged_version != version_of(d, chain);
	return d->satisfied ? VERDICT_COMPLIANT : VERDICT_NON_COMPLIANT;
}

/* ---- content ---- */

/* The sentence why one setting is not satisfied, into 'why'; NULL when it is. */
static const char *unsatisfied(const struct desired_setting *s, const json_t *observed,
			       struct error *why)
{
	char found[EXCERPT_SIZE], wanted[EXCERPT_SIZE];
	const char *name = s->type->name;
	const json_t *one = json_object_get(observed, name);
	const char *message = json_string_value(json_object_get(one, "message"));
	const char *colon = message && *message ? ": " : "";
	enum observed_state state;
	if (!observed_state_parse(json_string_value(json_object_get(one, "state")), &state)) {
		error_set(why, ERR_CONFLICT, "%s was not reported", name);
		return why->message;
	}
	message = text_excerpt(message ? message : "", found);
	switch (state) {
	case OBSERVED_FAILED:
		error_set(why, ERR_CONFLICT, "%s could not be enforced%s%s", name, colon, message);
		return why->message;
	case OBSERVED_UNSUPPORTED:
		error_set(why, ERR_CONFLICT, "%s is not supported by the device%s%s", name, colon,
			  message);
		return why->message;
	case OBSERVED_PENDING:
		error_set(why, ERR_CONFLICT, "%s is still on its way%s%s", name, colon, message);
		return why->message;
	case OBSERVED_APPLIED:
	case OBSERVED_OBSERVED:
		break;
	}
	const json_t *value = json_object_get(one, "value");
	if (catalogue_satisfied(s->type, s->value, value))
		return NULL;
	error_set(why, ERR_CONFLICT, "%s is %s, desired is %s", name,
		  text_excerpt_json(value, found), text_excerpt_json(s->value, wanted));
	return why->message;
}

bool verdict_satisfied(const struct desired *desired, const json_t *observed, json_t *why)
{
	bool all = true;
	for (size_t i = 0; i < desired->n && (all || why); i++) {
		const struct desired_setting *s = &desired->items[i];
		struct error sentence;
		if (s->recommended || s->type->rule == RULE_NONE ||
		    !catalogue_applies(s->type, desired->channel))
			continue;
		const char *text = unsatisfied(s, observed, &sentence);
		if (!text)
			continue;
		all = false;
		if (why)
			json_object_set_new(why, s->type->name, json_string(text));
	}
	return all;
}

/* ---- shape ---- */

static int check_text(const json_t *one, const char *key, size_t max, const char *name,
		      const char **ret, struct error *err)
{
	*ret = NULL;
	int r = json_read_str(one, key, false, ret, err);
	if (r > 0)
		return error_set(err, ERR_INVALID, "%s: \"%s\" must be a string", name, key);
	if (r == 0 && *ret && strlen(*ret) > max)
		return error_set(err, ERR_INVALID, "%s: \"%s\" is longer than %zu bytes", name, key,
				 max);
	return r;
}

static int check_one(const char *name, const json_t *one, struct error *err)
{
	const char *state, *message, *at;
	enum observed_state s;
	int64_t at_ms;
	char found[EXCERPT_SIZE];
	if (!json_is_object(one))
		return error_set(err, ERR_INVALID, "%s must be an object, not %s", name,
				 text_excerpt_json(one, found));
	int r = check_text(one, "state", 32, name, &state, err);
	if (r == 0 && !observed_state_parse(state, &s))
		return error_set(err, ERR_INVALID,
				 "%s: \"state\" must be observed, applied, failed, unsupported or "
				 "pending, not %s",
				 name, text_excerpt(state ? state : "missing", found));
	if (r == 0)
		r = check_text(one, "message", MESSAGE_BYTES_MAX, name, &message, err);
	if (r == 0)
		r = check_text(one, "at", CLOCK_TEXT_SIZE, name, &at, err);
	if (r == 0 && at && *at && !clock_parse(at, &at_ms))
		return error_set(err, ERR_INVALID, "%s: \"at\" must be an RFC 3339 time, not %s",
				 name, text_excerpt(at, found));
	return r;
}

int observed_check(const json_t *observed, struct error *err)
{
	const char *name;
	json_t *one;
	if (!json_is_object(observed))
		return error_set(err, ERR_INVALID, "the settings observed must be an object");
	if (json_object_size(observed) > SETTINGS_MAX)
		return error_set(err, ERR_INVALID, "a report holds at most %d settings, not %zu",
				 SETTINGS_MAX, json_object_size(observed));
	json_object_foreach ((json_t *)observed, name, one) { /* the macro wants it mutable */
		char shown[EXCERPT_SIZE];
		if (*name == '\0' || strlen(name) > NAME_BYTES_MAX)
			return error_set(err, ERR_INVALID,
					 "a setting's name has 1 to %d bytes: \"%s\"",
					 NAME_BYTES_MAX, text_excerpt(name, shown));
		int r = check_one(name, one, err);
		if (r)
			return r;
	}
	return 0;
}
