/* SPDX-License-Identifier: Apache-2.0
 *
 * The generated part of the catalogue: tools/chrome-policies.py writes chrome-policies.c from
 * data/chrome-policies.tsv at build time. Internal to model/; use catalogue.h.
 */
#pragma once

#include "model/catalogue.h"

extern const struct setting_type chrome_settings[]; /* sorted by name */
extern const size_t chrome_settings_n;
