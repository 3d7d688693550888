/* SPDX-License-Identifier: Apache-2.0
 *
 * What operations looks at: /healthz, /readyz, /version, /metrics.
 */
#pragma once

#include "net/http/http.h"

extern const struct http_route ops_routes[]; /* ended by a row with a NULL method */
