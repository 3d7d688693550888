/* SPDX-License-Identifier: Apache-2.0
 *
 * Radios by the kernel's rfkill switches (/sys/class/rfkill): what the wifi and bluetooth providers
 * have in common. A setting is one boolean: every radio of a type is off, or none is.
 *
 * A radio counts as off when its soft or its hard switch says so; only the soft one can be set.
 * The original of each soft switch is in env->state["radios"], by the radio's name. Across a boot
 * systemd-rfkill keeps the switches, and the agent's first enforcement sets them again. A radio that is
 * plugged in later is caught by the next enforcement.
 *
 * With no radio of the type nothing contradicts any desired value: it is reported as is (true when
 * nothing is desired).
 */
#pragma once

#include "agent/provider.h"

struct radio {
	const char *setting; /* "wifi.disabled" */
	const char *type;    /* as in sysfs: "wlan", "bluetooth" */
	const char *called;  /* in sentences: "Wi-Fi radio" */
};

int rfkill_observe(struct provider_env *env, const struct radio *radio, const json_t *wanted,
		   json_t *ret) WARN_UNUSED;
int rfkill_enforce(struct provider_env *env, const struct radio *radio, const json_t *desired,
		   json_t *ret) WARN_UNUSED;
int rfkill_restore(struct provider_env *env, const struct radio *radio) WARN_UNUSED;
