/* SPDX-License-Identifier: Apache-2.0
 *
 * user: a user of the machine, made or found. Blocks as long as files do, and up to 2 s while somebody else has them locked.
 */
#pragma once

#include "vm/guest/accounts.h"

/* As accounts_add(); ERR_UNAVAILABLE: locked for too long; ERR_INTERNAL: the files. */
int user_set_up(const struct user_request *wanted, struct user *ret, struct error *err) WARN_UNUSED;
