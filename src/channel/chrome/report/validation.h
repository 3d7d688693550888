/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a client did not take a policy, in words: the table of its validator's results.
 */
#pragma once

#include "channel/chrome/device_management.pb-c.h"
#include "channel/chrome/report/json.h"

/* The sentence without a full stop; never NULL. */
const char *validation_reason(int result);
/* Whether the policy is not in force because of it. */
bool validation_refused(int result);
/* The report for the inventory: {policy_type, result, reason, …}. Owned by the caller. */
json_t *validation_json(const Dm__PolicyValidationReportRequest *m, struct budget *b);
