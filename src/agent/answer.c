/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading answers; answer.h has the contract.
 *
 * A 401 makes the agent enroll again, a 410 makes it put everything back and leave, and another 4xx
 * makes it drop what it had to say. These are believed only as problem+json, which is how the
 * device API says them: the error page of a proxy or a captive portal in between is an ordinary
 * failure. (413 is the exception: a proxy that finds a request too large will always do so.)
 */
#include "agent/answer.h"
#include "agent/text.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/utf8.h"
#include <ctype.h>
#include <curl/curl.h>

#define SETTINGS_MAX     4096
#define SETTING_NAME_MAX 256

/* ---- the head ---- */

void answer_head_init(struct answer_head *h)
{
	*h = (struct answer_head){ .next_poll_ms = -1, .retry_after_ms = -1 };
}

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Digits only, at most 18 of them; -1 for anything else. */
static int64_t whole_number(struct span s)
{
	int64_t v = 0;
	if (s.n == 0 || s.n > 18)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

static int64_t seconds_as_ms(struct span s)
{
	int64_t v = whole_number(s);
	return v < 0 || v > INT64_MAX / 1000 ? -1 : v * 1000;
}

static void copy(char *to, size_t size, struct span s)
{
	to[0] = '\0';
	if (s.n >= size || !utf8_valid(s) || memchr(s.p ? s.p : (const uint8_t *)"", 0, s.n))
		return;
	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
}

static void read_content_type(struct answer_head *h, struct span v)
{
	struct span type = v;
	struct span before;
	if (span_get_until(&type, ';', &before))
		v = trim(before);
	h->problem = span_ieq_str(v, "application/problem+json");
}

static void read_next_poll(struct answer_head *h, struct span v)
{
	h->next_poll_ms = seconds_as_ms(v);
}

static void read_retry_after(struct answer_head *h, struct span v)
{
	h->retry_after_ms = seconds_as_ms(v);
}

static void read_commands(struct answer_head *h, struct span v)
{
	int64_t n = whole_number(v);
	h->commands = n < 0 ? 0 : n;
}

static void read_date(struct answer_head *h, struct span v)
{
	char text[64];
	copy(text, sizeof text, v);
	time_t t = text[0] ? curl_getdate(text, NULL) : -1;
	h->date_ms = t > 0 && t < INT64_MAX / 1000 ? (int64_t)t * 1000 : 0;
}

/* Kept only when it is safe to send back as it came. */
static void read_etag(struct answer_head *h, struct span value)
{
	h->etag[0] = '\0';
	if (value.n < 2 || value.n >= sizeof h->etag)
		return;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x21 || value.p[i] > 0x7e)
			return;
	memcpy(h->etag, value.p, value.n);
	h->etag[value.n] = '\0';
}

