/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON of extension policies, at the URL that ExternalPolicyData names. It carries no credentials: who was
 * told the hash may read what it is of. The text is made anew from the desired state; when that has changed
 * meanwhile, the hash is another one and the old URL is gone: the client hears of the new one with its policy.
 */
#include "channel/chrome/policy/payload.h"

#include "channel/chrome/handlers.h"

static int find(struct http_request *req, struct span *ret, struct error *err)
{
	struct server *s = server_of(req);
	struct arena *a = http_arena(req);
	CLEANUP(desired_fini) struct desired desired = { 0 };
	struct extension_policy *all;
	struct device d;
	int64_t id;
	uint8_t hash[SHA256_SIZE];
	int r = http_path_id(req, "device", &id, err);
	if (r == 0 && !hex_decode(http_path_param(req, "hash"), hash, sizeof hash))
		r = error_set(err, ERR_NOT_FOUND, "There is no such policy.");
	if (r == 0)
		r = store_device_get(store_reader(s->store), id, a, &d, err);
	if (r)
		return r;
	desired_init(&desired, CHANNEL_CHROME);
	if (d.unenrolled_ms == 0)
		r = store_desired(store_reader(s->store), &d, &desired);
	size_t n = r == 0 ? payload_extensions(&desired, a, &all) : 0;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].id, http_path_param(req, "extension")) == 0 &&
		    ct_equal((struct span){ hash, sizeof hash },
			     (struct span){ all[i].sha256, sizeof all[i].sha256 })) {
			*ret = all[i].json;
			return 0;
		}
	}
	return r ? r : error_set(err, ERR_NOT_FOUND, "There is no such policy.");
}

static void download(struct http_request *req)
{
	struct span json;
	struct error err;
	int r = find(req, &json, &err);
	if (r == 0)
		http_reply(req, 200, "application/json", json);
	else if (r > 0)
		http_reply_result(req, error_set(&err, ERR_NOT_FOUND, "There is no such policy."),
				  &err);
	else
		http_reply_result(req, r, NULL);
}

const struct http_route chrome_policy_routes[] = {
	{ .method = "GET",
	  .pattern = EXTENSION_POLICY_PATH "{device}/{extension}/{hash}",
	  .auth = AUTH_NONE,
	  .rate = RATE_DEVICE,
	  .handler = download,
	  .name = "chrome_extension_policy",
	  .statuses = "200",
	  .doc = "Policies of an extension, as named by a policy" },
	{ 0 },
};
