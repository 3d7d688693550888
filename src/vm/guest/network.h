/* SPDX-License-Identifier: Apache-2.0
 *
 * network: one IPv4 address on one interface, and the default route. Everything is checked before
 * anything is touched, and doing the same again changes nothing.
 *
 * Addresses are s_addr values, in network byte order, as the protocol has them.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct ipv4_config {
	uint32_t address, netmask, gateway;
};

/* 0, or ERR_INVALID: something is missing, the mask has holes, the gateway is not a neighbour. */
int network_check(const struct ipv4_config *c, struct error *err) WARN_UNUSED;
/* "10.0.2.15/24,10.0.2.2": ERR_INVALID naming what is expected. */
int network_parse(const char *text, struct ipv4_config *ret, struct error *err) WARN_UNUSED;
/* Containers and bridges behind this interface reach what it reaches, and it still learns its IPv6 address from routers. A kernel
 * without IPv6 is fine. 0, or ERR_INTERNAL. */
int network_forward(const char *interface, struct error *err) WARN_UNUSED;
/* Parses and sets it; an interface that is not there yet has 5 s to come. Blocks for as long: before anything else runs. */
int network_begin(const char *interface, const char *text, struct error *err) WARN_UNUSED;
/* 0, or ERR_INTERNAL naming the step and the reason. */
int network_configure(const char *interface, const struct ipv4_config *c,
		      struct error *err) WARN_UNUSED;
