/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions of desired state, at O(1) per change.
 *
 *     version(device) = device.version_base + device.changes + chain
 *     chain           = the sum of fleet.changes over the device's fleet and its ancestors
 *
 *   setting changed on a fleet       that fleet.changes + 1
 *   setting changed on a device      device.changes + 1
 *   enrollment                       version_base chosen so that version = 1
 *   device moved to another fleet    version_base chosen so that version = old + 1
 *   fleet moved below another        moved fleet.changes + 1 - (new chain above - old chain above),
 *                                    so every device of the subtree grows by exactly one
 *
 * fleet.changes is therefore a signed number without meaning of its own. Deleting a fleet moves
 * its devices first.
 */
#pragma once

#include "model/records.h"

int64_t version_of(const struct device *d, int64_t chain);
int64_t version_base_for(int64_t version, int64_t device_changes, int64_t chain);
/* What to add to the moved fleet's counter; chains are those above the moved fleet. */
int64_t version_fleet_move_delta(int64_t old_chain_above, int64_t new_chain_above);
int64_t version_lag(const struct device *d);
