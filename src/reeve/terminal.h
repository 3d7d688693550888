/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the person at the terminal (/dev/tty, so that redirections do not matter).
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>

/* One line of answer without its end. 'echo' false: for passwords. 0; -ENXIO, -ENOTTY…: there is no terminal; -E2BIG: too
 * long; -ECANCELED: the input ended. */
int terminal_ask(const char *question, bool echo, char *ret, size_t size) WARN_UNUSED;
