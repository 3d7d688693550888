/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers of the device API, see handlers.h.
 */
#include "channel/device/handlers.h"

#include "base/utf8.h"
#include "server/next-poll.h"

bool device_api_body(struct http_request *req, json_t **ret)
{
	struct error err;
	int r = http_body_json(req, ret, &err);
	if (r == 0 && !json_is_object(*ret))
		r = error_set(&err, ERR_INVALID, "The body must be a JSON object.");
	if (r != 0)
		http_reply_result(req, r, &err);
	return r == 0;
}

bool device_api_wait(struct http_request *req, int64_t *ret_ms)
{
	struct error err;
	int64_t s = 0;
	int r = http_query_int(req, "wait", 0, WAIT_MAX_S, &s, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return false;
	}
	*ret_ms = s * 1000;
	return true;
}

int device_api_text_check(const char *key, const char *text, size_t max, struct error *err)
{
	if (strlen(text) > max)
		return error_set(err, ERR_INVALID, "%.60s: longer than %zu bytes.", key, max);
	if (utf8_has_control(span_str(text)))
		return error_set(err, ERR_INVALID, "%.60s: control characters.", key);
	return 0;
}

int device_api_refresh(struct http_request *req, struct error *err)
{
	struct principal *p = http_principal(req);
	int r = store_device_get(store_reader(server_of(req)->store), p->id, http_arena(req),
				 &p->device, err);
	if (r > 0) /* deleted: as anybody with a token of nobody hears it */
		return error_set(err, ERR_UNAUTHENTICATED, "The device token is unknown.");
	if (r == 0 && p->device.unenrolled_ms != 0)
		return error_set(err, ERR_GONE, "This device is no longer managed.");
	return r;
}

void device_api_reply_closing(struct http_request *req)
{
	struct error err;
	error_set(&err, ERR_UNAVAILABLE, "The server is stopping; come back in a moment.");
	http_reply_header(req, "Retry-After",
			  arena_printf(http_arena(req), "%lld", (long long)next_poll_retry_s(req)));
	http_reply_error(req, &err);
}
