/* SPDX-License-Identifier: Apache-2.0
 *
 * The one URL: query and headers, who is asking, the body, then the row's handler.
 *
 * A device token is good for the device id that it was given to. With another one it is 401: the token was
 * copied, and 401 makes a client stop without dropping what it has; 410 would. A token that is over, or whose
 * device was unenrolled, is 410: the client may then enroll again.
 *
 * Authentication comes before the body: what strangers send is not unpacked.
 */
#include "channel/chrome/endpoint.h"

#include "base/clock.h"
#include "server/auth.h"
#include "server/seen.h"

#include <string.h>

static struct chrome_request *new_request(struct http_request *http)
{
	struct chrome_request *r = arena_new(http_arena(http), struct chrome_request);
	r->http = http;
	r->server = server_of(http);
	r->arena = http_arena(http);
	r->now_ms = clock_utc_ms();
	r->body = NULL;
	return r;
}

static int read_words(struct chrome_request *r, struct error *err)
{
	struct http_request *http = r->http;
	struct chrome_words w = {
		.request = http_query(http, "request"),
		.device_type = http_query(http, "devicetype"),
		.app_type = http_query(http, "apptype"),
		.device_id = http_query(http, "deviceid"),
		.agent = http_query(http, "agent"),
		.platform = http_query(http, "platform"),
		.profile_id = http_query(http, "profileid"),
		.critical = http_query(http, "critical"),
		.retry = http_query(http, "retry"),
		.oauth_token = http_query(http, "oauth_token"),
		.oauth = http_query(http, "oauth"),
		.authorization = http_header(http, "Authorization"),
	};
	return chrome_words_read(&w, r, err);
}

static int find_device(struct chrome_request *r, struct error *err)
{
	struct device d;
	int res = auth_token_device(r->http, r->token, &d, err);
	if (res)
		return res;
	bool of_chrome = strcmp(d.channel, channel_name(CHANNEL_CHROME)) == 0;
	if (of_chrome && d.unenrolled_ms != 0) {
		r->device = d; /* its organization says what a 410 looks like */
		return error_set(err, ERR_GONE, "This device is no longer managed.");
	}
	if (!of_chrome || (!r->type->foreign && strcmp(d.external_id, r->device_id) != 0))
		return error_set(err, ERR_UNAUTHENTICATED,
				 "The device token was not given to this deviceid.");
	r->device = d;
	seen_device(r->server->seen, d.id, r->now_ms);
	return 0;
}

static int authenticate(struct chrome_request *r, struct error *err)
{
	int res = chrome_words_authorized(r, err);
	bool by_device =
		r->type->auth == CHROME_AUTH_DEVICE ||
		(r->type->auth == CHROME_AUTH_DEVICE_OR_OAUTH && r->scheme == CHROME_SCHEME_DEVICE);
	return res || !by_device ? res : find_device(r, err);
}

/* Is the member of this number there? */
static bool has_member(const Dm__DeviceManagementRequest *m, uint32_t number)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
		&dm__device_management_request__descriptor, number);
	if (!f)
		return false;
	const void *member = NULL;
	memcpy(&member, (const char *)m + f->offset, sizeof member);
	return member != NULL;
}

int chrome_body_read(struct span bytes, struct chrome_request *r, struct error *err)
{
	const struct chrome_type *t = r->type;
	ProtobufCAllocator allocator = chrome_allocator(r->arena);
	if (chrome_depth_ok(bytes))
		r->body = dm__device_management_request__unpack(&allocator, bytes.n, bytes.p);
	if (!r->body)
		return error_set(err, ERR_INVALID, "The body is not a DeviceManagementRequest.");
	if (t->body == 0 || has_member(r->body, t->body) ||
	    (t->body_or[0] && has_member(r->body, t->body_or[0])) ||
	    (t->body_or[1] && has_member(r->body, t->body_or[1])))
		return 0;
	return error_set(err, ERR_INVALID, "The body has no member %u, which \"%s\" is about.",
			 (unsigned)t->body, t->name);
}

void chrome_endpoint(struct http_request *http)
{
	struct error err = { 0 };
	struct chrome_request *r = new_request(http);
	int res = read_words(r, &err);
	if (res == 0)
		res = authenticate(r, &err);
	if (res == 0)
		res = chrome_body_read(http_body(http), r, &err);
	if (res)
		chrome_fail_result(r, res, &err);
	else
		r->type->handler(r);
}
