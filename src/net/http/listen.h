/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket, opened before the daemon starts so that port 0 is known and what goes
 * wrong can be said.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>

/* "127.0.0.1:8081", "[::1]:0": numeric, a name is refused; ":8081" is every address. *ret_fd is the caller's. */
int listen_open(const char *address, int *ret_fd, unsigned *ret_port, bool *ret_ipv6,
		struct error *err) WARN_UNUSED;
