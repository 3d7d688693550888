/* SPDX-License-Identifier: Apache-2.0
 *
 * PASS_MIN_LEN of /etc/login.defs: raised where it is set and smaller, put back line by line, so
 * that other edits of the file stay. env->state["login_defs"] = {"was": line, "wrote": line}.
 */
#pragma once

#include "agent/provider.h"

/* 0 or -errno; min_length 0: puts it back. */
int login_defs_set(struct provider_env *env, int64_t min_length) WARN_UNUSED;
