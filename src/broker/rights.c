/* SPDX-License-Identifier: Apache-2.0
 *
 * See rights.h.
 */
#include "broker/rights.h"

#include "base/macros.h"
#include "base/utf8.h"

#define MANIFEST "FlyvemdmManifest"

static const char *const written[] = { "Status", MANIFEST }; /* below the account's root */

/* What follows "root/" in the topic; NULL: the topic is not below it. */
static const char *below(const char *topic, const char *root)
{
	size_t n = strlen(root);
	return strncmp(topic, root, n) == 0 && topic[n] == '/' ? topic + n + 1 : NULL;
}

/* Is the level (or anything below it) one that the device writes? */
static bool is_written(const char *rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		if (below(rest, written[i]) || strcmp(rest, written[i]) == 0)
			return true;
	return false;
}

static bool below_fleet(const struct rights *r, const char *topic)
{
	for (const char *f = r->fleets; *f; f += strlen(f) + 1)
		if (below(topic, f))
			return true;
	return false;
}

static bool may_write(const struct rights *r, const char *topic, bool retained)
{
	const char *rest = below(topic, r->root);
	if (!rest || (retained && strcmp(rest, "Status/Online") != 0))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		if (below(rest, written[i]))
			return true;
	return false;
}

static bool may_read(const struct rights *r, const char *topic)
{
	const char *rest = below(topic, r->root);
	if (rest)
		return !is_written(rest);
	return below(topic, MANIFEST) || below_fleet(r, topic);
}

/* Filters may hold wildcards after the root; what they match beyond the rights is not delivered. */
static bool may_subscribe(const struct rights *r, const char *filter)
{
	if (strcmp(filter, "#") == 0)
		return r->flags & RIGHTS_EVERYTHING_FILTER;
	return below(filter, r->root) || below(filter, MANIFEST) || below_fleet(r, filter);
}

bool rights_may(const struct rights *r, enum rights_access access, const char *topic)
{
	topic += *topic == '/';
	switch (access) {
	case RIGHTS_READ:
		return may_read(r, topic);
	case RIGHTS_WRITE:
		return may_write(r, topic, false);
	case RIGHTS_WRITE_RETAINED:
		return may_write(r, topic, true);
	case RIGHTS_SUBSCRIBE:
		return may_subscribe(r, topic);
	}
	return false;
}

bool rights_root_valid(struct span root)
{
	size_t n_levels = 1;
	uint32_t c, last = '/'; /* an empty level is a slash after a slash, or at either end */
	if (root.n == 0 || root.n > RIGHTS_ROOT_MAX)
		return false;
	while (root.n > 0) {
		if (!span_get_utf8(&root, &c) || utf8_is_control(c) ||
		    (c < 0x80 && strchr("+#$%", (int)c)))
			return false;
		if (c == '/' && last == '/')
			return false;
		n_levels += c == '/';
		last = c;
	}
	return n_levels == 3 && last != '/';
}

/* ---- as a list ---- */

struct listing {
	void (*fn)(void *user, const struct rights_row *row);
	void *user;
};

static void list(const struct listing *l, bool write, const char *root, const char *rest)
{
	struct rights_row row = { .write = write };
	for (int slash = 0; slash <= 1; slash++) {
		snprintf(row.filter, sizeof row.filter, "%s%s/%s", slash ? "/" : "", root, rest);
		l->fn(l->user, &row);
	}
}

void rights_each(const struct rights *r, void (*fn)(void *user, const struct rights_row *row),
		 void *user)
{
	struct listing l = { fn, user };
	list(&l, true, r->root, "Status/#");
	list(&l, true, r->root, MANIFEST "/#");
	list(&l, false, r->root, "#");
	for (const char *f = r->fleets; *f; f += strlen(f) + 1)
		list(&l, false, f, "#");
	list(&l, false, MANIFEST, "#");
}
