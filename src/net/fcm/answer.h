/* SPDX-License-Identifier: Apache-2.0
 *
 * What FCM and the OAuth server answer, read as data of a stranger. Pure. Internal to net/fcm.
 *
 * FCM's errors: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
 */
#pragma once

#include "base/span.h"

enum send_outcome {
	SEND_OK,
	SEND_UNREGISTERED, /* 404 UNREGISTERED, or 400 that blames the device token */
	SEND_UNAUTHORIZED, /* 401: the access token */
	SEND_BUSY,         /* 429, 503: nothing more for a while */
	SEND_ERROR,        /* other 5xx: this one, this time */
	SEND_REFUSED,      /* anything else: would be refused again */
};

#define REASON_SIZE 96

/* 'reason': status and FCM's error word, such as "HTTP 403 SENDER_ID_MISMATCH". */
enum send_outcome answer_read(long status, struct span body, char reason[REASON_SIZE]);

#define ACCESS_TOKEN_MAX 4096
/* The OAuth server's answer to a good assertion. The token holds characters that may stand in a
 * header, nothing else. */
bool answer_read_access(struct span body, char token[ACCESS_TOKEN_MAX], int64_t *ret_life_ms);
/* The reason why it has refused: "HTTP 400 invalid_grant". */
void answer_access_reason(long status, struct span body, char reason[REASON_SIZE]);
