/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections of the inventory, for inventory.c's table, and what they have in common.
 *
 * A section returns an owned object or array; NULL: there is nothing to tell.
 */
#pragma once

#include "agent/provider.h"

typedef json_t *section_fn(struct provider_env *env);

section_fn inventory_disks;
section_fn inventory_hardware;
section_fn inventory_network;
section_fn inventory_os;
section_fn inventory_packages;
section_fn inventory_users;

#define SECTION_ITEMS_MAX 8000 /* elements of any list; the rest is left out */

/* Sets key to the text; not when it is empty or not UTF-8. */
void section_text(json_t *o, const char *key, const char *text);
/* Sets key to the first line of a file. */
void section_file(json_t *o, const char *key, struct provider_env *env, const char *path);
/* A file's number; -1: there is none. */
int64_t section_number(struct provider_env *env, const char *path);
