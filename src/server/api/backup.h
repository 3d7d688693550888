/* SPDX-License-Identifier: Apache-2.0
 *
 * Backup and restore, as far as the API's start needs it.
 */
#pragma once

/* Removes what a restore that a crash ended left unpacked in DIR/tmp. */
void backup_clean(const char *data);
