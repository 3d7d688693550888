/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleets of one organization in memory: chains, subtrees, paths, names.
 * Built from the store's rows; small (thousands), read often. Immutable once built.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "model/records.h"

struct fleet_tree; /* heap, one owner */

#define FLEET_DEPTH_MAX 32

/* Copies the rows. -EINVAL: a cycle, a parent that is not there, two roots, or too deep. */
int fleet_tree_new(const struct fleet *rows, size_t n, struct fleet_tree **ret) WARN_UNUSED;
void fleet_tree_free(struct fleet_tree *t);

const struct fleet *fleet_tree_get(const struct fleet_tree *t, int64_t id); /* NULL: unknown */
const struct fleet *fleet_tree_root(const struct fleet_tree *t);
/* Nearest first, the fleet itself included; returns how many (<= FLEET_DEPTH_MAX). */
size_t fleet_tree_chain(const struct fleet_tree *t, int64_t id, int64_t ret_ids[FLEET_DEPTH_MAX]);
int64_t fleet_tree_chain_changes(const struct fleet_tree *t, int64_t id);
bool fleet_tree_within(const struct fleet_tree *t, int64_t id, int64_t ancestor_id);
/* The fleet and everything below it, in the arena. */
size_t fleet_tree_subtree(const struct fleet_tree *t, int64_t id, struct arena *a,
			  int64_t **ret_ids);
char *fleet_tree_path(const struct fleet_tree *t, int64_t id,
		      struct arena *a); /* "default/Sales" */
/* By id ("12"), path ("default/Sales" or "Sales/Berlin": any unique tail), or unique name.
 * ERR_NOT_FOUND, or ERR_CONFLICT listing the candidates when the name is not unique. */
int fleet_tree_find(const struct fleet_tree *t, const char *ref, const struct fleet **ret,
		    struct error *err) WARN_UNUSED;
/* ERR_CONFLICT: the root, below itself, or too deep. ERR_NOT_FOUND: no such fleet. id 0: a fleet
 * that is to be created there. */
int fleet_tree_check_move(const struct fleet_tree *t, int64_t id, int64_t new_parent_id,
			  struct error *err) WARN_UNUSED;
