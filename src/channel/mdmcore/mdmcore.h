/* SPDX-License-Identifier: Apache-2.0
 *
 * MDMCore's eight routes, for its unmodified agents and consoles. The protocol knows no
 * authentication, so it is served only while some organization (or the server) has
 * mdmcore.open_enrollment on; its devices belong to the first such organization.
 */
#pragma once

#include "net/http/http.h"

extern const struct http_route mdmcore_routes[]; /* ended by a row with a NULL method */
