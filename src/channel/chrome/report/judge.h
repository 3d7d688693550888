/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a client said to its report in the store, on which the verdict rests. All of it runs inside
 * an op; chrome_observed_applied() of handlers.h is here too.
 *
 *   desktop report      observed values, read back: the only thing that makes a browser COMPLIANT
 *   acknowledgement     a fetch names the policy in force: its version; values that were not read back are
 *                       pending, so they satisfy nothing (ChromeOS, which never reads back: applied)
 *   refusal             the client did not take a version: every setting failed, with the reason, until
 *                       a fetch or a report names that version or a newer one
 *
 * What was refused last is kept as two attributes of the device, where people see it too.
 */
#pragma once

#include "channel/chrome/handlers.h"

/* After a report: 'version' is what the browser has in force (0: none that we know). */
int judge_report(struct store_conn *tx, const struct device *d, const Dm__BrowserReport *m,
		 int64_t now_ms, struct error *err) WARN_UNUSED;
/* The client refused this version. */
int judge_refusal(struct store_conn *tx, const struct device *d, int64_t version, const char *why,
		  int64_t now_ms, struct error *err) WARN_UNUSED;
/* Values of this version that the client found fault with: {setting's name: sentence}. */
int judge_faults(struct store_conn *tx, const struct device *d, const json_t *faults,
		 int64_t now_ms, struct error *err) WARN_UNUSED;
