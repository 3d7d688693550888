/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the configuration and values of their types: from text, to text, from an
 * organization's JSON.
 */
#include "base/clock.h"
#include "model/text.h"
#include "server/config-row.h"

#include <arpa/inet.h>
#include <errno.h>

const struct config_row config_rows[CONFIG_ROWS_N] = {
#define CONFIG(key_, type_, field_, flag_, env_, dflt_, per_org_, reload_, doc_)                   \
	{ .key = (key_),                                                                           \
	  .type = CONFIG_TYPE_##type_,                                                             \
	  .offset = offsetof(struct config, field_),                                               \
	  .flag = (flag_),                                                                         \
	  .env = (env_),                                                                           \
	  .dflt = (dflt_),                                                                         \
	  .per_org = (per_org_),                                                                   \
	  .reload = (reload_),                                                                     \
	  .doc = (doc_) },
#include "server/config.def"
#undef CONFIG
};

static const struct { /* numbers without a row here are 0 … 2^53 */
	int position;
	int64_t min, max;
} ranges[] = {
	{ CONFIG_ROW_poll_interval, 1000, INT64_C(7) * 24 * 3600 * 1000 },
	{ CONFIG_ROW_poll_jitter, 0, 90 },
	{ CONFIG_ROW_chrome_signature_freshness, 0, INT64_C(24) * 3600 * 1000 },
	{ CONFIG_ROW_retention_events, 60 * 1000, INT64_C(36500) * 24 * 3600 * 1000 },
	{ CONFIG_ROW_retention_samples, 60 * 1000, INT64_C(3650) * 24 * 3600 * 1000 },
	{ CONFIG_ROW_limits_body, 1024, INT64_C(1) << 30 },
	{ CONFIG_ROW_limits_file, 0, INT64_C(1) << 40 },
	{ CONFIG_ROW_limits_connections, 0, 1000000 },
	{ CONFIG_ROW_limits_enroll, 0, 1000000 },
	{ CONFIG_ROW_limits_children, 0, 10000 },
	{ CONFIG_ROW_limits_login, 0, 1000000 },
	{ CONFIG_ROW_limits_mqtt_connections, 0, 10000000 },
	{ CONFIG_ROW_limits_mqtt_packet, 4096, 256 << 20 },
	{ CONFIG_ROW_limits_mqtt_memory, 0, INT64_C(1) << 40 },
	{ CONFIG_ROW_mqtt_token_life, 60 * 1000, INT64_C(3650) * 24 * 3600 * 1000 },
};

static bool is_unenroll(const char *s)
{
	return strcmp(s, "delete_token") == 0 || strcmp(s, "invalidate_token") == 0;
}

/* Printable ASCII without blanks, '@' and quotes: it becomes a part of addresses. */
static bool is_domain(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || strchr("@\"'\\/{}", s[i]))
			return false;
	return n <= CONFIG_DOMAIN_MAX;
}

static bool is_identity(const char *s)
{
	const char *at = strchr(s, '@');
	return *s == '\0' || (at && at != s && strlen(s) <= CONFIG_IDENTITY_MAX &&
			      (strcmp(at + 1, "{domain}") == 0 || (at[1] && is_domain(at + 1))));
}

