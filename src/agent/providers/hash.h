/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 in hex, of files below the root and of spans.
 */
#pragma once

#include "base/crypto.h"

#define HASH_SIZE (2 * SHA256_SIZE + 1) /* hex and a NUL */

/* Of a regular file (the last component is not followed); "" when there is none. 0 or -errno. */
int hash_file(const char *root, const char *path, char hash[HASH_SIZE]) WARN_UNUSED;
void hash_span(struct span content, char hash[HASH_SIZE]);
