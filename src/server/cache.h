/* SPDX-License-Identifier: Apache-2.0
 *
 * cache: values that stay right for one generation of the store, by key. For hot reads: a hit costs
 * no SQL and, through the reference, no copy.
 *
 * Fixed size, direct-mapped: a key has one slot, a newer entry replaces what is there. Values are
 * immutable and reference counted; the last reference frees them, maybe after the cache is gone.
 * Take the generation before reading the store, or an old value can pass for a new one.
 */
#pragma once

#include "base/span.h"

struct cache; /* heap, one owner; any thread */
struct cache_entry;

struct cache *cache_new(size_t n_slots, void (*value_free)(void *value));
void cache_free(struct cache *c);
/* A reference to the entry, or NULL. */
struct cache_entry *cache_get(struct cache *c, struct span key, uint64_t generation);
/* Whether putting the key that was just missed is worth making its value: its slot is free, or it is missed there for
 * the second time in a row. So one pass over more keys than there is room for costs nothing and evicts nobody. */
bool cache_wants(struct cache *c, struct span key, uint64_t generation);
/* Takes the value over; returns a reference to its entry. */
struct cache_entry *cache_put(struct cache *c, struct span key, uint64_t generation, void *value);
const void *cache_value(const struct cache_entry *e);
void cache_unref(void *entry); /* void: fits a release callback */