/* "127.0.0.1:80/…": what follows http://. */
static bool is_at_loopback(const char *s)
{
	char host[INET6_ADDRSTRLEN + 2];
	struct in_addr v4;
	size_t n = strcspn(s, *s == '[' ? "]" : ":/?#");
	if (s[n] == ']')
		n++;
	if (n >= sizeof host || !strchr(":/?#", s[n]) || memchr(s, '@', strcspn(s, "/?#")))
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* Tokens go there: in the clear only within the machine. */
static bool is_safe_address(const char *s)
{
	return *s == '\0' || (strncmp(s, "https://", 8) == 0 && s[8]) ||
	       (strncmp(s, "http://", 7) == 0 && is_at_loopback(s + 7));
}

static const struct { /* texts that may not be just anything */
	int position;
	bool (*fits)(const char *s);
	const char *wanted;
} texts[] = {
	{ CONFIG_ROW_chrome_domain, is_domain, "a domain such as example.org" },
	{ CONFIG_ROW_chrome_service_account_identity, is_identity,
	  "empty or an address such as reeve@{domain}" },
	{ CONFIG_ROW_chrome_unenroll, is_unenroll, "delete_token or invalidate_token" },
	{ CONFIG_ROW_chrome_token_info_url, is_safe_address, "empty or an https:// address" },
};

const struct config_row *config_row_find(const char *key)
{
	for (size_t i = 0; i < CONFIG_ROWS_N; i++)
		if (strcmp(config_rows[i].key, key) == 0)
			return &config_rows[i];
	return NULL;
}

const char *config_row_hint(const char *wrong_key, bool per_org, char *out, size_t n_out)
{
	struct nearest nearest;
	char hint[EXCERPT_SIZE];
	nearest_init(&nearest, wrong_key);
	for (size_t i = 0; i < CONFIG_ROWS_N; i++)
		if (config_rows[i].per_org || !per_org)
			nearest_add(&nearest, config_rows[i].key, config_rows[i].key);
	snprintf(out, n_out, "%s", nearest_hint(&nearest, hint));
	return out;
}

static bool parse_whole(const char *text, const char *tail, int64_t *ret)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *text == ' ' || *text == '+' || v < 0)
		return false;
	*ret = v;
	return *end == '\0' || strcmp(end, tail) == 0;
}

static bool parse_bool(const char *text, bool *ret)
{
	*ret = strcmp(text, "true") == 0;
	return *ret || strcmp(text, "false") == 0;
}

/* Bytes, with K, M or G for the powers of 1024. */
static bool parse_size(const char *text, int64_t *ret)
{
	static const char *const tails[] = { "", "K", "M", "G" };
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		if (!parse_whole(text, tails[i], ret))
			continue;
		size_t n = strlen(text);
		bool has_tail = n > 0 && (text[n - 1] < '0' || text[n - 1] > '9');
		return !has_tail || !__builtin_mul_overflow(*ret, INT64_C(1) << (10 * i), ret);
	}
	return false;
}

int config_value_parse(const struct config_row *row, const char *text, union config_value *ret,
		       struct error *err)
{
	const char *wanted = NULL;
	*ret = (union config_value){ 0 };
	switch (row->type) {
	case CONFIG_TYPE_STR:
		ret->str = text;
		break;
	case CONFIG_TYPE_BOOL:
		wanted = parse_bool(text, &ret->boolean) ? NULL : "true or false";
		break;
	case CONFIG_TYPE_INT:
		wanted = parse_whole(text, "", &ret->number) ? NULL : "a whole number";
		break;
	case CONFIG_TYPE_DURATION:
		wanted = duration_parse(text, &ret->number) ? NULL
							    : "a duration such as 90s, 15m or 24h";
		break;
	case CONFIG_TYPE_PERCENT:
		wanted = parse_whole(text, "%", &ret->number) ? NULL : "a percentage such as 20%";
		break;
	case CONFIG_TYPE_SIZE:
		wanted = parse_size(text, &ret->number) ? NULL
							: "a number of bytes such as 1048576 or 1M";
		break;
	}
	if (!wanted)
		return config_value_check(row, ret, err);
	char shown[EXCERPT_SIZE];
	return error_set(err, ERR_INVALID, "\"%s\" is not %s", text_excerpt(text, shown), wanted);
}

