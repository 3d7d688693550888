/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files with handlers share: answers and rows. Private to service*.c.
 */
#pragma once

#include "vm/guest/guest.h"
#include "vm/proto/vm_guest.pb-c.h"

void reply_empty(struct grpc_call *call);
void reply_result(struct grpc_call *call, int r, const struct error *err); /* a verb's; 0: empty */
/* What may block: runs there and replies. false: it was refused, all are busy. */
bool defer_to_worker(struct grpc_call *call, void (*fn)(void *call));

void call_mount(struct grpc_call *call); /* service-mount.c */

#define GUEST_METHOD(name, request, response, fn, doc)                                             \
	{                                                                                          \
		"/vm_tools.Maitred/" name, &vm_tools__##request##__descriptor,                     \
			&vm_tools__##response##__descriptor, 0, 0, (fn), (doc)                     \
	}
