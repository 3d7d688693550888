/* SPDX-License-Identifier: Apache-2.0
 *
 * REQUEST / CONTENT / <SECTION> / <FIELD>text: a section may occur many times, fields are flat. What
 * lies deeper is left out. Everything is bounded: depth, sections, entries, fields, bytes of a text.
 */
#include "channel/flyve/inventory.h"

#include "base/crypto.h"
#include "base/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <libxml/xmlreader.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX    16
#define SECTIONS_MAX 48
#define ENTRIES_MAX  4096 /* of one section */
#define FIELDS_MAX   64   /* of one entry */
#define TEXT_MAX     1024
#define KEY_MAX      48

enum { LEVEL_REQUEST, LEVEL_CONTENT, LEVEL_SECTION, LEVEL_FIELD };

struct reading {
	xmlTextReaderPtr xml;
	json_t *sections;
	json_t *list;  /* of the section that is being read, borrowed */
	json_t *entry; /* borrowed from 'list' */
	char field[KEY_MAX];
	char text[TEXT_MAX + 1];
	size_t n_text;
	bool is_request, in_content;
};

/* Sections that our own agents have too keep the name they have there. */
static const struct {
	const char *xml, *name;
	bool single;
} sections[] = {
	{ "HARDWARE", "hardware", true },  { "BIOS", "bios", true },
	{ "OPERATINGSYSTEM", "os", true }, { "SOFTWARES", "packages", false },
	{ "NETWORKS", "network", false },  { "DRIVES", "disks", false },
	{ "USERS", "users", false },
};

static bool lower_key(const xmlChar *name, char out[KEY_MAX])
{
	size_t n = strnlen((const char *)name, KEY_MAX);
	if (n == 0 || n == KEY_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (name[i] && !isalnum(name[i]) && name[i] != '_')
			return false;
		out[i] = (char)tolower(name[i]);
	}
	return true;
}

static const char *section_name(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (strcasecmp(sections[i].xml, key) == 0)
			return sections[i].name;
	return key;
}

static bool begin_entry(struct reading *r, const xmlChar *name)
{
	char key[KEY_MAX];
	r->list = r->entry = NULL;
	if (!lower_key(name, key))
		return true;
	const char *section = section_name(key);
	r->list = json_object_get(r->sections, section);
	if (!r->list) {
		if (json_object_size(r->sections) == SECTIONS_MAX)
			return false;
		r->list = json_array();
		json_object_set_new(r->sections, section, r->list);
	}
	if (json_array_size(r->list) == ENTRIES_MAX)
		return false;
	r->entry = json_object();
	json_array_append_new(r->list, r->entry);
	return true;
}

static bool begin(struct reading *r, int depth, const xmlChar *name)
{
	if (depth == LEVEL_REQUEST)
		r->is_request = xmlStrEqual(name, BAD_CAST "REQUEST");
	if (depth == LEVEL_CONTENT)
		r->in_content = xmlStrEqual(name, BAD_CAST "CONTENT");
	if (depth == LEVEL_SECTION && r->in_content)
		return begin_entry(r, name);
	if (depth == LEVEL_FIELD) {
		r->n_text = 0;
		if (!lower_key(name, r->field))
			r->field[0] = '\0';
	}
	return depth < DEPTH_MAX;
}

static void add_text(struct reading *r, int depth, const xmlChar *text)
{
	size_t n = text && depth == LEVEL_FIELD + 1 ? strlen((const char *)text) : 0;
	if (n > TEXT_MAX - r->n_text)
		n = TEXT_MAX - r->n_text;
	memcpy(r->text + r->n_text, text ? text : BAD_CAST "", n);
	r->n_text += n;
}

/* At enrollment agents write their invitation into the inventory's tag; who has it can enroll with it. */
static bool is_invitation(const char *text)
{
	static const char prefix[] = "invitation_";
	return strncasecmp(text, prefix, sizeof prefix - 1) == 0;
}

