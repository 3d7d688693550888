/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict: computed by the server from desired and report, in this order, never taken from
 * the device.
 *     no report                                   UNKNOWN
 *     applied version < desired version           STALE
 *     every mandatory setting that the device's channel can say is satisfied   COMPLIANT
 *     else                                        NON_COMPLIANT
 *
 * A report's observed object: { "<setting>": { "value": any, "state": "...", "message": "...",
 * "at": "RFC 3339" }, … }. state: one of enum observed_state's names; only "applied" and
 * "observed" can satisfy.
 */
#pragma once

#include "base/json.h"
#include "model/catalogue.h"
#include "model/desired.h"
#include "model/records.h"

enum verdict { VERDICT_UNKNOWN, VERDICT_STALE, VERDICT_NON_COMPLIANT, VERDICT_COMPLIANT };
const char *verdict_name(enum verdict v); /* "UNKNOWN" "STALE" "NON_COMPLIANT" "COMPLIANT" */
bool verdict_parse(const char *s, enum verdict *ret);

enum observed_state {
	OBSERVED_OBSERVED,    /* read back from the device */
	OBSERVED_APPLIED,     /* the device enforced it and read it back */
	OBSERVED_FAILED,      /* enforcing failed; message says why */
	OBSERVED_UNSUPPORTED, /* the device cannot do this */
	OBSERVED_PENDING,     /* on its way (download, reboot needed) */
};
const char *observed_state_name(enum observed_state s);
bool observed_state_parse(const char *s, enum observed_state *ret);

/* The verdict from the row alone; 'chain' as in version.h. When the device claims a version newer
 * than the one it was judged for, *ret_recheck tells the caller to judge the report's content. */
enum verdict verdict_of(const struct device *d, int64_t chain, bool *ret_recheck);

/* Whether 'observed' satisfies all mandatory settings of 'desired' that apply on 'channel'.
 * When 'why' is given, it gets one object per setting that is not: name -> sentence. */
bool verdict_satisfied(const struct desired *desired, const json_t *observed, json_t *why);

/* Checks and normalizes a report's observed object as a peer sent it (shape, states, sizes). */
int observed_check(const json_t *observed, struct error *err) WARN_UNUSED;
