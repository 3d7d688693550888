/* SPDX-License-Identifier: Apache-2.0
 *
 * What this device tells its server, see feedback.h.
 */
#include "agent/flyve/feedback.h"

#include "model/catalogue.h"

/* ---- tasks ---- */

struct said {
	const char *status, *message;
};

/* Has it come out as desired? One element of a list is judged by itself. */
static bool satisfied(const struct setting_type *t, const json_t *item, const json_t *desired,
		      const json_t *observed)
{
	AUTO_JSON one = item ? json_pack("[O]", item) : NULL;
	return catalogue_satisfied(t, one ? one : desired, observed);
}

static struct said judge(const json_t *task, const json_t *settings, const json_t *results)
{
	const char *setting = json_string_value(json_object_get(task, "setting"));
	const char *wrong = json_string_value(json_object_get(task, "wrong"));
	const struct setting_type *t = setting ? catalogue_find(setting) : NULL;
	const json_t *result = t ? json_object_get(results, setting) : NULL;
	const char *state = json_string_value(json_object_get(result, "state"));
	const char *message = json_string_value(json_object_get(result, "message"));
	if (json_is_true(json_object_get(task, "overridden")))
		return (struct said){ "overriden", "a setting of the device itself comes first" };
	if (wrong)
		return (struct said){ "failed", wrong };
	if (!state || strcmp(state, "unsupported") == 0)
		return (struct said){ "incompatible", message && *message
							      ? message
							      : "this machine has no such thing" };
	message = message ? message : "";
	if (satisfied(t, json_object_get(task, "item"),
		      json_object_get(json_object_get(settings, setting), "value"),
		      json_object_get(result, "value")))
		return (struct said){ "done", message };
	if (strcmp(state, "pending") == 0)
		return (struct said){ "in progress", message };
	return (struct said){ "failed", *message ? message : "the machine is not as desired" };
}

json_t *feedback_tasks(const json_t *tasks, const json_t *settings, const json_t *results)
{
	json_t *ret = json_array();
	const json_t *task;
	size_t i;
	json_array_foreach (tasks, i, task) {
		struct said s = judge(task, settings, results);
		json_array_append_new(ret, json_pack("{s:O, s:O, s:s, s:s}", "id",
						     json_object_get(task, "id"), "grouped",
						     json_object_get(task, "grouped"), "status",
						     s.status, "message", s.message));
	}
	return ret;
}

/* ---- position ---- */

json_t *feedback_position(const json_t *result, int64_t now_s)
{
	const json_t *latitude = json_object_get(result, "latitude");
	const json_t *longitude = json_object_get(result, "longitude");
	if (!json_is_number(latitude) || !json_is_number(longitude))
		return json_pack("{s:s, s:I}", "gps", "off", "datetime", (json_int_t)now_s);
	return json_pack("{s:O, s:O, s:I}", "latitude", latitude, "longitude", longitude,
			 "datetime", (json_int_t)now_s);
}

/* ---- inventory ---- */

/* One element of CONTENT: the section (or the list inside of it) and its keys; 'from' another section, of
 * elements that stand once. Bytes become MiB where FusionInventory counts so. */
struct field {
	const char *tag, *key, *from;
	bool mib;
};
#define KEY(tag, key)                                                                              \
	{                                                                                          \
		tag, key, NULL, false                                                              \
	}
#define MIB(tag, key)                                                                              \
	{                                                                                          \
		tag, key, NULL, true                                                               \
	}
#define OS(tag, key)                                                                               \
	{                                                                                          \
		tag, key, "os", false                                                              \
	}
