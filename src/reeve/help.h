/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tables say, for people: --help at every level, and the man pages.
 */
#pragma once

#include "base/buf.h"
#include "reeve/command.h"

/* Both NULL: of reeve; a noun alone: its verbs; both: that command. */
void help_add(struct buf *out, const struct noun *noun, const struct command *c);
/* "[--limit N] ID": what follows the name in a synopsis. */
void help_add_synopsis(struct buf *out, const struct command *c);
/* man(7): reeve(1) for NULL, reeve-NOUN(1) else. */
void man_add(struct buf *out, const struct noun *noun);
