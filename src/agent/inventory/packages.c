/* SPDX-License-Identifier: Apache-2.0
 *
 * The installed packages of dpkg: name, version and architecture, in the database's order (by name).
 */
#include "agent/inventory/sections.h"
#include "agent/providers/dpkg.h"

static bool add(void *user, const struct dpkg_package *p)
{
	json_t *list = user;
	json_t *item = json_pack(
		"{s:s%, s:s%, s:s%}", "name", p->name.p, p->name.n, "version",
		p->version.n ? (const char *)p->version.p : "", p->version.n, "architecture",
		p->architecture.n ? (const char *)p->architecture.p : "", p->architecture.n);
	if (item)
		json_array_append_new(list, item);
	return json_array_size(list) < SECTION_ITEMS_MAX;
}

json_t *inventory_packages(struct provider_env *env)
{
	json_t *ret = json_array();
	if (dpkg_each(env->root, add, ret) == 0)
		return ret;
	json_decref(ret);
	return NULL;
}
