/* SPDX-License-Identifier: Apache-2.0
 *
 * What apps.deploy and files.deploy have in common: the walk over the list, and the records of what
 * was deployed, in env->state:
 *   "deployed": {"<key of the entry>": {<the kind's members>, "remove_on_delete": bool}}
 *
 * An entry that has left the list is let go of after the others were deployed, so that what takes its
 * place finds out what was there before either of them. No two entries have the same place.
 */
#pragma once

#include "agent/provider.h"
#include "agent/providers/setting.h"
#include <limits.h>

struct deploy_entry { /* one element of the list */
	int64_t id;
	const char *destination; /* files only; borrowed from the element */
	bool remove_on_delete;
	char key[PATH_MAX + 32];
};

struct deploy_kind {
	const char *place; /* the record's member that says what it occupies: "package", "path" */
	const char *noun, *not_done; /* for the report: "file", "is not in place" */
	/* Checks and fills the entry, but for remove_on_delete. */
	int (*parse)(const json_t *element, struct deploy_entry *ret, struct error *err);
	/* Is there what the record says? */
	bool (*is_done)(const struct provider_env *env, const json_t *record);
	/* Makes it so and saves its record. 'live': the keys of the list. */
	int (*deploy)(struct provider_env *env, const struct deploy_entry *e, const json_t *live,
		      struct error *err);
	/* Its entry has left the list. taken_over: another one has its place. */
	int (*let_go)(struct provider_env *env, const json_t *record, bool taken_over,
		      struct error *err);
};

/* Makes every entry so; then lets go of those that have left the list. Failures go to 'o'. */
void deploy_list(const struct deploy_kind *kind, struct provider_env *env, const json_t *list,
		 struct outcome *o);
void deploy_list_observe(const struct deploy_kind *kind, const struct provider_env *env,
			 const json_t *list, struct outcome *o);

json_t *deployed_records(const struct provider_env *env);         /* borrowed; NULL: none */
const char *deployed_text(const json_t *record, const char *key); /* "" when it is not there */
/* The record that has this place, of another entry than 'but' (NULL: any). 'live': keys of the list that
 * count; NULL: any record counts. */
const json_t *deployed_owner(const struct deploy_kind *kind, const struct provider_env *env,
			     const char *place, const char *but, const json_t *live);
/* Both save the state: 0 or negative. */
int deployed_save(struct provider_env *env, const char *key, json_t *steals_record);
int deployed_drop(struct provider_env *env, const char *key);
