/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenAPI 3.1 document, made from the route tables and the field tables.
 */
#pragma once

#include "base/json.h"
#include "net/http/http.h"

/* Of every route of the tables (NULL-ended); owned by the caller. */
json_t *openapi_document(const struct http_route *const *tables);
