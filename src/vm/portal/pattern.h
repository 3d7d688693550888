/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern: which files a chooser shows, from a container's list of extensions ("png,jpeg,tar.gz"). Pure.
 */
#pragma once

#include "base/buf.h"

/* The next extension off the list as a pattern for file names in either case: "*.[pP][nN][gG]". What could mean something
 * else in a pattern is skipped. false: there is no more. */
bool pattern_next(struct span *list, struct buf *out);
