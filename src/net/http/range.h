/* SPDX-License-Identifier: Apache-2.0
 *
 * Range requests and entity tags (RFC 9110 sections 13 and 14): pure decisions over header text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum range {
	RANGE_WHOLE,         /* nothing usable was asked for: answer 200 */
	RANGE_PART,          /* answer 206 with first..last */
	RANGE_UNSATISFIABLE, /* answer 416 */
};

/* The value of a Range header for content of 'size' bytes. Several ranges, other units and what
 * does not parse are RANGE_WHOLE, as the RFC allows. */
enum range range_parse(const char *value, uint64_t size, uint64_t *ret_first, uint64_t *ret_last);

/* If-None-Match: does the list (or "*") hold 'etag'? Compared weakly. etag is with its quotes. */
bool etag_in_list(const char *list, const char *etag);
/* If-Range with an entity tag: compared strongly; a date never matches, for there are none here. */
bool etag_if_range(const char *value, const char *etag);
