/* SPDX-License-Identifier: Apache-2.0
 *
 * The providers by name, for all.c's list and for their tests; everybody else uses providers[].
 */
#pragma once

#include "agent/provider.h"

extern const struct provider provider_apps;
extern const struct provider provider_bluetooth;
extern const struct provider provider_camera;
extern const struct provider provider_chrome;
extern const struct provider provider_files;
extern const struct provider provider_password;
extern const struct provider provider_screen;
extern const struct provider provider_storage;
extern const struct provider provider_wifi;
