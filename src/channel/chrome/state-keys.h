/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of state-keys.c, for its test.
 */
#pragma once

#include "channel/chrome/handlers.h"

#define STATE_KEYS_FULL 2048 /* more than these in a bucket, and a larger modulus is demanded */
#define STATE_KEYS_AIM  512  /* about as many are then left */

/* The power of two that covers the modulus (absent: 1). false: no modulus, or the remainder is not of it. */
bool state_keys_modulus(const Dm__DeviceAutoEnrollmentRequest *m, unsigned *ret_power);
/* The power whose buckets hold about STATE_KEYS_AIM, when STATE_KEYS_FULL lie in 'width' of 2^32 places. */
unsigned state_keys_power(uint64_t width);