void answer_head_line(struct answer_head *h, struct span line)
{
	static const struct {
		const char *name;
		void (*read)(struct answer_head *h, struct span value);
	} rows[] = {
		{ "Reeve-Next-Poll", read_next_poll }, { "Reeve-Commands", read_commands },
		{ "Retry-After", read_retry_after },   { "Date", read_date },
		{ "Content-Type", read_content_type }, { "ETag", read_etag },
	};
	struct span name;
	if (!span_get_until(&line, ':', &name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (span_ieq_str(name, rows[i].name))
			rows[i].read(h, trim(line));
}

/* ---- its meaning ---- */

/* The server's own sentence, without anything that could take over a terminal; "" when there is none. */
static void problem_detail(const struct answer_head *h, struct span body, char *text, size_t size)
{
	AUTO_JSON j = NULL;
	struct error ignored;
	const char *detail = NULL;
	text[0] = '\0';
	if (!h->problem || json_parse(body, &j, &ignored) || !json_is_object(j) ||
	    json_read_str(j, "detail", false, &detail, &ignored) || !detail)
		return;
	text_copy(text, size, detail);
}

static bool is_problem(const struct answer_head *h, struct span body)
{
	AUTO_JSON j = NULL;
	struct error ignored;
	return h->problem && !json_parse(body, &j, &ignored) && json_is_object(j);
}

enum sync_answer_kind answer_kind(const struct answer_head *h, struct span body,
				  struct error *message)
{
	char detail[256];
	enum sync_answer_kind kind = SYNC_REFUSED;
	if ((h->status >= 200 && h->status < 300) || h->status == 304)
		return SYNC_OK;
	problem_detail(h, body, detail, sizeof detail);
	(void)error_set(message, ERR_UNAVAILABLE, "the server answered %d%s%s", h->status,
			detail[0] ? ": " : "", detail);
	if (h->status == 429 || h->status == 503)
		kind = SYNC_THROTTLED;
	else if (h->status < 400 || h->status >= 500 || h->status == 408)
		kind = SYNC_FAILED;
	else if (h->status != 413 && !is_problem(h, body))
		kind = SYNC_FAILED;
	else if (h->status == 401)
		kind = SYNC_UNKNOWN;
	else if (h->status == 410)
		kind = SYNC_GONE;
	if (h->status >= 300 && h->status < 400)
		(void)error_set(message, ERR_UNAVAILABLE,
				"the server answered %d: redirects are not followed; give its "
				"real address",
				h->status);
	return kind;
}

/* ---- bodies ---- */

static int parse_object(struct span body, json_t **ret, struct error *err)
{
	int r = json_parse(body, ret, err);
	if (r == 0 && !json_is_object(*ret))
		r = error_set(err, ERR_INVALID, "the answer is not a JSON object");
	return r;
}

static bool token_fits(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n >= ANSWER_TOKEN_SIZE)
		return false;
	for (; *s; s++)
		if (!isgraph((unsigned char)*s))
			return false;
	return true;
}

int answer_enrolled(struct span body, struct answer_enrolled *ret, struct error *err)
{
	AUTO_JSON j = NULL;
	const char *token = NULL, *organization = "", *fleet = "";
	CLEANUP(free_charp) char *text = NULL;
	json_t *mqtt = NULL;
	int64_t id = 0;
	int r = parse_object(body, &j, err);
	r = r ? r : json_read_int(j, "device_id", true, &id, err);
	r = r ? r : json_read_str(j, "device_token", true, &token, err);
	r = r ? r : json_read_str(j, "organization", false, &organization, err);
	r = r ? r : json_read_str(j, "fleet", false, &fleet, err);
	r = r ? r : json_read_object(j, "mqtt", false, &mqtt, err);
	if (r)
		return r;
	if (mqtt)
		text = json_text(mqtt);
	if (text && strlen(text) >= ANSWER_MQTT_SIZE)
		return error_set(err, ERR_INVALID, "\"mqtt\" is too long");
	if (id <= 0 || !token_fits(token))
		return error_set(err, ERR_INVALID, "\"device_id\" or \"device_token\" is not one");
	*ret = (struct answer_enrolled){ .device_id = id };
	copy(ret->token, sizeof ret->token, span_str(token));
	copy(ret->organization, sizeof ret->organization, span_str(organization));
	copy(ret->fleet, sizeof ret->fleet, span_str(fleet));
	copy(ret->mqtt, sizeof ret->mqtt, span_str(text ? text : ""));
	return 0;
}

static int check_setting(const char *name, json_t *setting, struct error *err)
{
	const char *level = "";
	size_t n = strlen(name);
	if (n == 0 || n > SETTING_NAME_MAX)
		return error_set(err, ERR_INVALID, "a setting's name has %zu bytes", n);
	if (!json_is_object(setting) || !json_object_get(setting, "value"))
		return error_set(err, ERR_INVALID, "setting %s has no \"value\"", name);
	return json_read_str(setting, "level", false, &level, err);
}

int answer_desired(struct span body, struct answer_desired *ret, struct error *err)
{
	AUTO_JSON j = NULL;
	json_t *settings = NULL;
	const char *name;
	json_t *setting;
	int64_t version = 0, commands = 0;
	int r = parse_object(body, &j, err);
	r = r ? r : json_read_int(j, "version", true, &version, err);
	r = r ? r : json_read_int(j, "commands", false, &commands, err);
	r = r ? r : json_read_object(j, "settings", true, &settings, err);
	if (r)
		return r;
	if (version <= 0 || commands < 0 || json_object_size(settings) > SETTINGS_MAX)
		return error_set(err, ERR_INVALID,
				 "\"version\", \"commands\" or \"settings\" is out of range");
	json_object_foreach (settings, name, setting)
		if ((r = check_setting(name, setting, err)))
			return r;
	*ret = (struct answer_desired){ version, commands, json_incref(settings) };
	return 0;
}

static int read_command(json_t *item, struct answer_command *ret, struct error *err)
{
	const char *type = NULL, *expires = NULL;
	json_t *params = NULL;
	*ret = (struct answer_command){ 0 };
	int r = json_read_int(item, "id", true, &ret->id, err);
	r = r ? r : json_read_str(item, "type", true, &type, err);
	r = r ? r : json_read_object(item, "params", false, &params, err);
	r = r ? r : json_read_str(item, "expires", false, &expires, err);
	if (r)
		return r;
	copy(ret->type, sizeof ret->type, span_str(type));
	if (ret->id <= 0 || !ret->type[0])
		return error_set(err, ERR_INVALID, "a command's \"id\" or \"type\" is not one");
	if (expires && !clock_parse(expires, &ret->expires_ms))
		return error_set(err, ERR_INVALID, "\"expires\" is not a time");
	ret->params = params;
	return 0;
}

int answer_commands(struct span body, struct answer_command ret[ANSWER_COMMANDS_MAX], size_t *ret_n,
		    json_t **ret_body, struct error *err)
{
	AUTO_JSON j = NULL;
	json_t *items = NULL, *item;
	size_t i, n = 0;
	int r = parse_object(body, &j, err);
	r = r ? r : json_read_array(j, "commands", true, &items, err);
	if (r)
		return r;
	json_array_foreach (items, i, item) {
		if (n == ANSWER_COMMANDS_MAX)
			break;
		if ((r = read_command(item, &ret[n++], err)))
			return r;
	}
	*ret_n = n;
	*ret_body = TAKE(j);
	return 0;
}

int answer_report(struct span body, char verdict[32], struct error *err)
{
	AUTO_JSON j = NULL;
	const char *text = NULL;
	int r = parse_object(body, &j, err);
	r = r ? r : json_read_str(j, "verdict", true, &text, err);
	if (r)
		return r;
	if (text[0] == '\0' || strlen(text) >= 32 ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(text))
		return error_set(err, ERR_INVALID, "\"verdict\" is not one");
	snprintf(verdict, 32, "%s", text);
	return 0;
}

int answer_file(struct span body, struct answer_file *ret, json_t **ret_all, struct error *err)
{
	AUTO_JSON j = NULL;
	const char *hex = NULL;
	uint8_t hash[SHA256_SIZE];
	int r = parse_object(body, &j, err);
	r = r ? r : json_read_str(j, "sha256", true, &hex, err);
	r = r ? r : json_read_int(j, "size", true, &ret->size, err);
	if (r)
		return r;
	if (!hex_decode(hex, hash, sizeof hash) || ret->size < 0)
		return error_set(err, ERR_INVALID, "\"sha256\" or \"size\" is not one");
	hex_encode((struct span){ hash, sizeof hash }, ret->sha256);
	*ret_all = TAKE(j);
	return 0;
}