/* Without white space around it, cut between two characters, and nothing that takes over a terminal. */
static json_t *clean_text(struct reading *r)
{
	struct span s = { (const uint8_t *)r->text, r->n_text };
	struct buf out;
	uint32_t c;
	buf_init(&out, TEXT_MAX);
	while (s.n > 0 && isspace(s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && isspace(s.p[s.n - 1]))
		s.n--;
	while (span_get_utf8(&s, &c))
		if (!utf8_is_control(c))
			utf8_add(&out, c);
	json_t *text = json_string(is_invitation(buf_str(&out)) ? "" : buf_str(&out));
	buf_fini(&out);
	return text;
}

static void end(struct reading *r, int depth)
{
	if (depth != LEVEL_FIELD || !r->entry || !r->field[0] || !r->in_content ||
	    json_object_size(r->entry) >= FIELDS_MAX)
		return;
	json_object_set_new(r->entry, r->field, clean_text(r));
	r->field[0] = '\0';
}

/* false: the document is not to be read any further. */
static bool take_node(struct reading *r)
{
	int depth = xmlTextReaderDepth(r->xml);
	switch (xmlTextReaderNodeType(r->xml)) {
	case XML_READER_TYPE_DOCUMENT_TYPE:
	case XML_READER_TYPE_ENTITY_REFERENCE:
		return false;
	case XML_READER_TYPE_ELEMENT:
		if (!begin(r, depth, xmlTextReaderConstLocalName(r->xml)))
			return false;
		if (xmlTextReaderIsEmptyElement(r->xml))
			end(r, depth);
		return true;
	case XML_READER_TYPE_TEXT:
	case XML_READER_TYPE_CDATA:
		add_text(r, depth, xmlTextReaderConstValue(r->xml));
		return true;
	case XML_READER_TYPE_END_ELEMENT:
		end(r, depth);
		return true;
	default:
		return true;
	}
}

static bool read_all(struct reading *r)
{
	int more;
	while ((more = xmlTextReaderRead(r->xml)) == 1)
		if (!take_node(r))
			return false;
	return more == 0 && r->is_request;
}

/* ---- what enrollment needs ---- */

static void take(const struct flyve_inventory *v, const char *section, const char *field, char *out,
		 size_t size)
{
	const json_t *s = json_object_get(v->sections, section);
	const json_t *o = json_is_array(s) ? json_array_get(s, 0) : s;
	const char *text = json_string_value(json_object_get(o, field));
	if (text && !*out && strlen(text) < size)
		snprintf(out, size, "%s", text);
}

static void take_facts(struct flyve_inventory *v)
{
	char os[128] = "", version[120] = "";
	take(v, "bios", "ssn", v->serial, sizeof v->serial);
	take(v, "bios", "smodel", v->model, sizeof v->model);
	take(v, "hardware", "uuid", v->uuid, sizeof v->uuid);
	take(v, "hardware", "name", v->name, sizeof v->name);
	take(v, "os", "full_name", v->os_version, sizeof v->os_version);
	take(v, "hardware", "osname", os, sizeof os);
	take(v, "hardware", "osversion", version, sizeof version);
	if (!*v->os_version)
		snprintf(v->os_version, sizeof v->os_version, "%s%s%s", os,
			 *os && *version ? " " : "", version);
}

/* Sections that there is one of are objects, as in our own agents' inventory. */
static void unwrap_singles(json_t *all)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		json_t *list = json_object_get(all, sections[i].name);
		if (sections[i].single && json_is_array(list))
			json_object_set(all, sections[i].name, json_array_get(list, 0));
	}
}

static void be_silent(void *user, const xmlError *e)
{
	(void)user, (void)e;
}

bool flyve_inventory_decode(const char *text, struct buf *out)
{
	CLEANUP(buf_fini) struct buf plain;
	buf_init(&plain, 2 * FLYVE_INVENTORY_MAX);
	for (const char *line = text; *line && !plain.failed;) {
		size_t n = strcspn(line, " \t\r\n");
		buf_add(&plain, line, n);
		line += n + (line[n] != '\0');
	}
	return !plain.failed && base64_decode(buf_span(&plain), out);
}

int flyve_inventory_read(struct span xml, struct flyve_inventory *ret, struct error *err)
{
	struct reading r = { 0 };
	*ret = (struct flyve_inventory){ 0 };
	if (xml.n == 0 || xml.n > FLYVE_INVENTORY_MAX)
		return error_set(err, ERR_INVALID, "an inventory has 1 to %u bytes",
				 FLYVE_INVENTORY_MAX);
	r.xml = xmlReaderForMemory((const char *)xml.p, (int)xml.n, NULL, NULL,
				   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					   XML_PARSE_NOCDATA);
	if (!r.xml)
		return -ENOMEM;
	xmlTextReaderSetStructuredErrorHandler(r.xml, (xmlStructuredErrorFunc)be_silent, NULL);
	r.sections = json_object();
	bool ok = read_all(&r) && json_object_size(r.sections) > 0;
	xmlFreeTextReader(r.xml);
	if (!ok) {
		json_decref(r.sections);
		return error_set(err, ERR_INVALID,
				 "the inventory is not a well formed FusionInventory document");
	}
	ret->sections = r.sections;
	unwrap_singles(ret->sections);
	take_facts(ret);
	return 0;
}

void flyve_inventory_fini(struct flyve_inventory *v)
{
	json_decref(TAKE(v->sections));
}
