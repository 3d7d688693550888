/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading statuses, see status.h.
 */
#include "channel/flyve/status.h"

#include "base/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX  32
#define EXACT_MAX   9007199254740992.0 /* 2^53 */
#define SECONDS_MAX (INT64_C(1) << 38) /* beyond are milliseconds */
#define DATE_MAX_MS INT64_C(253402300799999)

/* ---- values in several spellings ---- */

bool flyve_json_int(const json_t *v, int64_t *ret)
{
	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	double real = json_real_value(v);
	if (json_is_real(v) && real > -EXACT_MAX && real < EXACT_MAX &&
	    real == (double)(int64_t)real) {
		*ret = (int64_t)real;
		return true;
	}
	const char *s = json_string_value(v);
	char *end = NULL;
	if (!s || (!isdigit((unsigned char)*s) && *s != '-') || strlen(s) >= NUMBER_MAX)
		return false;
	errno = 0;
	long long n = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*ret = n;
	return true;
}

static bool json_real_like(const json_t *v, double *ret)
{
	if (json_is_number(v)) {
		*ret = json_number_value(v);
		return isfinite(*ret);
	}
	const char *s = json_string_value(v);
	char *end = NULL;
	if (!s || !*s || strlen(s) >= NUMBER_MAX || strspn(s, "+-.0123456789eE") != strlen(s))
		return false;
	*ret = strtod(s, &end);
	return !*end && isfinite(*ret);
}

static int parse_object(struct span payload, json_t **ret, struct error *err)
{
	int r = json_parse(payload, ret, err);
	if (r == 0 && !json_is_object(*ret)) {
		json_decref(TAKE(*ret));
		return error_set(err, ERR_INVALID, "the message is not a JSON object");
	}
	return r;
}

/* ---- online, unenroll, version ---- */

static bool is_word(const json_t *v, const char *word)
{
	const char *s = json_string_value(v);
	return s && strcasecmp(s, word) == 0;
}

/* The will of old agents is { online: false }, which is no JSON. */
static bool is_broken(struct span payload, const char *word)
{
	char text[32];
	size_t n = 0;
	for (size_t i = 0; i < payload.n && n < sizeof text - 1; i++)
		if (!isspace(payload.p[i]))
			text[n++] = (char)payload.p[i];
	text[n] = '\0';
	return strcmp(text, word) == 0;
}

int flyve_read_online(struct span payload, bool *ret, struct error *err)
{
	AUTO_JSON o = NULL;
	*ret = is_broken(payload, "{online:true}");
	if (*ret || is_broken(payload, "{online:false}"))
		return 0;
	int r = parse_object(payload, &o, err);
	if (r)
		return r;
	const json_t *v = json_object_get(o, "online");
	*ret = json_is_true(v) || is_word(v, "true");
	if (*ret || json_is_false(v) || is_word(v, "false"))
		return 0;
	return error_set(err, ERR_INVALID, "online is neither true nor false");
}

int flyve_read_unenroll(struct span payload, struct error *err)
{
	AUTO_JSON o = NULL;
	int r = parse_object(payload, &o, err);
	if (r == 0 && !is_word(json_object_get(o, "unenroll"), "unenrolled"))
		r = error_set(err, ERR_INVALID, "unenroll is not \"unenrolled\"");
	return r;
}

static bool is_version(const char *s)
{
	size_t n = strnlen(s, 64);
	return n > 0 && n < 64 && isdigit((unsigned char)*s) &&
	       strspn(s, "0123456789.-+abcdefghijklmnopqrstuvwxyz") == n;
}

int flyve_read_version(struct span payload, char out[64], struct error *err)
{
	AUTO_JSON o = NULL;
	if (payload.n > 0 && payload.p[0] == '{' && parse_object(payload, &o, err) == 0) {
		const char *s = json_string_value(json_object_get(o, "version"));
		snprintf(out, 64, "%s", s ? s : "");
	} else {
		snprintf(out, 64, "%.*s", (int)(payload.n < 64 ? payload.n : 63),
			 (const char *)payload.p);
	}
	return is_version(out) ? 0 : error_set(err, ERR_INVALID, "not a version");
}

/* ---- positions ---- */

static int read_date(const json_t *o, int64_t *ret_ms, struct error *err)
{
	const json_t *v = json_object_get(o, "datetime");
	int64_t s = 0;
	*ret_ms = 0;
	if (!v || json_is_null(v))
		return 0;
	if (!flyve_json_int(v, &s) || s < 0)
		return error_set(err, ERR_INVALID, "datetime is not a time");
	*ret_ms = s < SECONDS_MAX ? s * 1000 : s;
	if (*ret_ms > DATE_MAX_MS)
		return error_set(err, ERR_INVALID, "datetime is not a time");
	return 0;
}

static bool within(double v, double max)
{
	return v >= -max && v <= max;
}

int flyve_read_position(struct span payload, struct flyve_position *ret, struct error *err)
{
	AUTO_JSON o = NULL;
	*ret = (struct flyve_position){ .state = FLYVE_POSITION_NOT_YET };
	if (is_broken(payload, "?") || is_broken(payload, "\"?\""))
		return 0;
	int r = parse_object(payload, &o, err);
	if (r == 0)
		r = read_date(o, &ret->at_ms, err);
	if (r)
		return r;
	const json_t *latitude = json_object_get(o, "latitude");
	if (is_word(json_object_get(o, "gps"), "off") || is_word(latitude, "na")) {
		ret->state = FLYVE_POSITION_OFF;
		return 0;
	}
	if (is_word(latitude, "?"))
		return 0;
	if (!json_real_like(latitude, &ret->latitude) ||
	    !json_real_like(json_object_get(o, "longitude"), &ret->longitude) ||
	    !within(ret->latitude, 90) || !within(ret->longitude, 180))
		return error_set(err, ERR_INVALID, "latitude and longitude are not a position");
	ret->state = FLYVE_POSITION_KNOWN;
	return 0;
}

