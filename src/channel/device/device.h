/* SPDX-License-Identifier: Apache-2.0
 *
 * The device API, /device/v1 (docs/device-api.md): what reeve-agent and reeve-host speak.
 */
#pragma once

#include "net/http/http.h"

extern const struct http_route device_routes[]; /* ended by a row with a NULL method */
