/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: what a host sets of its guest besides processes, mounts and addresses. Every function returns
 * 0, or a positive code with a sentence.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include <stdbool.h>

struct resolv_config { /* borrowed */
	char *const *nameservers;
	size_t n_nameservers;
	char *const *search;
	size_t n_search;
};

/* The text of a resolv.conf; without name servers, those of ChromeOS. ERR_INVALID for what is no
 * address or no domain. */
struct buf;
int resolv_text(const struct resolv_config *c, struct buf *out, struct error *err) WARN_UNUSED;
int machine_set_resolv(const struct resolv_config *c, struct error *err) WARN_UNUSED;
/* Europe/Berlin and so on, as below /usr/share/zoneinfo. */
int machine_set_timezone(const char *name, bool bind_mount, struct error *err) WARN_UNUSED;
int machine_set_container_token(const char *token, struct error *err) WARN_UNUSED;
/* The root of the stateful disk, or of all where there is none. A descriptor, or -errno. */
int machine_open_stateful(void) WARN_UNUSED;
int machine_available_space(uint64_t *ret_bytes, struct error *err) WARN_UNUSED;
/* The host has another network: addresses of IPv6 are asked for anew, dnsmasq forgets what it knew. */
int machine_network_changed(const char *interface, struct error *err) WARN_UNUSED;
/* 9P over vsock from the host's port. */
int machine_mount_9p(uint32_t port, const char *target, struct error *err) WARN_UNUSED;
