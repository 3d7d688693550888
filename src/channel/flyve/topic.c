/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics, see topic.h. A peer's topic is taken apart with bounded readers, part by part; whatever is
 * not exactly one of the known forms is refused.
 */
#include "channel/flyve/topic.h"

#include "base/macros.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define ENTITY_DIGITS_MAX 18

const char *const flyve_status_filters[] = {
	"+/agent/+/Status/#",
	"/+/agent/+/Status/#",
	"+/agent/+/FlyvemdmManifest/#",
	"/+/agent/+/FlyvemdmManifest/#",
	NULL,
};

const char *const flyve_own_filters[] = {
	"+/agent/+/Command/#", "/+/agent/+/Command/#",
	"+/agent/+/Policy/#",  "/+/agent/+/Policy/#",
	"+/fleet/#",           "/+/fleet/#",
	FLYVE_MANIFEST_TOPIC,  "/" FLYVE_MANIFEST_TOPIC,
	FLYVE_BROKER_TOPIC,    NULL,
};

/* ---- names ---- */

bool flyve_name_safe(const char *name)
{
	size_t n = strnlen(name, FLYVE_NAME_MAX + 1);
	if (n == 0 || n > FLYVE_NAME_MAX || strncasecmp(name, "reeve", 5) == 0)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._:-", *name))
			return false;
	return true;
}

bool flyve_name_misleads(const char *name)
{
	static const char *const words[] = { "ping", "geolocate", "inventory", "lock",
					     "wipe", "unenroll",  "subscribe" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

bool flyve_serial_is_placeholder(const char *serial)
{
	static const char *const words[] = {
		"",
		"unknown",
		"none",
		"null",
		"n/a",
		"0",
		"default",
		"android",
		"not specified",
		"to be filled by o.e.m.",
		"123",
		"123456789",
		"serial",
		"system serial number",
		"0123456789abcdef",
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(serial, words[i]) == 0)
			return true;
	return serial[strspn(serial, "0")] == '\0';
}

/* ---- reading ---- */

static bool get_number(struct span text, int64_t *ret)
{
	int64_t n = 0;
	if (text.n == 0 || text.n > ENTITY_DIGITS_MAX || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = n * 10 + (text.p[i] - '0');
	}
	*ret = n;
	return true;
}

static bool name_ok(struct span name)
{
	char text[FLYVE_NAME_MAX + 1];
	if (name.n >= sizeof text || memchr(name.p, '\0', name.n))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return flyve_name_safe(text);
}

/* "0/agent/SER1/" off the front, with or without a slash before it. */
static bool get_root(struct span *t, struct flyve_topic *ret)
{
	struct span entity, word;
	int64_t n;
	if (t->n > 0 && t->p[0] == '/')
		(void)!span_get_bytes(t, 1, &word);
	if (!span_get_until(t, '/', &entity) || !get_number(entity, &n) ||
	    !span_get_until(t, '/', &word) || !span_eq_str(word, "agent") ||
	    !span_get_until(t, '/', &ret->name) || !name_ok(ret->name))
		return false;
	ret->org_id = n + 1;
	return true;
}

static const struct {
	const char *suffix;
	enum flyve_status status;
} suffixes[] = {
	{ "Status/Ping", FLYVE_STATUS_PING },
	{ "Status/Geolocation", FLYVE_STATUS_GEOLOCATION },
	{ "Status/Inventory", FLYVE_STATUS_INVENTORY },
	{ "Status/Unenroll", FLYVE_STATUS_UNENROLL },
	{ "Status/Online", FLYVE_STATUS_ONLINE },
	{ "Status/Task", FLYVE_STATUS_TASK },
	{ "Status/Install", FLYVE_STATUS_INSTALL },
	{ "FlyvemdmManifest/Status/Version", FLYVE_STATUS_VERSION },
};

bool flyve_topic_parse(struct span topic, struct flyve_topic *ret)
{
	static const char task[] = "Status/Task/";
	struct span rest = topic, head;
	*ret = (struct flyve_topic){ 0 };
	if (!get_root(&rest, ret))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		ret->status = suffixes[i].status;
		if (span_eq_str(rest, suffixes[i].suffix))
			return true;
	}
	ret->status = FLYVE_STATUS_TASK_ID;
	return span_get_bytes(&rest, sizeof task - 1, &head) && span_eq_str(head, task) &&
	       get_number(rest, &ret->task_id) && ret->task_id > 0;
}

bool flyve_topic_is_ours(struct span topic)
{
	struct flyve_topic ignored;
	struct span rest = topic, entity, word;
	int64_t n;
	if (span_eq_str(topic, FLYVE_MANIFEST_TOPIC) ||
	    span_eq_str(topic, "/" FLYVE_MANIFEST_TOPIC) || span_eq_str(topic, FLYVE_BROKER_TOPIC))
		return true;
	if (get_root(&rest, &ignored))
		return span_get_until(&rest, '/', &word) &&
		       (span_eq_str(word, "Command") || span_eq_str(word, "Policy"));
	rest = topic;
	if (rest.n > 0 && rest.p[0] == '/')
		(void)!span_get_bytes(&rest, 1, &word);
	return span_get_until(&rest, '/', &entity) && get_number(entity, &n) &&
	       span_get_until(&rest, '/', &word) && span_eq_str(word, "fleet");
}

/* ---- writing ---- */

static const char *slash(enum flyve_dialect d)
{
	return d == FLYVE_D1 ? "/" : "";
}

const char *flyve_agent_root(struct arena *a, enum flyve_dialect d, int64_t org_id,
			     const char *name)
{
	return arena_printf(a, "%s%" PRId64 "/agent/%s", slash(d), org_id - 1, name);
}

const char *flyve_fleet_root(struct arena *a, enum flyve_dialect d, int64_t org_id,
			     int64_t fleet_id)
{
	return arena_printf(a, "%s%" PRId64 "/fleet/%" PRId64, slash(d), org_id - 1, fleet_id);
}
