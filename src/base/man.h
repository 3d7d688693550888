/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of man pages in man(7), from the tables that --help reads. Written at build time.
 */
#pragma once

#include "base/buf.h"
#include "base/options.h"

/* .TH and NAME: man_head(out, "REEVED", 8, "reeved", "the server of Reeve"). */
void man_head(struct buf *out, const char *title, int section, const char *name, const char *doc);
/* Text as roff reads it: no escape, no request and no hyphenated option by accident. */
void man_text(struct buf *out, const char *s);
void man_paragraphs(struct buf *out, const char *text); /* an empty line begins one */
void man_options(struct buf *out, const struct option *rows);
