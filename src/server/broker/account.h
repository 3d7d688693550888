/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel's account as src/broker knows it: checked, packed.
 */
#pragma once

#include "broker/link.h"
#include "broker/rights.h"
#include "server/broker/broker.h"

/* The account of a managed device of the source's channel, checked. ERR_NOT_FOUND: it has none, or one that is
 * not valid (logged). */
int account_get(const struct broker_source *source, struct store_conn *c, const struct device *d,
		struct arena *a, struct broker_account *ret) WARN_UNUSED;
/* In the arena. */
struct rights account_rights(const struct broker_account *account, struct arena *a);
struct link_message account_message(const struct broker_account *account, int64_t device_id,
				    struct arena *a);
