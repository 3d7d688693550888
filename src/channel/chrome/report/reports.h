/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers of this folder share. Handlers and their limits: status.c maps, handlers.c answers.
 */
#pragma once

#include "channel/chrome/handlers.h"
#include "channel/chrome/report/facts.h"

/* 0 or negative; what was refused is f->problem. */
int facts_write(struct store_conn *tx, int64_t device_id, struct facts *f) WARN_UNUSED;
/* The report as it came, packed again: what the server does not know of it is in it too. */
int raw_write(struct store_conn *tx, int64_t device_id, const char *kind, const ProtobufCMessage *m,
	      struct facts *f) WARN_UNUSED;
