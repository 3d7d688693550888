/* SPDX-License-Identifier: Apache-2.0
 *
 * A request: a line each for request, devicetype, apptype, deviceid, agent, platform, oauth_token and
 * Authorization, then the body. What registers is read too.
 */
#include "channel/chrome/endpoint.h"
#include "channel/chrome/newcomer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_fini) struct arena a;
	struct span in = { data, n }, line;
	struct chrome_words w = { 0 };
	const char **words[] = { &w.request, &w.device_type, &w.app_type,    &w.device_id,
				 &w.agent,   &w.platform,    &w.oauth_token, &w.authorization };
	struct chrome_request r = { .arena = &a };
	struct newcomer c;
	struct error err;
	int status;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(words) && span_get_until(&in, '\n', &line); i++)
		*words[i] = arena_strndup(&a, (const char *)line.p, line.n);
	if (chrome_words_read(&w, &r, &err) || chrome_words_authorized(&r, &err) ||
	    chrome_body_read(in, &r, &err))
		return 0;
	if (r.body->register_browser_request)
		newcomer_of_browser(&r, r.body->register_browser_request, &c);
	return r.body->register_request &&
	       newcomer_of_device(&r, r.body->register_request, "a@b", &c, &status, &err) < 0;
}
