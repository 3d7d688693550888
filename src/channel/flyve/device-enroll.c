/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /device/v1/enroll with channel "flyve": our own agents, who need none of GLPI's REST sequence. The answer is
 * the device API's, and where the broker is; the device's token is its password there, too.
 *
 * Enrollment tokens of both kinds let it in. A device that still has its old token comes back as itself, and so
 * does one that asks again because the answer was lost (server/enrollment-key.h).
 */
#include "channel/flyve/rest.h"
#include "channel/flyve/sync.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/utf8.h"
#include "server/auth.h"
#include "server/enrollment-key.h"
#include "server/next-poll.h"
#include <inttypes.h>
#include <string.h>

#define TEXT_MAX  255
#define TOKEN_MAX 512

struct coming { /* in the request's arena */
	struct flyve_newcomer newcomer;
	uint8_t hash[SHA256_SIZE];
	struct enrollment_key key;
	int64_t next_poll_s;
	const char *organization, *fleet;
	struct flyve_handover handover;
};

/* ---- the answer ---- */

static void answer(struct flyve_handover *h)
{
	const struct coming *x = h->arg;
	json_t *mqtt = flyve_mqtt_json(server_of(h->req), &h->device, &h->agent, h->password,
				       http_arena(h->req));
	http_reply_header(h->req, "Cache-Control", "no-store");
	http_reply_json(h->req, 201,
			json_pack("{s:I, s:s, s:s, s:s, s:I, s:o}", "device_id",
				  (json_int_t)h->device.id, "device_token", h->token,
				  "organization", x->organization, "fleet", x->fleet, "next_poll_s",
				  (json_int_t)x->next_poll_s, "mqtt", mqtt));
}

/* ---- enrolling ---- */

static int use_token(struct store_conn *tx, const struct coming *x, int64_t now_ms, struct arena *a,
		     struct enrollment_token *ret, struct error *err)
{
	struct span hash = { x->hash, SHA256_SIZE };
	int r = store_enrollment_token_use(tx, "agent", hash, now_ms, a, ret, err);
	return r > 0 ? store_enrollment_token_use(tx, "flyve", hash, now_ms, a, ret, err) : r;
}

/* The record that was made with the same key: the answer was lost. It is invited as it was. */
static int invite_again(struct store_conn *tx, int64_t id, struct arena *a,
			struct enrollment_token *ret, struct error *err)
{
	struct device d;
	struct flyve_agent agent;
	int r = store_device_get(tx, id, a, &d, err);
	if (r == 0)
		r = flyve_agent_of(tx, id, a, &agent);
	if (r == 0)
		*ret = (struct enrollment_token){ .id = agent.invitation_id,
						  .org_id = d.org_id,
						  .fleet_id = d.fleet_id };
	return r;
}

static int name_place(struct store_conn *tx, struct coming *x, const struct device *d,
		      struct arena *a, struct error *err)
{
	const struct fleet_tree *tree;
	struct organization org;
	int r = store_organization_get(tx, d->org_id, a, &org, err);
	if (r == 0)
		r = store_fleets(tx, d->org_id, &tree);
	if (r)
		return r;
	const struct fleet *fleet = fleet_tree_get(tree, d->fleet_id);
	x->organization = org.name;
	x->fleet = fleet ? arena_strdup(a, fleet->name) : "";
	return 0;
}

static int enroll(struct store_conn *tx, struct flyve_handover *h, struct error *err)
{
	struct coming *x = h->arg;
	struct arena *a = http_arena(h->req);
	struct change by = { .now_ms = clock_utc_ms() };
	struct flyve_newcomer n = x->newcomer;
	struct enrollment_token t;
	struct device d = { 0 };
	int64_t repeated = 0;
	int r = enrollment_key_find(tx, &x->key, a, &repeated);
	if (r)
		return r;
	r = repeated ? invite_again(tx, repeated, a, &t, err)
		     : use_token(tx, x, by.now_ms, a, &t, err);
	if (r)
		return r;
	if (repeated)
		n.known_id = repeated;
	by.actor = repeated ? arena_printf(a, "device:%" PRId64, repeated)
			    : arena_printf(a, "enrollment_token:%" PRId64, t.id);
	r = flyve_enroll(tx, &by, &t, &n, server_of(h->req), a, &d, err);
	if (r == 0)
		r = enrollment_key_keep(tx, &x->key, d.id, by.now_ms, a);
	h->device_id = d.id;
	return r ? r : name_place(tx, x, &d, a, err);
}

/* ---- the body ---- */

static bool is_plain(const char *text)
{
	return strlen(text) <= TEXT_MAX && !utf8_has_control(span_str(text));
}

static int read_texts(const json_t *body, struct coming *x, struct error *err)
{
	struct enrollment *e = &x->newcomer.e;
	const struct {
		const char *key, **ret;
	} texts[] = {
		{ "name", &e->name },
		{ "serial", &e->serial },
		{ "uuid", &x->newcomer.uuid },
		{ "model", &e->model },
		{ "os_version", &e->os_version },
		{ "agent_version", &e->agent_version },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++) {
		*texts[i].ret = "";
		r = json_read_str(body, texts[i].key, false, texts[i].ret, err);
		if (r == 0 && !is_plain(*texts[i].ret))
			r = error_set(err, ERR_INVALID,
				      "%s: longer than %d bytes, or control characters.",
				      texts[i].key, TEXT_MAX);
	}
	return r;
}

static int read_body(const json_t *body, struct coming *x, struct error *err)
{
	const char *token = NULL, *kind = "linux";
	int64_t dialect = FLYVE_D2;
	int r = json_read_str(body, "token", true, &token, err);
	if (r == 0 && strlen(token) > TOKEN_MAX)
		r = error_set(err, ERR_INVALID, "token: longer than %d bytes.", TOKEN_MAX);
	if (r == 0)
		r = read_texts(body, x, err);
	if (r == 0)
		r = json_read_str(body, "kind", false, &kind, err);
	if (r == 0 && !kind_parse(kind, &x->newcomer.e.kind))
		r = error_set(err, ERR_INVALID, "kind: \"%.40s\" is none.", kind);
	if (r == 0)
		r = json_read_int(body, "dialect", false, &dialect, err);
	if (r == 0 && dialect != FLYVE_D1 && dialect != FLYVE_D2)
		r = error_set(err, ERR_INVALID, "dialect: not 1 or 2.");
	if (r)
		return r;
	x->newcomer.dialect = (enum flyve_dialect)dialect;
	x->newcomer.confirms = true;
	sha256(span_str(token), x->hash);
	return enrollment_key_read(body, x->hash, &x->key, err);
}

void flyve_device_enroll(struct http_request *req)
{
	struct coming *x = arena_new(http_arena(req), struct coming);
	struct device known;
	struct error err;
	json_t *body = NULL;
	int r = http_body_json(req, &body, &err);
	if (r == 0)
		r = read_body(body, x, &err);
	if (r) {
		http_reply_result(req, r, &err);
		return;
	}
	if (auth_bearer_device(req, &known, &err) == 0 &&
	    strcmp(known.channel, channel_name(CHANNEL_FLYVE)) == 0)
		x->newcomer.known_id = known.id;
	x->next_poll_s = next_poll_of(req);
	x->handover = (struct flyve_handover){ .req = req,
					       .enroll = enroll,
					       .refuse = http_reply_result,
					       .answer = answer,
					       .arg = x };
	flyve_hand_over(&x->handover);
}
