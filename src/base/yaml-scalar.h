/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plain (unquoted) YAML scalar means: the core schema of YAML 1.2, shared by the reader
 * and the writer so that they agree. Private to base/yaml*.c.
 */
#pragma once

#include <stdbool.h>

enum yaml_scalar { SCALAR_STR, SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT };

enum yaml_scalar yaml_scalar_of(const char *text);
/* Would some reader (ours, or one of YAML 1.1, which most languages still have) take this plain text for
 * something that is not a string? "no", "1:30", "2026-11-25" … */
bool yaml_scalar_ambiguous(const char *text);
