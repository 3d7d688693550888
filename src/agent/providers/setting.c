/* SPDX-License-Identifier: Apache-2.0
 *
 * Desired values in, results out; setting.h has the shapes.
 */
#include "agent/providers/setting.h"
#include "base/utf8.h"

const json_t *setting_value(const json_t *wanted, const char *name)
{
	return json_object_get(json_object_get(wanted, name), "value");
}

bool setting_asked(const json_t *wanted, const char *name)
{
	return json_object_size(wanted) == 0 || json_object_get(wanted, name);
}

bool setting_recommended(const json_t *wanted, const char *name)
{
	const char *level =
		json_string_value(json_object_get(json_object_get(wanted, name), "level"));
	return level && strcmp(level, "recommended") == 0;
}

bool setting_bool(const json_t *wanted, const char *name, bool *ret)
{
	const json_t *v = setting_value(wanted, name);
	if (!json_is_boolean(v))
		return false;
	*ret = json_is_true(v);
	return true;
}

bool setting_int(const json_t *wanted, const char *name, int64_t *ret)
{
	const json_t *v = setting_value(wanted, name);
	if (!json_is_integer(v))
		return false;
	*ret = json_integer_value(v);
	return true;
}

/* A JSON string of any bytes: what is not UTF-8 (a program's output may be in the message) is
 * replaced, and control characters are spaces. */
static json_t *clean_string(const char *text)
{
	CLEANUP(buf_fini) struct buf out;
	struct span s = span_str(text);
	uint32_t c;
	buf_init(&out, MESSAGE_SIZE);
	while (span_get_utf8_lossy(&s, &c) && out.n + 4 <= MESSAGE_SIZE)
		utf8_add(&out, utf8_is_control(c) ? ' ' : c);
	return json_stringn(buf_str(&out), out.n);
}

void provider_result(json_t *ret, const char *setting, json_t *steals_value, const char *state,
		     const char *message_or_null)
{
	json_t *result = json_object();
	json_object_set_new(result, "value", steals_value ? steals_value : json_null());
	json_object_set_new(result, "state", json_string(state));
	json_object_set_new(result, "message",
			    clean_string(message_or_null ? message_or_null : ""));
	json_object_set_new(ret, setting, result);
}

void setting_result(json_t *ret, const char *name, json_t *steals_value, const char *state,
		    const char *fmt, ...)
{
	char message[MESSAGE_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	provider_result(ret, name, steals_value, state, message);
}

void setting_fail(json_t *ret, const char *name, const char *fmt, ...)
{
	char message[MESSAGE_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	json_t *value = json_object_get(json_object_get(ret, name), "value");
	provider_result(ret, name, json_incref(value), "failed", message);
}

void setting_applied(json_t *ret, const json_t *desired)
{
	const char *name;
	json_t *unused;
	json_object_foreach ((json_t *)desired, name, unused) { /* the iterator wants it mutable */
		json_t *result = json_object_get(ret, name);
		const char *state = json_string_value(json_object_get(result, "state"));
		if (state && strcmp(state, "observed") == 0)
			json_object_set_new(result, "state", json_string("applied"));
	}
}

void outcome_init(struct outcome *o)
{
	*o = (struct outcome){ .done = json_array() };
}

void outcome_done(struct outcome *o, const json_t *element)
{
	json_array_append(o->done, (json_t *)element);
}

void outcome_fail(struct outcome *o, const char *fmt, ...)
{
	va_list ap;
	if (o->n_failed++ > 0)
		return;
	va_start(ap, fmt);
	vsnprintf(o->message, sizeof o->message, fmt, ap);
	va_end(ap);
}

void outcome_result(struct outcome *o, json_t *ret, const char *name, const char *state)
{
	bool failed = o->n_failed > 0 && strcmp(state, "applied") == 0;
	if (o->n_failed > 1)
		setting_result(ret, name, TAKE(o->done), failed ? "failed" : state,
			       "%.300s (and %d more)", o->message, o->n_failed - 1);
	else
		provider_result(ret, name, TAKE(o->done), failed ? "failed" : state, o->message);
}
