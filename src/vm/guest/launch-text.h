/* SPDX-License-Identifier: Apache-2.0
 *
 * launch-text: a LaunchProcessRequest in protobuf's text format, as the files of /etc/maitred have it:
 *
 *   argv: "vshd"  argv: "--port=9001"       # or: argv: ["vshd", "--port=9001"]
 *   env { key: "XDG_RUNTIME_DIR" value: "/run" }
 *   respawn: true
 *
 * Pure. What the text says lives in an arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "vm/guest/table.h"

#define LAUNCH_WORDS_MAX 256 /* arguments, and as many variables */

/* 0, or ERR_INVALID with the line and what is wrong there. */
int launch_text_parse(struct span text, struct arena *a, struct launch *ret,
		      struct error *err) WARN_UNUSED;
