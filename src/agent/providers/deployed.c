/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of deployables, see deployed.h.
 */
#include "agent/providers/deployed.h"

#include <string.h>

#define RECORDS "deployed"

/* ---- records ---- */

json_t *deployed_records(const struct provider_env *env)
{
	return json_object_get(env->state, RECORDS);
}

const char *deployed_text(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(record, key));
	return s ? s : "";
}

const json_t *deployed_owner(const struct deploy_kind *kind, const struct provider_env *env,
			     const char *place, const char *but, const json_t *live)
{
	const char *key;
	json_t *record;
	json_object_foreach (deployed_records(env), key, record)
		if ((!but || strcmp(key, but) != 0) && (!live || json_object_get(live, key)) &&
		    strcmp(deployed_text(record, kind->place), place) == 0)
			return record;
	return NULL;
}

int deployed_save(struct provider_env *env, const char *key, json_t *steals_record)
{
	AUTO_JSON record = steals_record;
	json_t *records = deployed_records(env);
	if (json_equal(json_object_get(records, key), record))
		return 0;
	if (!records) {
		records = json_object();
		json_object_set_new(env->state, RECORDS, records);
	}
	json_object_set(records, key, record);
	return env->save(env);
}

int deployed_drop(struct provider_env *env, const char *key)
{
	json_object_del(deployed_records(env), key);
	if (json_object_size(deployed_records(env)) == 0)
		json_object_del(env->state, RECORDS);
	return env->save(env);
}

/* ---- the list ---- */

static int parse(const struct deploy_kind *kind, const json_t *element, struct deploy_entry *ret,
		 struct error *err)
{
	*ret = (struct deploy_entry){ 0 };
	int r = kind->parse(element, ret, err);
	return r ? r
		 : json_read_bool(element, "remove_on_delete", false, &ret->remove_on_delete, err);
}

/* The keys of the entries that can be read: what is in the list, done or not. */
static json_t *live_keys(const struct deploy_kind *kind, const json_t *list)
{
	json_t *ret = json_object(), *element;
	size_t i;
	json_array_foreach (list, i, element) {
		struct deploy_entry e;
		struct error err;
		if (parse(kind, element, &e, &err) == 0)
			json_object_set_new(ret, e.key, json_true());
	}
	return ret;
}

static const json_t *done(const struct deploy_kind *kind, const struct provider_env *env,
			  const struct deploy_entry *e)
{
	const json_t *record = json_object_get(deployed_records(env), e->key);
	return record && kind->is_done(env, record) ? record : NULL;
}

/* What is done may have another wish for its end by now. */
static int deploy(const struct deploy_kind *kind, struct provider_env *env,
		  const struct deploy_entry *e, const json_t *live, struct error *err)
{
	const json_t *record = done(kind, env, e);
	if (!record)
		return kind->deploy(env, e, live, err);
	json_t *now = json_copy((json_t *)record);
	json_object_set_new(now, "remove_on_delete", json_boolean(e->remove_on_delete));
	int r = deployed_save(env, e->key, now);
	return r < 0 ? error_set(err, ERR_INTERNAL, "%.200s: %s", e->key, strerror(-r)) : 0;
}

static int let_go(const struct deploy_kind *kind, struct provider_env *env, const char *key,
		  const json_t *record, const json_t *live, struct error *err)
{
	const char *place = deployed_text(record, kind->place);
	int r = kind->let_go(env, record, deployed_owner(kind, env, place, key, live) != NULL, err);
	if (r)
		return r;
	r = deployed_drop(env, key);
	return r < 0 ? error_set(err, ERR_INTERNAL, "%.200s: %s", place, strerror(-r)) : 0;
}

static void let_go_left(const struct deploy_kind *kind, struct provider_env *env,
			const json_t *live, struct outcome *o)
{
	AUTO_JSON records = json_copy(deployed_records(env));
	const char *key;
	json_t *record;
	json_object_foreach (records, key, record) {
		struct error err;
		if (!json_object_get(live, key) && let_go(kind, env, key, record, live, &err))
			outcome_fail(o, "%s", err.message);
	}
}

void deploy_list(const struct deploy_kind *kind, struct provider_env *env, const json_t *list,
		 struct outcome *o)
{
	AUTO_JSON live = live_keys(kind, list);
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		struct deploy_entry e;
		struct error err;
		int r = parse(kind, element, &e, &err);
		if (!r)
			r = deploy(kind, env, &e, live, &err);
		if (r)
			outcome_fail(o, "%s", err.message);
		else
			outcome_done(o, element);
	}
	let_go_left(kind, env, live, o);
}

void deploy_list_observe(const struct deploy_kind *kind, const struct provider_env *env,
			 const json_t *list, struct outcome *o)
{
	size_t i;
	json_t *element;
	json_array_foreach (list, i, element) {
		struct deploy_entry e;
		struct error err;
		if (parse(kind, element, &e, &err) != 0)
			outcome_fail(o, "%s", err.message);
		else if (done(kind, env, &e))
			outcome_done(o, element);
		else
			outcome_fail(o, "%s %lld %s", kind->noun, (long long)e.id, kind->not_done);
	}
}