static int check_text(const struct config_row *row, const char *text, struct error *err)
{
	char shown[EXCERPT_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (&config_rows[texts[i].position] == row && !texts[i].fits(text))
			return error_set(err, ERR_INVALID, "\"%s\" is not %s",
					 text_excerpt(text, shown), texts[i].wanted);
	return 0;
}

int config_value_check(const struct config_row *row, const union config_value *v, struct error *err)
{
	if (row->type == CONFIG_TYPE_STR)
		return check_text(row, v->str, err);
	if (row->type == CONFIG_TYPE_BOOL)
		return 0;
	int64_t min = 0, max = INT64_C(1) << 53;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (&config_rows[ranges[i].position] == row) {
			min = ranges[i].min;
			max = ranges[i].max;
		}
	if (v->number >= min && v->number <= max)
		return 0;
	char low[32], high[32], found[32];
	union config_value lo = { .number = min }, hi = { .number = max };
	return error_set(err, ERR_INVALID, "%s is not within %s and %s",
			 config_value_text(row, *v, found), config_value_text(row, lo, low),
			 config_value_text(row, hi, high));
}

union config_value config_value_get(const struct config *c, const struct config_row *row)
{
	const void *p = (const char *)c + row->offset;
	if (row->type == CONFIG_TYPE_STR)
		return (union config_value){ .str = *(const char *const *)p };
	if (row->type == CONFIG_TYPE_BOOL)
		return (union config_value){ .boolean = *(const bool *)p };
	return (union config_value){ .number = *(const int64_t *)p };
}

void config_value_put(struct config *c, const struct config_row *row, union config_value v)
{
	void *p = (char *)c + row->offset;
	if (row->type == CONFIG_TYPE_STR)
		*(const char **)p = arena_strdup(c->owned, v.str);
	else if (row->type == CONFIG_TYPE_BOOL)
		*(bool *)p = v.boolean;
	else
		*(int64_t *)p = v.number;
}

const char *config_value_text(const struct config_row *row, union config_value v, char out[32])
{
	switch (row->type) {
	case CONFIG_TYPE_STR:
		return v.str;
	case CONFIG_TYPE_BOOL:
		return v.boolean ? "true" : "false";
	case CONFIG_TYPE_DURATION:
		return duration_format(v.number, out);
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_SIZE:
		snprintf(out, 32, "%lld", (long long)v.number);
		return out;
	case CONFIG_TYPE_PERCENT:
		snprintf(out, 32, "%lld%%", (long long)v.number);
		return out;
	}
	return "";
}

/* ---- organizations ---- */

static const struct config_row *org_row(const char *key)
{
	const struct config_row *row = config_row_find(key);
	return row && row->per_org ? row : NULL;
}

static int from_json(const struct config_row *row, const json_t *j, union config_value *ret,
		     struct error *err)
{
	if (json_is_string(j) && row->type != CONFIG_TYPE_BOOL)
		return config_value_parse(row, json_string_value(j), ret, err);
	char text[32] = "", shown[EXCERPT_SIZE];
	if (json_is_integer(j) && row->type != CONFIG_TYPE_BOOL) /* a duration: seconds */
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(j));
	else if (json_is_boolean(j) && row->type == CONFIG_TYPE_BOOL)
		snprintf(text, sizeof text, "%s", json_is_true(j) ? "true" : "false");
	else
		return error_set(err, ERR_INVALID, "%s is of the wrong type",
				 text_excerpt_json(j, shown));
	return config_value_parse(row, text, ret, err);
}

json_t *config_for_org(const struct config *c, const char *config_json, const char *key)
{
	const struct config_row *row = org_row(key);
	if (!row)
		return NULL;
	union config_value v = config_value_get(c, row);
	AUTO_JSON own = NULL;
	struct error err;
	const json_t *found = NULL;
	if (config_json && *config_json && json_parse(span_str(config_json), &own, &err) == 0)
		found = json_object_get(own, key);
	/* What was stored was checked then; a range that became narrower since falls back. */
	if (found && from_json(row, found, &v, &err) != 0)
		v = config_value_get(c, row);
	if (row->type == CONFIG_TYPE_BOOL)
		return json_boolean(v.boolean);
	return row->type == CONFIG_TYPE_STR ? json_string(v.str) : json_integer(v.number);
}

int config_check_org(const char *key, const json_t *value, struct error *err)
{
	const struct config_row *row = org_row(key);
	char hint[EXCERPT_SIZE], shown[EXCERPT_SIZE];
	if (!row)
		return error_set(
			err, ERR_INVALID, "An organization has no configuration key \"%s\"%s",
			text_excerpt(key, shown), config_row_hint(key, true, hint, sizeof hint));
	union config_value v;
	struct error why;
	if (from_json(row, value, &v, &why) != 0)
		return error_set(err, ERR_INVALID, "%s: %s.", key, why.message);
	return 0;
}
