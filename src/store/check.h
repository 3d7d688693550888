/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants of the model that no schema can state, checked over the whole store.
 */
#pragma once

#include "store/rows.h"
#include <jansson.h>

/* Inside row_read_begin(). Findings are sentences, appended. */
int check_model(struct store_conn *c, json_t *findings);
