/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the broker is, for our own agents: in the answer to an enrollment, and again for a device that asks
 * (GET /device/v1/mqtt), because its broker is not to be reached or does not let it in any more. What devices
 * are told on the topic FLYVE_BROKER_TOPIC is only a reason to ask.
 *
 * With mqtt.passwords jwt the password is a new one each time: such a device asks when the old one does not let it in any more.
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/sync.h"

#include "base/buf.h"
#include "base/clock.h"

json_t *flyve_mqtt_json(struct server *s, const struct device *d, const struct flyve_agent *agent,
			const char *password, struct arena *a)
{
	struct broker_address at = broker_public(s->broker);
	const char *root =
		flyve_agent_root(a, (enum flyve_dialect)agent->root, d->org_id, d->external_id);
	json_t *o = json_pack("{s:s, s:i, s:b, s:s, s:s}", "host", at.host, "port", at.port, "tls",
			      at.tls, "user", d->external_id, "topic", root);
	if (password)
		json_object_set_new(o, "password", json_string(password));
	return o;
}

const char *flyve_broker_payload(struct broker *b, struct arena *a)
{
	struct broker_address at = broker_public(b);
	CLEANUP(free_charp) char *text = NULL;
	AUTO_JSON o = json_pack("{s:{s:s, s:i, s:b}}", "broker", "host", at.host, "port", at.port,
				"tls", at.tls);
	text = json_text(o);
	return arena_strdup(a, text);
}

/* What it logs in with, unless that is its token, which it has and we have not; *ret NULL then. */
static int new_password(struct http_request *req, const struct device *d, const char **ret,
			struct error *err)
{
	CLEANUP(buf_fini) struct buf password;
	struct arena *a = http_arena(req);
	struct broker_account account;
	buf_init(&password, 65536);
	*ret = NULL;
	int r = flyve_broker_source.account(store_reader(server_of(req)->store), d, a, &account,
					    err);
	if (r == 0)
		r = broker_password(server_of(req)->broker, &account, "", clock_utc_ms(), &password,
				    err);
	if (r == 0 && password.n > 0)
		*ret = arena_strdup(a, buf_str(&password));
	return r;
}

void flyve_device_mqtt(struct http_request *req)
{
	struct server *s = server_of(req);
	const struct device *d = &principal_of(req)->device;
	struct flyve_agent agent;
	struct error err;
	const char *password = NULL;
	int r = 0;
	if (!s->broker || strcmp(d->channel, channel_name(CHANNEL_FLYVE)) != 0)
		r = error_set(&err, ERR_NOT_FOUND, "this device has no MQTT broker here");
	if (r == 0)
		r = flyve_agent_of(store_reader(s->store), d->id, http_arena(req), &agent);
	if (r == 0)
		r = new_password(req, d, &password, &err);
	if (r) {
		http_reply_result(req, r, &err);
		return;
	}
	http_reply_header(req, "Cache-Control", "no-store");
	http_reply_json(req, 200, flyve_mqtt_json(s, d, &agent, password, http_arena(req)));
}
