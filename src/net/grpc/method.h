/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of a method table. The server dispatches by it, the client calls by it: a program that is
 * on one side only leaves the other side's fields out.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

struct grpc_call;

struct grpc_method {
	const char *path; /* "/vm_tools.Maitred/Mount" */
	const ProtobufCMessageDescriptor *request, *response;
	size_t request_max; /* bytes; 0: the server's own limit */
	int callers;        /* who may call it; the meaning belongs to the allow() hook */
	void (*handler)(struct grpc_call *call);
	const char *doc; /* one line */
};
