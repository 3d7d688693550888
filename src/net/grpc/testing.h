/* SPDX-License-Identifier: Apache-2.0
 *
 * For test-session.c and fuzz-grpc-session.c: a server's connection in memory.
 */
#pragma once

#include "net/grpc/internal.h"

/* Feeds the client's preface, an empty SETTINGS and then 'bytes' in pieces of 'step' to a new connection of a
 * server with the methods /t/Echo (the same back) and /t/Defer (answered when the connection is
 * closed), ends it, and asserts that nothing is left over. Returns what the server sent; it lives until the
 * next call. */
struct span testing_session(struct span bytes, size_t step);
