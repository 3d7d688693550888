/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics and filters by MQTT 3.1.1 §4.7: levels between slashes, "+" for one whole level, "#" for all that is left,
 * and only as the last. What begins with '$' is not matched by a filter that begins with a wildcard.
 */
#include "net/mqtt/mqtt.h"

#include "base/utf8.h"

#define TOPIC_MAX 65535

static bool text_valid(const char *s)
{
	size_t n = s ? strnlen(s, TOPIC_MAX + 1) : 0;
	return n >= 1 && n <= TOPIC_MAX && utf8_valid((struct span){ (const uint8_t *)s, n });
}

bool mqtt_topic_valid(const char *topic)
{
	return text_valid(topic) && !strpbrk(topic, "+#");
}

bool mqtt_filter_valid(const char *filter)
{
	if (!text_valid(filter))
		return false;
	for (const char *level = filter;;) {
		size_t n = strcspn(level, "/");
		bool wild = memchr(level, '+', n) || memchr(level, '#', n);
		if (wild && n != 1)
			return false;
		if (level[n] == '\0')
			return true;
		if (*level == '#')
			return false; /* something follows */
		level += n + 1;
	}
}

/* To the next level; NULL after the last. */
static const char *next_level(const char *level, size_t n)
{
	return level[n] ? level + n + 1 : NULL;
}

bool mqtt_filter_matches(const char *filter, const char *topic)
{
	if (*topic == '$' && (*filter == '+' || *filter == '#'))
		return false;
	while (filter && topic) {
		size_t n_filter = strcspn(filter, "/"), n = strcspn(topic, "/");
		if (*filter == '#')
			return true;
		bool any = n_filter == 1 && *filter == '+';
		if (!any && (n_filter != n || memcmp(filter, topic, n) != 0))
			return false;
		filter = next_level(filter, n_filter);
		topic = next_level(topic, n);
	}
	/* "a/#" also means "a" itself */
	return !topic && (!filter || strcmp(filter, "#") == 0);
}
