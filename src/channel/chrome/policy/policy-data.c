/* SPDX-License-Identifier: Apache-2.0
 *
 * PolicyData's fields, see policy-data.h. Numbers are those of policy.proto; a value is large and is written
 * once, which is why this does not go through protobuf-c.
 */
#include "channel/chrome/policy/policy-data.h"

#include "channel/chrome/policy/proto-writer.h"
#include "channel/chrome/policy/stamp.h"

enum { STATE_ACTIVE = 0, MODE_ENTERPRISE = 1, DEVICE_DISABLED = 1 };

static void add_text(struct buf *out, uint32_t field, const char *s)
{
	if (s && *s)
		proto_str(out, field, s);
}

static void add_source(struct buf *out, uint32_t field, int64_t source, const char *name)
{
	if (source <= 0)
		return;
	proto_int(out, field, source);
	proto_str(out, field + 1, name ? name : "");
}

static void add_device_state(struct buf *out, const struct policy_facts *f)
{
	size_t begin = proto_begin(out, 17);
	proto_int(out, 1, f->disabled ? DEVICE_DISABLED : 0);
	if (f->disabled) {
		size_t state = proto_begin(out, 2);
		add_text(out, 1, f->disabled_message);
		proto_end(out, state);
	}
	proto_end(out, begin);
}

void policy_data_write(const struct policy_facts *f, const struct policy_value *v,
		       const struct policy_issue *i, struct buf *out)
{
	char token[STAMP_TOKEN_SIZE];
	stamp_token(f->version, i->stamp_ms, i->serial, token);
	proto_str(out, 1, v->type);
	proto_int(out, 2, i->stamp_ms);
	proto_str(out, 3, f->request_token);
	proto_bytes(out, 4, v->bytes);
	add_text(out, 5, f->machine_name);
	if (i->key_version > 0)
		proto_int(out, 6, i->key_version);
	proto_str(out, 7, f->username);
	proto_str(out, 8, f->device_id);
	proto_int(out, 9, STATE_ACTIVE);
	if (v->of_device && f->serial_missing)
		proto_int(out, 10, true);
	if (v->entity_id)
		proto_str(out, 11, v->entity_id);
	add_text(out, 12, f->service_account_identity);
	add_source(out, 13, f->invalidation_source, f->invalidation_name);
	proto_str(out, 15, token);
	proto_int(out, 16, MODE_ENTERPRISE);
	if (v->of_device)
		add_device_state(out, f);
	add_source(out, 18, f->command_invalidation_source, f->command_invalidation_name);
	add_text(out, 20, f->location);
	add_text(out, 21, f->asset_id);
	add_text(out, 22, f->directory_id);
	add_text(out, 26, f->invalidation_topic);
	add_text(out, 27, f->command_invalidation_topic);
	add_text(out, 36, f->managed_by);
}

void policy_facts_copy(const struct policy_facts *f, struct arena *a, struct policy_facts *ret)
{
	*ret = *f;
	const char **const texts[] = {
		&ret->request_token,
		&ret->machine_name,
		&ret->username,
		&ret->device_id,
		&ret->service_account_identity,
		&ret->location,
		&ret->asset_id,
		&ret->directory_id,
		&ret->managed_by,
		&ret->disabled_message,
		&ret->invalidation_name,
		&ret->command_invalidation_name,
		&ret->invalidation_topic,
		&ret->command_invalidation_topic,
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = arena_strdup(a, *texts[i] ? *texts[i] : "");
}

const char *policy_domain(const struct policy_facts *f)
{
	const char *at = strrchr(f->username, '@');
	return at ? at + 1 : "";
}
