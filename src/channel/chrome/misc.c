/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests with a short answer: what is only taken note of, what is refused, what is asked about an account.
 *
 * No robot accounts here: an empty auth_code says so, and clients go on without.
 */
#include "channel/chrome/handlers.h"

#include <string.h>

enum { POLICY_NOT_FOUND = 902 };

/* ---- taken note of ---- */

void chrome_empty_answer(struct arena *a, uint32_t number, Dm__DeviceManagementResponse *ret)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
		&dm__device_management_response__descriptor, number);
	const ProtobufCMessageDescriptor *member = f->descriptor;
	ProtobufCMessage *m = arena_alloc(a, member->sizeof_message);
	member->message_init(m);
	memcpy((char *)ret + f->offset, &m, sizeof m);
}

void chrome_acknowledge(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	chrome_empty_answer(r->arena, r->type->answer, &answer);
	chrome_reply(r, &answer);
}

void chrome_api_authorization(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DeviceServiceApiAccessResponse m = DM__DEVICE_SERVICE_API_ACCESS_RESPONSE__INIT;
	m.auth_code = (char *)(uintptr_t) "";
	answer.service_api_access_response = &m;
	chrome_reply(r, &answer);
}

/* ---- refused ---- */

void chrome_refuse_dead(struct chrome_request *r)
{
	chrome_fail(r, 400,
		    arena_printf(r->arena, "\"%s\" is no longer a part of the protocol.",
				 r->type->name));
}

void chrome_refuse_unsupported(struct chrome_request *r)
{
	chrome_fail(r, 403,
		    arena_printf(r->arena, "This server does not offer \"%s\".", r->type->name));
}

/* ---- ping: a policy request of 2015 that needs no device token ---- */

/* A policy names the device token that it is for, and of that only the device knows more than a hash. So an account
 * learns that its device is managed, and each policy's answer says what to ask with. */
static void answer_ping(struct chrome_request *r)
{
	const Dm__DevicePolicyRequest *m = r->body->policy_request;
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__DevicePolicyResponse policies = DM__DEVICE_POLICY_RESPONSE__INIT;
	Dm__PolicyFetchResponse one = DM__POLICY_FETCH_RESPONSE__INIT;
	struct device d;
	struct error err;
	int res = store_device_by_external(store_reader(r->server->store), CHANNEL_CHROME,
					   r->device_id, r->arena, &d, &err);
	if (res == ERR_NOT_FOUND ||
	    (res == 0 && (d.unenrolled_ms || d.org_id != chrome_account_org(r))))
		res = error_set(&err, ERR_GONE, "This device is not managed for the account.");
	if (res) {
		chrome_fail_result(r, res, &err);
		return;
	}
	one.has_error_code = true;
	one.error_code = POLICY_NOT_FOUND;
	one.error_message = (char *)(uintptr_t) "Ask for policies with the device token.";
	policies.n_responses = m->n_requests;
	policies.responses = arena_new_n(r->arena, Dm__PolicyFetchResponse *, m->n_requests);
	for (size_t i = 0; i < m->n_requests; i++)
		policies.responses[i] = &one;
	answer.policy_response = &policies;
	chrome_reply(r, &answer);
}

void chrome_ping(struct chrome_request *r)
{
	if (r->device.id)
		chrome_policy(r);
	else
		chrome_oauth_check(r, answer_ping);
}

/* ---- about an account ---- */

static void answer_account(struct chrome_request *r)
{
	Dm__DeviceManagementResponse answer = DM__DEVICE_MANAGEMENT_RESPONSE__INIT;
	Dm__CheckUserAccountResponse m = DM__CHECK_USER_ACCOUNT_RESPONSE__INIT;
	bool ours = chrome_account_org(r) != 0;
	m.has_domain_verified = true;
	m.domain_verified = ours;
	m.has_user_account_type = true;
	m.user_account_type = ours ? DM__CHECK_USER_ACCOUNT_RESPONSE__USER_ACCOUNT_TYPE__DASHER
				   : DM__CHECK_USER_ACCOUNT_RESPONSE__USER_ACCOUNT_TYPE__CONSUMER;
	m.has_enrollment_nudge_type = true;
	m.enrollment_nudge_type = DM__CHECK_USER_ACCOUNT_RESPONSE__ENROLLMENT_NUDGE_TYPE__NONE;
	answer.check_user_account_response = &m;
	chrome_reply(r, &answer);
}

void chrome_check_account(struct chrome_request *r)
{
	chrome_oauth_check(r, answer_account);
}

/* 409 would say that the account is managed by Android's own means, which it is not by us. */
void chrome_check_android(struct chrome_request *r)
{
	chrome_oauth_check(r, chrome_acknowledge);
}
