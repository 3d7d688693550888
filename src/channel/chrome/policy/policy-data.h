/* SPDX-License-Identifier: Apache-2.0
 *
 * PolicyData: what surrounds a policy's value and is signed with it. Written field by field in ascending
 * order, so that equal input gives equal bytes.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct policy_facts {              /* of the device; texts "" are left out */
	const char *request_token; /* the DM token; secret */
	const char *machine_name, *username, *device_id;
	const char *service_account_identity, *location, *asset_id, *directory_id, *managed_by;
	int64_t version; /* of the desired state */
	/* what only google/chromeos/device says */
	bool serial_missing, disabled;
	const char *disabled_message;
	/* how its clients are rung; source 0: not by objects */
	int64_t invalidation_source, command_invalidation_source;
	const char *invalidation_name, *command_invalidation_name;
	const char *invalidation_topic, *command_invalidation_topic;
};

struct policy_value {          /* one policy */
	const char *type;      /* as the client spells it */
	bool of_device;        /* google/chromeos/device */
	const char *entity_id; /* NULL: has none */
	struct span bytes;
};

struct policy_issue {        /* what makes one answer another than the next */
	int64_t key_version; /* 0: it will not be signed */
	int64_t stamp_ms;
	uint32_t serial; /* > 0 */
};

/* Appends to 'out'. */
void policy_data_write(const struct policy_facts *f, const struct policy_value *v,
		       const struct policy_issue *i, struct buf *out);
/* With all texts in the arena. */
void policy_facts_copy(const struct policy_facts *f, struct arena *a, struct policy_facts *ret);
/* The part of the user's name behind the @, as verification data names it; "" without one. */
const char *policy_domain(const struct policy_facts *f);
