/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connection keeps: the fleet tree of the organizations it was asked about, and, per fleet
 * and channel, the settings in force there, parsed and merged. So the desired state of a device
 * without settings of its own costs one look-up.
 *
 * Filled and read inside row_read_begin()/end(), which drops it when the store's tree generation
 * has grown; on the writer's connection it is dropped by every write to fleets and their settings.
 * Trees that were handed out live on for a while after that (cache.c: RETIRED_N).
 */
#pragma once

#include "model/desired.h"
#include "model/fleet-tree.h"

struct store_conn;
struct org_cache;

#define RETIRED_N 16
struct cache {
	uint64_t generation; /* the tree generation it was filled for */
	struct org_cache *orgs;
	struct fleet_tree *retired[RETIRED_N]; /* a ring: the oldest is freed for the newest */
	unsigned next_retired;
};

void cache_drop(struct cache *c);
void cache_fini(struct cache *c);
int cache_tree(struct store_conn *c, int64_t org_id, const struct fleet_tree **ret) WARN_UNUSED;
/* Settings in force for the fleet; channel CHANNEL_N: without any channel's defaults. The version
 * is not set. Borrowed until the cache is dropped. */
int cache_desired(struct store_conn *c, int64_t org_id, int64_t fleet_id, enum channel channel,
		  const struct desired **ret) WARN_UNUSED;
