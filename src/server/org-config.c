/* SPDX-License-Identifier: Apache-2.0
 *
 * A snapshot of all organizations' own configuration, see org-config.h. It is valid for one store
 * generation and one epoch; whoever finds it old reads it again under the lock.
 */
#include "server/org-config.h"

#include "base/log.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct org_configs {
	pthread_mutex_t lock;
	struct org_config *items; /* ascending by org_id, as the store lists them */
	size_t n;
	bool valid;
	uint64_t generation, made_epoch;
	_Atomic uint64_t epoch;
};

struct org_configs *org_configs_new(void)
{
	struct org_configs *o = calloc(1, sizeof *o);
	if (!o)
		abort();
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void org_configs_free(struct org_configs *o)
{
	if (!o)
		return;
	free(o->items);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void org_configs_invalidate(struct org_configs *o)
{
	o->epoch++;
}

uint64_t org_configs_epoch(const struct org_configs *o)
{
	return o->epoch;
}

#define DOMAIN_DEFAULT "reeve.local"
#define DOMAIN_HOLE    "{domain}"

static void set_domain(struct org_config *r, const char *configured, const char *of_organization)
{
	const char *domain = *configured ? configured : of_organization;
	if (!*domain || strlen(domain) > CONFIG_DOMAIN_MAX)
		domain = DOMAIN_DEFAULT;
	size_t n = strlen(domain);
	for (size_t i = 0; i <= n; i++) {
		bool upper = domain[i] >= 'A' && domain[i] <= 'Z';
		r->chrome_domain[i] = (char)(upper ? domain[i] + ('a' - 'A') : domain[i]);
	}
}

/* After the domain. */
static void set_identity(struct org_config *r, const char *configured)
{
	const char *hole = strstr(configured, DOMAIN_HOLE);
	int n_head = (int)(hole ? (size_t)(hole - configured) : strlen(configured));
	snprintf(r->chrome_identity, sizeof r->chrome_identity, "%.*s%s", n_head, configured,
		 hole ? r->chrome_domain : "");
}

static bool deletes_token(const char *unenroll)
{
	return strcmp(unenroll, "delete_token") == 0;
}

static struct org_config of_server(const struct config *c)
{
	struct org_config r = { .mdmcore_open_enrollment = c->mdmcore_open_enrollment,
				.poll_interval_ms = c->poll_interval,
				.poll_jitter = c->poll_jitter,
				.chrome_signature_freshness_ms = c->chrome_signature_freshness,
				.chrome_delete_token = deletes_token(c->chrome_unenroll) };
	set_domain(&r, c->chrome_domain, "");
	set_identity(&r, c->chrome_service_account_identity);
	return r;
}

static void take_int(const struct config *c, const char *json, const char *key, int64_t *ret)
{
	AUTO_JSON v = config_for_org(c, json, key);
	if (json_is_integer(v))
		*ret = json_integer_value(v);
}

static void take_chrome(const struct config *c, const struct organization *o, struct org_config *r)
{
	const char *json = o->config_json;
	AUTO_JSON domain = config_for_org(c, json, "chrome.domain");
	AUTO_JSON identity = config_for_org(c, json, "chrome.service_account_identity");
	AUTO_JSON unenroll = config_for_org(c, json, "chrome.unenroll");
	take_int(c, json, "chrome.signature_freshness", &r->chrome_signature_freshness_ms);
	set_domain(r, json_string_value(domain), o->domain ? o->domain : "");
	set_identity(r, json_string_value(identity));
	r->chrome_delete_token = deletes_token(json_string_value(unenroll));
}

static struct org_config of_organization(const struct config *c, const struct organization *o)
{
	struct org_config r = of_server(c);
	r.org_id = o->id;
	set_domain(&r, c->chrome_domain, o->domain ? o->domain : "");
	set_identity(&r, c->chrome_service_account_identity);
	if (!o->config_json || strcmp(o->config_json, "") == 0 || strcmp(o->config_json, "{}") == 0)
		return r;
	AUTO_JSON open = config_for_org(c, o->config_json, "mdmcore.open_enrollment");
	r.mdmcore_open_enrollment = json_is_true(open);
	take_int(c, o->config_json, "poll.interval", &r.poll_interval_ms);
	take_int(c, o->config_json, "poll.jitter", &r.poll_jitter);
	take_chrome(c, o, &r);
	return r;
}

/* A read that fails keeps the old snapshot and is tried again by the next caller. */
static void refresh(struct org_configs *o, struct store *store, const struct config *c)
{
	uint64_t generation = store_generation(store), epoch = o->epoch;
	if (o->valid && o->generation == generation && o->made_epoch == epoch)
		return;
	struct arena a;
	arena_init(&a);
	struct organization *orgs = NULL;
	size_t n = 0;
	int r = store_organization_list(store_reader(store), &a, &orgs, &n);
	struct org_config *items = r == 0 ? calloc(n + 1, sizeof *items) : NULL;
	for (size_t i = 0; items && i < n; i++)
		items[i] = of_organization(c, &orgs[i]);
	arena_fini(&a);
	if (!items) {
		log_limited(LOG_LEVEL_ERROR, "organizations cannot be read", F_INT("error", r));
		return;
	}
	free(o->items);
	o->items = items;
	o->n = n;
	o->valid = true;
	o->generation = generation;
	o->made_epoch = epoch;
}

bool org_config_get(struct org_configs *o, struct store *store, const struct config *c,
		    int64_t org_id, struct org_config *ret)
{
	bool found = false;
	pthread_mutex_lock(&o->lock);
	refresh(o, store, c);
	for (size_t i = 0; i < o->n && !found; i++) {
		found = o->items[i].org_id == org_id;
		if (found)
			*ret = o->items[i];
	}
	pthread_mutex_unlock(&o->lock);
	if (!found)
		*ret = of_server(c);
	return found;
}

int64_t org_config_mdmcore(struct org_configs *o, struct store *store, const struct config *c)
{
	int64_t id = 0;
	pthread_mutex_lock(&o->lock);
	refresh(o, store, c);
	for (size_t i = 0; i < o->n && id == 0; i++)
		if (o->items[i].mdmcore_open_enrollment)
			id = o->items[i].org_id;
	pthread_mutex_unlock(&o->lock);
	return id;
}

int64_t org_config_by_domain(struct org_configs *o, struct store *store, const struct config *c,
			     const char *domain)
{
	int64_t id = 0;
	pthread_mutex_lock(&o->lock);
	refresh(o, store, c);
	for (size_t i = 0; i < o->n && id == 0; i++)
		if (strcasecmp(o->items[i].chrome_domain, domain) == 0)
			id = o->items[i].org_id;
	pthread_mutex_unlock(&o->lock);
	return id;
}
