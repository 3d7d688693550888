/* SPDX-License-Identifier: Apache-2.0
 *
 * The answers of an HTTP/1.1 server, as far as a load generator needs them: status, whether the
 * connection stays, and where the body is. Answers with a Transfer-Encoding are refused: the server
 * under load sends none.
 */
#pragma once

#include "base/span.h"
#include <stdbool.h>

struct answer { /* borrows from the bytes that were read */
	int status;
	bool closes;
	struct span body;
};

enum answer_state { ANSWER_WHOLE, ANSWER_MORE, ANSWER_BAD };

/* One answer at the beginning of 'in'. ANSWER_WHOLE: *ret_n is its length. */
enum answer_state answer_read(struct span in, struct answer *ret, size_t *ret_n);
