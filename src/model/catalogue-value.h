/* SPDX-License-Identifier: Apache-2.0
 *
 * What a row says about its values, for the rest of the catalogue. Internal to model/.
 */
#pragma once

#include "model/catalogue.h"

/* Integers: the range. Strings: bytes. Lists: elements. False for kinds that have no bounds. */
bool setting_bounds(const struct setting_type *t, int64_t *ret_min, int64_t *ret_max);
/* The choices in the catalogue's own words, weakest first; an empty array for other kinds. */
json_t *setting_choices(const struct setting_type *t);
/* What the kind does not say; the value is of the row's kind already. */
int setting_check_chrome(const struct setting_type *t, const json_t *value,
			 struct error *err) WARN_UNUSED;
