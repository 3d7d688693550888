/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of the client's validator, see validation.h. The wire's number is the validator's status + 1.
 */
#include "channel/chrome/report/validation.h"

static const struct {
	const char *reason;
	bool refused;
} results[] = {
	[0] = { "it does not say why", false },
	[1] = { "nothing is wrong", false },
	[2] = { "the signature of the first key is wrong or missing", true },
	[3] = { "the signature is wrong", true },
	[4] = { "the answer was an error", true },
	[5] = { "the signed data could not be read", true },
	[6] = { "it is a policy of another type", true },
	[7] = { "it is for another extension or account", true },
	[8] = { "it is older than the one in force, or from the future", true },
	[9] = { "it is for another device token", true },
	[10] = { "it is for another device", true },
	[11] = { "it is for another user or domain", true },
	[12] = { "its settings could not be read", true },
	[13] = { "the key is not confirmed by the verification key", true },
	[14] = { "some values are doubtful", false },
	[15] = { "some values are wrong", true },
};

static bool is_known(int result)
{
	return result >= 0 && (size_t)result < ARRAY_SIZE(results);
}

const char *validation_reason(int result)
{
	return is_known(result) ? results[result].reason
				: "for a reason that this server does not know";
}

/* A result of tomorrow is none that the client would report if all were well. */
bool validation_refused(int result)
{
	return is_known(result) ? results[result].refused : true;
}

json_t *validation_json(const Dm__PolicyValidationReportRequest *m, struct budget *b)
{
	json_t *o = message_json(&m->base, NULL, b);
	json_object_set_new(o, "result", json_integer(m->validation_result_type));
	json_object_set_new(o, "reason", json_string(validation_reason(m->validation_result_type)));
	return o;
}
