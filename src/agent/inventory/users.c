/* SPDX-License-Identifier: Apache-2.0
 *
 * Root and the people of this machine (uid 1000 to 59999 and what useradd may give beyond, without
 * nobody), from /etc/passwd; the last login from lastlog, a sparse file with one record a uid.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/place.h"
#include "base/clock.h"
#include <fcntl.h>
#include <lastlog.h>
#include <unistd.h>

#define FILE_MAX   (4 * 1024 * 1024)
#define UID_PEOPLE 1000
#define UID_NOBODY 65534
#define FIELDS     7 /* name:password:uid:gid:gecos:home:shell */

/* Splits in place; false: not a line of passwd. */
static bool split(char *line, char *fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = line;
		line = line ? strchr(line, ':') : NULL;
		if (!line)
			return i == FIELDS - 1;
		*line++ = '\0';
	}
	return false;
}

static bool parse_uid(const char *text, int64_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	*ret = (int64_t)v;
	return end != text && !*end && text[0] != '-' && v <= UINT32_MAX;
}

static void add_last_login(json_t *o, int lastlog_fd, int64_t uid)
{
	struct lastlog l;
	char when[CLOCK_TEXT_SIZE];
	if (pread(lastlog_fd, &l, sizeof l, uid * (off_t)sizeof l) == sizeof l && l.ll_time > 0)
		section_text(o, "last_login", clock_format((int64_t)l.ll_time * 1000, when));
}

static json_t *describe(char *line, int lastlog_fd)
{
	char *f[FIELDS];
	int64_t uid;
	if (!split(line, f) || !parse_uid(f[2], &uid) || uid == UID_NOBODY ||
	    (uid != 0 && uid < UID_PEOPLE))
		return NULL;
	f[4][strcspn(f[4], ",")] = '\0'; /* of the gecos only the name: no telephone numbers */
	json_t *ret = json_object();
	section_text(ret, "name", f[0]);
	json_object_set_new(ret, "uid", json_integer(uid));
	section_text(ret, "full_name", f[4]);
	section_text(ret, "home", f[5]);
	section_text(ret, "shell", f[6]);
	add_last_login(ret, lastlog_fd, uid);
	return ret;
}

json_t *inventory_users(struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	CLEANUP(close_fdp) int lastlog_fd = -1;
	struct span rest, part;
	char line[1024];
	buf_init(&text, FILE_MAX);
	if (place_read(env->root, "/etc/passwd", &text) < 0)
		return NULL;
	if (place_open_file(env->root, "/var/log/lastlog", O_RDONLY, &lastlog_fd) < 0)
		lastlog_fd = -1; /* nobody has logged in, or nobody writes it */
	json_t *ret = json_array();
	rest = buf_span(&text);
	while (span_get_until(&rest, '\n', &part) && json_array_size(ret) < SECTION_ITEMS_MAX) {
		snprintf(line, sizeof line, "%.*s", (int)part.n, (const char *)part.p);
		json_t *user = describe(line, lastlog_fd);
		if (user)
			json_array_append_new(ret, user);
	}
	return ret;
}
