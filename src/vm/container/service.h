/* SPDX-License-Identifier: Apache-2.0
 *
 * service: Garcon, what the host calls in the container. service.c has the table and what needs a few lines; service-launch.c
 * starts applications and finds their icons; package.c and playbook.c change what is installed.
 */
#pragma once

#include "vm/container/container.h"
#include "vm/proto/container_guest.pb-c.h"

extern const struct grpc_method garcon_methods[]; /* ends with a NULL path */

void call_launch_application(struct grpc_call *call);
void call_get_icon(struct grpc_call *call);
void call_package_info(struct grpc_call *call);
void call_install_package(struct grpc_call *call);
void call_uninstall_package(struct grpc_call *call);
void call_apply_playbook(struct grpc_call *call);

/* What a failed verb says; our own mistakes have no sentence. */
const char *reason_of(int r, const struct error *err);
