/* SPDX-License-Identifier: Apache-2.0
 *
 * Wi-Fi radios on and off, by rfkill; the rules are in rfkill.h.
 */
#include "agent/providers/all.h"
#include "agent/providers/rfkill.h"

static const struct radio radio = { "wifi.disabled", "wlan", "Wi-Fi radio" };
static const char *const settings[] = { "wifi.disabled", NULL };

static int observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	return rfkill_observe(env, &radio, wanted, ret);
}

static int enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	return rfkill_enforce(env, &radio, desired, ret);
}

static int restore(struct provider_env *env)
{
	return rfkill_restore(env, &radio);
}

const struct provider provider_wifi = { "wifi", settings, observe, enforce, restore };
