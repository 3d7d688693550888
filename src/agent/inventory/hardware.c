/* SPDX-License-Identifier: Apache-2.0
 *
 * What the firmware says the machine is, its processors and its memory.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/place.h"

#define DMI      "/sys/class/dmi/id/"
#define FILE_MAX (4 * 1024 * 1024) /* cpuinfo of hundreds of processors */

static const struct {
	const char *key, *path;
} firmware[] = {
	{ "vendor", DMI "sys_vendor" },
	{ "product", DMI "product_name" },
	{ "product_version", DMI "product_version" },
	{ "serial", DMI "product_serial" }, /* root only, as we are */
	{ "uuid", DMI "product_uuid" },
	{ "board", DMI "board_name" },
	{ "bios_version", DMI "bios_version" },
	{ "bios_date", DMI "bios_date" },
};

/* "model name\t: AMD Ryzen 7"; false: another line. */
static bool line_value(struct span line, const char *label, char *ret, size_t size)
{
	size_t n = strlen(label);
	if (line.n <= n || memcmp(line.p, label, n) != 0 || !strchr(" \t:", line.p[n]))
		return false;
	for (; n < line.n && strchr(" \t:", line.p[n]); n++)
		;
	snprintf(ret, size, "%.*s", (int)(line.n - n), (const char *)line.p + n);
	return true;
}

static void add_processors(json_t *o, struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	struct span rest, line;
	char model[256] = "", unused[32];
	int n = 0;
	buf_init(&text, FILE_MAX);
	if (place_read(env->root, "/proc/cpuinfo", &text) < 0)
		return;
	rest = buf_span(&text);
	while (span_get_until(&rest, '\n', &line)) {
		if (line_value(line, "processor", unused, sizeof unused))
			n++;
		else if (!model[0])
			line_value(line, "model name", model, sizeof model);
	}
	section_text(o, "cpu_model", model);
	if (n > 0)
		json_object_set_new(o, "cpu_count", json_integer(n));
}

static void add_memory(json_t *o, struct provider_env *env)
{
	CLEANUP(buf_fini) struct buf text;
	struct span rest, line;
	char value[64];
	buf_init(&text, FILE_MAX);
	if (place_read(env->root, "/proc/meminfo", &text) < 0)
		return;
	rest = buf_span(&text);
	while (span_get_until(&rest, '\n', &line))
		if (line_value(line, "MemTotal", value, sizeof value)) {
			long long kib = strtoll(value, NULL, 10);
			if (kib > 0 && kib < INT64_MAX / 1024)
				json_object_set_new(o, "memory", json_integer(kib * 1024));
			return;
		}
}

json_t *inventory_hardware(struct provider_env *env)
{
	json_t *ret = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(firmware); i++)
		section_file(ret, firmware[i].key, env, firmware[i].path);
	add_processors(ret, env);
	add_memory(ret, env);
	return ret;
}
