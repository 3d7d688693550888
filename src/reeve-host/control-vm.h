/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon does with machines that it starts itself, for its own commands and those of a Reeve server.
 */
#pragma once

#include "reeve-host/uplink.h"

extern const struct grpc_method control_vm_methods[];
/* For struct uplink; 'user' is the machines. */
bool control_vm_command(void *user, struct vm *vm, const char *type, const json_t *params,
			uplink_done_fn *done, void *done_user);
