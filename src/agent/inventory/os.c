/* SPDX-License-Identifier: Apache-2.0
 *
 * The operating system: os-release(5), the kernel, names and the time of the boot.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/place.h"
#include "base/clock.h"
#include <sys/utsname.h>

#define FILE_MAX (1024 * 1024)

/* Undoes the shell's quotes of os-release, in place: plain, '…' or "…" with \. */
static void unquote(char *s)
{
	char *to = s, quote = 0;
	for (; *s; s++) {
		if (!quote && (*s == '"' || *s == '\''))
			quote = *s;
		else if (quote && *s == quote)
			quote = 0;
		else if (*s == '\\' && quote != '\'' && s[1])
			*to++ = *++s;
		else
			*to++ = *s;
	}
	*to = '\0';
}

static void add_release(json_t *o, struct provider_env *env)
{
	static const struct {
		const char *name, *key;
	} wanted[] = {
		{ "ID", "id" },
		{ "NAME", "name" },
		{ "PRETTY_NAME", "pretty_name" },
		{ "VERSION_ID", "version" },
		{ "VERSION_CODENAME", "codename" },
	};
	CLEANUP(buf_fini) struct buf text;
	struct span rest, line, name;
	char value[256];
	buf_init(&text, FILE_MAX);
	if (place_read(env->root, "/etc/os-release", &text) < 0 &&
	    place_read(env->root, "/usr/lib/os-release", &text) < 0)
		return;
	rest = buf_span(&text);
	while (span_get_until(&rest, '\n', &line)) {
		if (!span_get_until(&line, '=', &name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
			if (!span_eq_str(name, wanted[i].name))
				continue;
			snprintf(value, sizeof value, "%.*s", (int)line.n, (const char *)line.p);
			unquote(value);
			section_text(o, wanted[i].key, value);
		}
	}
}

/* "btime 1764079200" of /proc/stat, which is long on large machines: it is found by its line. */
static void add_boot_time(json_t *o, struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	char when[CLOCK_TEXT_SIZE];
	buf_init(&text, FILE_MAX);
	if (place_read(env->root, "/proc/stat", &text) < 0)
		return;
	const char *line = strstr(buf_str(&text), "\nbtime ");
	long long s = line ? strtoll(line + strlen("\nbtime "), NULL, 10) : 0;
	if (s > 0 && s < INT64_MAX / 1000)
		section_text(o, "boot_time", clock_format(s * 1000, when));
}

json_t *inventory_os(struct provider_env *env)
{
	struct utsname u;
	json_t *ret = json_object();
	add_release(ret, env);
	section_file(ret, "kernel", env, "/proc/sys/kernel/osrelease");
	section_file(ret, "hostname", env, "/proc/sys/kernel/hostname");
	section_file(ret, "architecture", env, "/proc/sys/kernel/arch");
	if (!json_object_get(ret, "architecture") && !*env->root && uname(&u) == 0)
		section_text(ret, "architecture", u.machine); /* kernels before 6.1 */
	section_file(ret, "time_zone", env, "/etc/timezone");
	add_boot_time(ret, env);
	return ret;
}