/* ---- tasks ---- */

static const struct {
	const char *text;
	enum task_state state;
	bool unsupported;
} words[] = {
	{ "pending", TASK_PENDING, false },     { "received", TASK_RECEIVED, false },
	{ "waiting", TASK_RUNNING, false },     { "in progress", TASK_RUNNING, false },
	{ "download", TASK_RUNNING, false },    { "done", TASK_DONE, false },
	{ "failed", TASK_FAILED, false },       { "error", TASK_FAILED, false },
	{ "canceled", TASK_CANCELLED, false },  { "cancelled", TASK_CANCELLED, false },
	{ "overriden", TASK_CANCELLED, false }, { "overridden", TASK_CANCELLED, false },
	{ "incompatible", TASK_FAILED, true },
};

static int check_text(const char *text, struct error *err)
{
	struct span s = span_str(text);
	if (s.n == 0 || s.n > FLYVE_STATUS_TEXT_MAX)
		return error_set(err, ERR_INVALID, "a status has 1 to %d bytes",
				 FLYVE_STATUS_TEXT_MAX);
	if (utf8_has_control(s))
		return error_set(err, ERR_INVALID, "control characters in a status");
	return 0;
}

int flyve_status_read(const char *text, enum task_state *ret, bool *ret_unsupported,
		      struct error *err)
{
	int r = check_text(text, err);
	if (r == 0 && (strcasecmp(text, "queued") == 0 || strcasecmp(text, "pushed") == 0))
		r = error_set(err, ERR_INVALID, "only the server says \"%.10s\"", text);
	if (r)
		return r;
	*ret = TASK_RUNNING; /* free text is somewhere on the way */
	*ret_unsupported = false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i].text) != 0)
			continue;
		*ret = words[i].state;
		*ret_unsupported = words[i].unsupported;
	}
	return 0;
}

enum observed_state flyve_observed(enum task_state state, bool unsupported)
{
	static const enum observed_state map[] = {
		[TASK_PENDING] = OBSERVED_PENDING, [TASK_RECEIVED] = OBSERVED_PENDING,
		[TASK_RUNNING] = OBSERVED_PENDING, [TASK_DONE] = OBSERVED_APPLIED,
		[TASK_FAILED] = OBSERVED_FAILED,   [TASK_CANCELLED] = OBSERVED_FAILED,
	};
	return unsupported ? OBSERVED_UNSUPPORTED : map[state];
}

static const char *first_text(const json_t *o, const char *a, const char *b)
{
	const char *s = json_string_value(json_object_get(o, a));
	if (!s)
		s = json_string_value(json_object_get(o, b));
	struct error ignored;
	return s && check_text(s, &ignored) == 0 ? s : "";
}

static int read_entry(const json_t *o, int64_t task_id, struct flyve_task_status *ret,
		      struct error *err)
{
	*ret = (struct flyve_task_status){ .task_id = task_id };
	if (!json_is_object(o))
		return error_set(err, ERR_INVALID, "an entry is not an object");
	if (task_id == 0 &&
	    (!flyve_json_int(json_object_get(o, "taskId"), &ret->task_id) || ret->task_id <= 0))
		return error_set(err, ERR_INVALID, "taskId is not a number above 0");
	ret->text = json_string_value(json_object_get(o, "status"));
	if (!ret->text)
		return error_set(err, ERR_INVALID, "status is not a text");
	if (!flyve_json_int(json_object_get(o, "progress"), &ret->progress) || ret->progress < 0 ||
	    ret->progress > 100)
		ret->progress = 0;
	ret->message = first_text(o, "message", "reason");
	return flyve_status_read(ret->text, &ret->state, &ret->unsupported, err);
}

int flyve_read_tasks(struct span payload, flyve_task_fn *fn, void *user, size_t *ret_n_bad,
		     struct error *err)
{
	AUTO_JSON o = NULL;
	json_t *list = NULL;
	const json_t *entry;
	size_t i;
	*ret_n_bad = 0;
	int r = parse_object(payload, &o, err);
	if (r == 0)
		r = json_read_array(o, "updateStatus", true, &list, err);
	if (r == 0 && json_array_size(list) > FLYVE_TASKS_MAX)
		r = error_set(err, ERR_INVALID, "more than %d entries", FLYVE_TASKS_MAX);
	if (r)
		return r;
	json_array_foreach (list, i, entry) {
		struct flyve_task_status s;
		struct error ignored;
		if (read_entry(entry, 0, &s, &ignored) != 0) {
			++*ret_n_bad;
			continue;
		}
		r = fn(user, &s);
		if (r < 0)
			return r;
		*ret_n_bad += r != 0;
	}
	return 0;
}

int flyve_read_task(struct span payload, int64_t task_id, flyve_task_fn *fn, void *user,
		    struct error *err)
{
	AUTO_JSON o = NULL;
	struct flyve_task_status s;
	int r = parse_object(payload, &o, err);
	if (r == 0)
		r = read_entry(o, task_id, &s, err);
	if (r)
		return r;
	r = fn(user, &s);
	return r > 0 ? error_set(err, ERR_INVALID, "the task is not this device's") : r;
}