static const struct element {
	const char *name, *section, *list;
	struct field fields[8];
} elements[] = {
	{ "HARDWARE",
	  "hardware",
	  NULL,
	  { KEY("UUID", "uuid"), MIB("MEMORY", "memory"), OS("NAME", "hostname"),
	    OS("OSNAME", "name"), OS("OSVERSION", "version") } },
	{ "BIOS",
	  "hardware",
	  NULL,
	  { KEY("SSN", "serial"), KEY("SMODEL", "product"), KEY("SMANUFACTURER", "vendor"),
	    KEY("BVERSION", "bios_version"), KEY("BDATE", "bios_date") } },
	{ "OPERATINGSYSTEM",
	  "os",
	  NULL,
	  { KEY("FULL_NAME", "pretty_name"), KEY("NAME", "id"), KEY("VERSION", "version"),
	    KEY("KERNEL_VERSION", "kernel"), KEY("ARCH", "architecture"),
	    KEY("BOOT_TIME", "boot_time") } },
	{ "CPUS", "hardware", NULL, { KEY("NAME", "cpu_model"), KEY("CORE", "cpu_count") } },
	{ "DRIVES",
	  "disks",
	  "filesystems",
	  { KEY("VOLUMN", "source"), KEY("TYPE", "mount"), KEY("FILESYSTEM", "type"),
	    MIB("TOTAL", "size"), MIB("FREE", "available") } },
	{ "NETWORKS",
	  "network",
	  NULL,
	  { KEY("DESCRIPTION", "name"), KEY("MACADDR", "mac"), KEY("STATUS", "state"),
	    KEY("MTU", "mtu"), KEY("SPEED", "speed_mbit"), KEY("IPADDRESS", "addresses") } },
	{ "SOFTWARES",
	  "packages",
	  NULL,
	  { KEY("NAME", "name"), KEY("VERSION", "version"), KEY("ARCH", "architecture") } },
	{ "USERS",
	  "users",
	  NULL,
	  { KEY("LOGIN", "name"), KEY("ID", "uid"), KEY("NAME", "full_name") } },
};

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '&')
			buf_add_str(out, "&amp;");
		else if (c == '<')
			buf_add_str(out, "&lt;");
		else if (c == '>')
			buf_add_str(out, "&gt;");
		else if (c >= 0x20 || c == '\t' || c == '\n')
			buf_add_char(out, (char)c);
	}
}

static void add_field(struct buf *out, const char *tag, const json_t *v, bool mib)
{
	if (json_is_array(v)) /* the first one: the protocol has one address an interface */
		v = json_array_get(v, 0);
	if (!json_is_string(v) && !json_is_integer(v))
		return;
	buf_addf(out, "<%s>", tag);
	if (json_is_string(v))
		add_escaped(out, json_string_value(v));
	else
		buf_addf(out, "%lld", (long long)json_integer_value(v) / (mib ? 1024 * 1024 : 1));
	buf_addf(out, "</%s>", tag);
}

static void add_element(struct buf *out, const struct element *e, const json_t *sections,
			const json_t *o)
{
	buf_addf(out, "<%s>", e->name);
	for (size_t i = 0; i < ARRAY_SIZE(e->fields) && e->fields[i].tag; i++) {
		const struct field *f = &e->fields[i];
		const json_t *from = f->from ? json_object_get(sections, f->from) : o;
		add_field(out, f->tag, json_object_get(from, f->key), f->mib);
	}
	buf_addf(out, "</%s>\n", e->name);
}

static void add_section(struct buf *out, const struct element *e, const json_t *sections)
{
	const json_t *section = json_object_get(sections, e->section), *o;
	size_t i;
	if (e->list)
		section = json_object_get(section, e->list);
	if (json_is_object(section))
		add_element(out, e, sections, section);
	json_array_foreach (section, i, o)
		add_element(out, e, sections, o);
}

void feedback_inventory(const json_t *sections, const char *device, struct buf *out)
{
	buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<REQUEST>\n"
			 "<QUERY>INVENTORY</QUERY>\n<VERSIONCLIENT>reeve-agent_v" REEVE_VERSION
			 "</VERSIONCLIENT>\n<DEVICEID>");
	add_escaped(out, device);
	buf_add_str(out, "</DEVICEID>\n<CONTENT>\n");
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		add_section(out, &elements[i], sections);
	buf_add_str(out, "</CONTENT>\n</REQUEST>\n");
}
