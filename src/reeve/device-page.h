/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of `reeve device show`: facts, settings with desired beside observed, what the inventory says.
 */
#pragma once

#include "reeve/output.h"

/* 'device': the answer of GET /devices/{id}. */
void device_page_add(struct buf *out, const json_t *device, const struct output *o);
