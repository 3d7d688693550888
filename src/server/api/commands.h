/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by commands.c and commands-bulk.c.
 */
#pragma once

#include "server/api/nouns.h"

/* d: its device; zeroed when that is gone. */
json_t *command_to_json(const struct command *c, const struct device *d);
/* Sends 'new' to every device of the request's organization that matches. Defers the request. */
int command_send_to_all(struct http_request *req, const struct command_new *new, const char *filter,
			struct error *err) WARN_UNUSED;
