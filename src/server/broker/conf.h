/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of the mosquitto that we run. Pure. Files are named by descriptors that it inherits, so they need
 * not lie where its user may go, and none of our secrets is written down a second time.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

#define CONF_SOCKET "broker.sock" /* in the folder that it is started in, like what it keeps */
#define CONF_KEPT   "mosquitto.db"

struct conf {
	const char *address; /* numeric */
	int port;
	int plugin_fd, link_fd; /* the plugin's file; its end of the socket pair */
	int cert_fd, key_fd;    /* -1: plain */
	int64_t connections;    /* 0: no limit of its own */
	int64_t packet, memory; /* bytes; memory 0: no limit */
};

void conf_add(struct buf *out, const struct conf *c);
