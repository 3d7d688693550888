/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue's column `flyve`, taken apart: "group:key[/key2][=PREFIX]". Both ends of that protocol read
 * it, the server to say a setting and the Linux agent to understand it.
 */
#pragma once

#include "model/catalogue.h"

struct flyve_word {
	char group[24];
	char key[48], key2[48]; /* in dialect D1, in D2 */
	char prefix[32];        /* of an enum's choices; "" */
};

/* false: the setting has no word in this protocol. */
bool flyve_word_of(const struct setting_type *t, struct flyve_word *ret);
/* The setting that a key of either dialect names; NULL: none. */
const struct setting_type *flyve_word_find(const char *key);
