/* SPDX-License-Identifier: Apache-2.0
 *
 * What a token-info endpoint answers, for its test and fuzzer; the rest of oauth.c is in handlers.h.
 */
#pragma once

#include "channel/chrome/handlers.h"

#define OAUTH_EMAIL_MAX 254

/* false: not a good token; *ret_until_ms then says until when to believe that. */
bool oauth_answer_read(struct span body, int64_t now_ms, char ret_email[OAUTH_EMAIL_MAX + 1],
		       int64_t *ret_until_ms);
