/* SPDX-License-Identifier: Apache-2.0
 *
 * What organizations have configured for themselves, parsed once: the keys of config.def that say
 * "per organization". A snapshot that is made again when an organization or the server's
 * configuration changed.
 */
#pragma once

#include "server/config.h"
#include "store/store.h"

struct org_config {
	int64_t org_id;
	bool mdmcore_open_enrollment;
	int64_t poll_interval_ms, poll_jitter; /* percent */
	int64_t chrome_signature_freshness_ms;
	bool chrome_delete_token; /* what chrome.unenroll says */
	/* chrome.domain, else the organization's domain, else "reeve.local"; lower case */
	char chrome_domain[CONFIG_DOMAIN_MAX + 1];
	char chrome_identity[CONFIG_IDENTITY_MAX + CONFIG_DOMAIN_MAX + 1]; /* "": none */
};

struct org_configs; /* heap, one owner; any thread */

struct org_configs *org_configs_new(void);
void org_configs_free(struct org_configs *o);
/* Something changed: the next get reads again. Any thread. */
void org_configs_invalidate(struct org_configs *o);
/* Grows with every invalidation. */
uint64_t org_configs_epoch(const struct org_configs *o);
/* false: no such organization; *ret then holds the server's own values and org_id 0. */
bool org_config_get(struct org_configs *o, struct store *store, const struct config *c,
		    int64_t org_id, struct org_config *ret);
/* The organization that unauthenticated MDMCore devices belong to: the first that has
 * mdmcore.open_enrollment on, by its own configuration or the server's. 0: none. */
int64_t org_config_mdmcore(struct org_configs *o, struct store *store, const struct config *c);
/* The organization whose Chrome domain this is, in any case. 0: none. */
int64_t org_config_by_domain(struct org_configs *o, struct store *store, const struct config *c,
			     const char *domain);
