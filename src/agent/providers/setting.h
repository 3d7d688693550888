/* SPDX-License-Identifier: Apache-2.0
 *
 * What every provider does with settings: reads desired values, gives results.
 *
 * 'wanted' is provider.h's object: name -> {"value": any, "level": "mandatory" | "recommended"}.
 * States are the model's observed states: "observed", "applied", "failed", "unsupported", "pending".
 */
#pragma once

#include "agent/provider.h"

#define MESSAGE_SIZE 400 /* of a result; longer ones are cut, never in the middle of a character */

/* The desired value, borrowed; NULL: not desired (or not the shape above). */
const json_t *setting_value(const json_t *wanted, const char *name);
/* Should observe() report it? Nothing wanted means everything. */
bool setting_asked(const json_t *wanted, const char *name);
bool setting_recommended(const json_t *wanted, const char *name);
/* Desired as a boolean or integer. false: not desired, or of another type. */
bool setting_bool(const json_t *wanted, const char *name, bool *ret);
bool setting_int(const json_t *wanted, const char *name, int64_t *ret);

/* provider_result() with a formatted message. */
void setting_result(json_t *ret, const char *name, json_t *steals_value, const char *state,
		    const char *fmt, ...) FORMAT_PRINTF(5, 6);
/* Turns a result into "failed", keeping its value. */
void setting_fail(json_t *ret, const char *name, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* After enforcing: "observed" results of desired settings become "applied". */
void setting_applied(json_t *ret, const json_t *desired);

/* A list setting (deployables, paths, packages): which elements are done, and what went wrong. */
struct outcome {
	json_t *done;               /* array; given away by outcome_result() */
	char message[MESSAGE_SIZE]; /* of the first failure */
	int n_failed;
};

void outcome_init(struct outcome *o);
void outcome_done(struct outcome *o, const json_t *element);
void outcome_fail(struct outcome *o, const char *fmt, ...) FORMAT_PRINTF(2, 3);
/* 'state' is "observed" or "applied"; with failures "applied" becomes "failed". */
void outcome_result(struct outcome *o, json_t *ret, const char *name, const char *state);
