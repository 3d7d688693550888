/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading mountinfo; mounts.h has the contract. Options of an overlay can make a line very long; what is
 * needed stands before them.
 */
#include "agent/providers/mounts.h"
#include "agent/providers/place.h"

#define FILE_MAX (1024 * 1024)

/* Undoes the kernel's \040 and the like, in place. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /sub /mnt rw,noatime master:1 - ext4 /dev/root rw"; false: not such a line. */
static bool parse_mount(const char *line, struct mount *ret)
{
	char options[8];
	const char *rest = strstr(line, " - ");
	if (!rest ||
	    sscanf(line, "%*s %*s %15s %*s %255s %7s", ret->device, ret->point, options) != 3 ||
	    sscanf(rest, " - %31s %255s", ret->type, ret->source) != 2)
		return false;
	ret->read_only = strncmp(options, "ro", 2) == 0;
	unescape(ret->point);
	unescape(ret->source);
	return true;
}

int mounts_each(const char *root, void (*fn)(void *user, const struct mount *m), void *user)
{
	CLEANUP(buf_fini) struct buf text;
	struct span rest, part;
	char line[2048];
	buf_init(&text, FILE_MAX);
	int r = place_read(root, "/proc/self/mountinfo", &text);
	if (r < 0)
		return r;
	rest = buf_span(&text);
	while (span_get_until(&rest, '\n', &part)) {
		struct mount m;
		snprintf(line, sizeof line, "%.*s", (int)part.n, (const char *)part.p);
		if (parse_mount(line, &m))
			fn(user, &m);
	}
	return 0;
}
