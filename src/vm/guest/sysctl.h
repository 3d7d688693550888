/* SPDX-License-Identifier: Apache-2.0
 *
 * sysctl: settings of the kernel below /proc/sys.
 */
#pragma once

#include "base/macros.h"

/* "net/ipv4/ip_forward": 0 or -errno. */
int sysctl_set(const char *name, const char *value) WARN_UNUSED;
/* What many containers in one machine need more of, as an init sets it. Only raised; what cannot be is logged. */
void sysctl_for_init(void);
