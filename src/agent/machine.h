/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine is: for the enrollment, and its boot id. Everything is read below 'root'.
 */
#pragma once

#include "base/json.h"

/* Owned: {"name","serial","model","os_version","agent_version"}; "" for what is not known.
 * name: NULL for the host's. The serial is the firmware's, or else made from the machine id by a hash,
 * since the machine id itself is confidential (machine-id(5)). */
json_t *machine_describe(const char *root, const char *name);

#define MACHINE_BOOT_SIZE 64
/* Another one after each boot; "" when it cannot be read. */
const char *machine_boot_id(const char *root, char text[MACHINE_BOOT_SIZE]);
