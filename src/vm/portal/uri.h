/* SPDX-License-Identifier: Apache-2.0
 *
 * uri: the path that a file URI means (RFC 8089). Pure.
 */
#pragma once

#include "base/buf.h"

/* Adds the path. false, and nothing added: another scheme, another machine, no absolute path, or a path that is no line of
 * text (control characters, not UTF-8). */
bool file_uri_path(struct span uri, struct buf *out);
