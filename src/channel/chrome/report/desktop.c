/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of browsers as facts: the machine, the browser, its profiles, and what is in them. Extensions
 * and policies of all profiles are one list each, with the profile's path, so that they can be searched.
 */
#include "channel/chrome/report/facts.h"

#include <string.h>

/* ---- the machine ---- */

static const struct fact_row desktop_rows[] = {
	{ "os_report", "os", NULL },
	{ "device_model", "hardware", "model" },
	{ "brand_name", "hardware", "brand" },
	{ "os_user_name", "users", "user" },
	{ "machine_name", "browser", "machine_name" },
	{ "os_info", "browser", "os_info" },
	{ "os_user", "browser", "os_user" },
	{ NULL, NULL, NULL },
};

static const struct fact_row browser_rows[] = {
	{ "browser_version", "browser", "version" },
	{ "channel", "browser", "channel" },
	{ "executable_path", "browser", "executable_path" },
	{ "installed_browser_version", "browser", "installed_version" },
	{ "is_extended_stable_channel", "browser", "extended_stable" },
	{ NULL, NULL, NULL },
};

static const char *first_text(const char *a, const char *b)
{
	return a && *a ? a : b;
}

static const char *host_of(const Dm__ChromeDesktopReportRequest *m)
{
	const Dm__BrowserDeviceIdentifier *id = m->browser_device_identifier;
	const char *name = id ? first_text(id->computer_name, id->host_name) : NULL;
	return first_text(name, first_text(m->computer_name, m->machine_name));
}

static const char *os_of(struct facts *f, const Dm__OSReport *os)
{
	const char *name = facts_text(f, os->name), *version = facts_text(f, os->version);
	if (!name || !version)
		return name ? name : version;
	return facts_text(f, arena_printf(f->arena, "%s %s", name, version));
}

/* ---- profiles ---- */

static const char *const lists_of_profiles[] = { "extensions", "chrome_policies",
						 "extension_policies", "certificates", NULL };

static void append(struct facts *f, const char *section, const char *key, json_t *item,
		   const char *profile)
{
	json_object_set_new(item, "profile", json_string(profile));
	json_array_append_new(json_object_get(facts_section(f, section), key), item);
}

static void append_policies(struct facts *f, Dm__Policy *const *policies, size_t n,
			    const char *extension, const char *profile)
{
	for (size_t i = 0; i < n && f->budget.values > 0; i++) {
		json_t *item = message_json(&policies[i]->base, NULL, &f->budget);
		if (extension)
			json_object_set_new(item, "extension", json_string(extension));
		append(f, "policies", extension ? "extensions" : "browser", item, profile);
	}
}

static void add_profile(struct facts *f, const Dm__ChromeUserProfileInfo *p)
{
	const char *id = clean_text(f->arena, p->id, CLEAN_TEXT_MAX);
	json_t *o = message_json(&p->base, lists_of_profiles, &f->budget);
	json_object_set_new(o, "n_extensions", json_integer((json_int_t)p->n_extensions));
	json_object_set_new(o, "n_policies", json_integer((json_int_t)p->n_chrome_policies));
	json_array_append_new(json_object_get(facts_section(f, "profiles"), "profiles"), o);
	for (size_t i = 0; i < p->n_extensions && f->budget.values > 0; i++)
		append(f, "extensions", "extensions",
		       message_json(&p->extensions[i]->base, NULL, &f->budget), id);
	append_policies(f, p->chrome_policies, p->n_chrome_policies, NULL, id);
	for (size_t i = 0; i < p->n_extension_policies && f->budget.values > 0; i++) {
		const Dm__ExtensionPolicy *e = p->extension_policies[i];
		append_policies(f, e->policies, e->n_policies,
				clean_text(f->arena, e->extension_id, FACT_MAX), id);
	}
}

/* ---- whole reports ---- */

/* Empty lists too: what is not there any more must not stay in the inventory. */
static void start_lists(struct facts *f)
{
	facts_put(f, "profiles", "profiles", json_array());
	facts_put(f, "extensions", "extensions", json_array());
	facts_put(f, "policies", "browser", json_array());
	facts_put(f, "policies", "extensions", json_array());
}

static void add_browser(struct facts *f, const Dm__BrowserReport *m)
{
	f->agent_version = facts_text(f, m->browser_version);
	facts_put_rows(f, &m->base, browser_rows);
	start_lists(f);
	for (size_t i = 0; i < m->n_chrome_user_profile_infos && f->budget.values > 0; i++)
		add_profile(f, m->chrome_user_profile_infos[i]);
	if (f->budget.exceeded || f->budget.values == 0)
		facts_problem(f, ERR_TOO_LARGE, "The report is larger than what is kept of one.");
}

void facts_of_desktop(struct facts *f, const Dm__ChromeDesktopReportRequest *m)
{
	const Dm__OSReport *os = m->os_report;
	f->model = facts_text(f, first_text(m->device_model, os ? os->device_model : NULL));
	f->os_version = os ? os_of(f, os) : NULL;
	facts_attribute(f, "hostname", host_of(m));
	facts_attribute(f, "os_user", m->os_user_name);
	facts_attribute(f, "arch", os ? os->arch : NULL);
	facts_put_rows(f, &m->base, desktop_rows);
	if (m->browser_report)
		add_browser(f, m->browser_report);
}
