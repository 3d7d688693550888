/* SPDX-License-Identifier: Apache-2.0
 *
 * See answer.h. Of what a stranger writes only words made of letters, digits and '_' get into a
 * reason, so that nothing can be smuggled into a log, and no token comes back out.
 */
#include "net/fcm/answer.h"
#include "base/json.h"
#include <string.h>

#define LIFE_MAX_S (24 * 3600)

static bool is_word(const char *s)
{
	size_t n = s ? strlen(s) : 0;
	return n > 0 && n <= 48 &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static void reason_set(char reason[REASON_SIZE], long status, const char *word)
{
	bool known = is_word(word);
	snprintf(reason, REASON_SIZE, "HTTP %ld%s%s", status, known ? " " : "", known ? word : "");
}

/* The most precise word there is: FCM's own error code, else the general status. */
static const char *error_word(const json_t *error)
{
	size_t i;
	json_t *detail;
	json_array_foreach (json_object_get(error, "details"), i, detail) {
		const char *word = json_string_value(json_object_get(detail, "errorCode"));
		if (word)
			return word;
	}
	return json_string_value(json_object_get(error, "status"));
}

/* Is it the device token that the request is invalid for, and not something of ours? */
static bool blames_token(const json_t *error)
{
	size_t i, j;
	json_t *detail, *violation;
	json_array_foreach (json_object_get(error, "details"), i, detail) {
		json_array_foreach (json_object_get(detail, "fieldViolations"), j, violation) {
			const char *field = json_string_value(json_object_get(violation, "field"));
			if (field && strcmp(field, "message.token") == 0)
				return true;
		}
	}
	const char *message = json_string_value(json_object_get(error, "message"));
	return message && strstr(message, "registration token");
}

static bool says(const char *word, const char *wanted)
{
	return word && strcmp(word, wanted) == 0;
}

enum send_outcome answer_read(long status, struct span body, char reason[REASON_SIZE])
{
	AUTO_JSON answer = NULL;
	if (json_parse(body, &answer, NULL) != 0)
		answer = NULL;
	const json_t *error = json_object_get(answer, "error");
	const char *word = error_word(error);
	reason_set(reason, status, word);
	if (status == 200)
		return SEND_OK;
	if (status == 401)
		return SEND_UNAUTHORIZED;
	if (status == 429 || status == 503)
		return SEND_BUSY;
	if (status >= 500)
		return SEND_ERROR;
	/* a 404 that is not FCM's own may be a wrong endpoint: no reason to forget every device */
	if (status == 404 && (says(word, "UNREGISTERED") || says(word, "NOT_FOUND")))
		return SEND_UNREGISTERED;
	if (status == 400 && says(word, "INVALID_ARGUMENT") && blames_token(error))
		return SEND_UNREGISTERED;
	return SEND_REFUSED;
}

bool answer_read_access(struct span body, char token[ACCESS_TOKEN_MAX], int64_t *ret_life_ms)
{
	AUTO_JSON answer = NULL;
	const char *text = NULL;
	int64_t life_s = 0;
	if (json_parse(body, &answer, NULL) != 0 ||
	    json_read_str(answer, "access_token", true, &text, NULL) != 0 ||
	    json_read_int(answer, "expires_in", true, &life_s, NULL) != 0)
		return false;
	size_t n = strlen(text);
	if (n == 0 || n >= ACCESS_TOKEN_MAX || life_s <= 0 || life_s > LIFE_MAX_S)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	memcpy(token, text, n + 1);
	*ret_life_ms = life_s * 1000;
	return true;
}

void answer_access_reason(long status, struct span body, char reason[REASON_SIZE])
{
	AUTO_JSON answer = NULL;
	if (json_parse(body, &answer, NULL) != 0)
		answer = NULL;
	reason_set(reason, status, json_string_value(json_object_get(answer, "error")));
}
