/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy types, one row each, and how their values are made.
 */
#include "channel/chrome/policy/policy.h"

#include <strings.h>

#define INSTALL_MAX 1000 /* extensions in one question */

/* One more item, its value in the answer's arena. */
static int add_item(struct answer *out, const struct policy_fetch *f, const char *entity_id,
		    const struct buf *value, struct error *err)
{
	if (value->failed)
		return error_set(err, ERR_TOO_LARGE, "The policy is larger than %u bytes.",
				 PAYLOAD_MAX);
	out->items[out->n++] = (struct answer_item){
		.value = { .type = arena_strdup(&out->arena, f->type),
			   .entity_id = entity_id ? arena_strdup(&out->arena, entity_id) : NULL,
			   .bytes = arena_dup(&out->arena, buf_span(value)) },
	};
	return 0;
}

static int add_settings(struct policy_context *c, const struct policy_fetch *f,
			const char *entity_id, struct answer *out, struct error *err)
{
	CLEANUP(buf_fini) struct buf value;
	buf_init(&value, PAYLOAD_MAX);
	payload_settings(&c->desired, &c->near, c->flat, &value);
	out->items = arena_new(&out->arena, struct answer_item);
	return add_item(out, f, entity_id, &value, err);
}

static int build_settings(struct policy_context *c, const struct policy_fetch *f,
			  struct answer *out, struct error *err)
{
	return add_settings(c, f, NULL, out, err);
}

/* The accounts of a device are told apart by their id; the policies are the device's. */
static int build_account(struct policy_context *c, const struct policy_fetch *f, struct answer *out,
			 struct error *err)
{
	if (*f->entity_id == '\0')
		return error_set(err, ERR_INVALID, "settings_entity_id is missing.");
	if (!payload_has_account(&c->desired, f->entity_id))
		return error_set(err, ERR_NOT_FOUND, "The device has no such account.");
	return add_settings(c, f, f->entity_id, out, err);
}

static int build_device(struct policy_context *c, const struct policy_fetch *f, struct answer *out,
			struct error *err)
{
	CLEANUP(buf_fini) struct buf value;
	buf_init(&value, PAYLOAD_MAX);
	int r = payload_device(&c->desired, &value, err);
	out->items = arena_new(&out->arena, struct answer_item);
	if (r == 0)
		r = add_item(out, f, NULL, &value, err);
	if (r == 0)
		out->items[0].value.of_device = true;
	return r;
}

static int build_updater(struct policy_context *c, const struct policy_fetch *f, struct answer *out,
			 struct error *err)
{
	CLEANUP(buf_fini) struct buf value;
	buf_init(&value, PAYLOAD_MAX);
	int r = payload_updater(&c->desired, &value, err);
	out->items = arena_new(&out->arena, struct answer_item);
	return r ? r : add_item(out, f, NULL, &value, err);
}

/* One item an extension, all of them unless one is named. */
static int build_extensions(struct policy_context *c, const struct policy_fetch *f,
			    struct answer *out, struct error *err)
{
	CLEANUP(buf_fini) struct buf value;
	struct extension_policy *all;
	buf_init(&value, PAYLOAD_MAX);
	size_t n = payload_extensions(&c->desired, &out->arena, &all);
	if (n > 0 && *c->base == '\0')
		return error_set(err, ERR_INVALID, "The Host header names no host.");
	out->items = arena_new_n(&out->arena, struct answer_item, n + 1);
	for (size_t i = 0; i < n; i++) {
		if (*f->entity_id && strcmp(f->entity_id, all[i].id) != 0)
			continue;
		buf_reset(&value);
		payload_external(&all[i], c->base, c->device.id, &value);
		int r = add_item(out, f, all[i].id, &value, err);
		if (r)
			return r;
	}
	return 0;
}

static const char *text(const char *s)
{
	return s ? s : "";
}

static int build_install(struct policy_context *c, const struct policy_fetch *f, struct answer *out,
			 struct error *err)
{
	const Dm__PolicyFetchRequest *m = f->message;
	size_t n = m->n_extension_ids_and_version;
	CLEANUP(buf_fini) struct buf value;
	buf_init(&value, PAYLOAD_MAX);
	if (n > INSTALL_MAX)
		return error_set(err, ERR_TOO_LARGE, "More than %d extensions.", INSTALL_MAX);
	struct extension_version *asked = arena_new_n(&out->arena, struct extension_version, n + 1);
	for (size_t i = 0; i < n; i++)
		asked[i] = (struct extension_version){
			text(m->extension_ids_and_version[i]->extension_id),
			text(m->extension_ids_and_version[i]->extension_version)
		};
	payload_install(&c->desired, asked, n, &value);
	out->items = arena_new(&out->arena, struct answer_item);
	return add_item(out, f, NULL, &value, err);
}

#define MACHINE_USER      "google/chrome/machine-level-user"
#define MACHINE_EXTENSION "google/chrome/machine-level-extension"
#define MACHINE_UPDATER   "google/machine-level-omaha"

static const char *const apps_parts[] = { MACHINE_UPDATER, MACHINE_USER, MACHINE_EXTENSION, NULL };

#define INSTALL "google/extension-install-cloud-policy/"

static const struct policy_type types[] = {
	{ .name = MACHINE_USER, .build = build_settings },
	{ .name = MACHINE_USER "-android", .build = build_settings },
	{ .name = MACHINE_USER "-ios", .build = build_settings },
	{ .name = "google/chrome/user", .build = build_settings },
	{ .name = "google/chromeos/user", .build = build_settings },
	{ .name = "google/android/user", .build = build_settings },
	{ .name = "google/ios/user", .build = build_settings },
	{ .name = "google/chromeos/publicaccount", .build = build_account, .chromeos = true },
	{ .name = "google/chromeos/device", .build = build_device, .chromeos = true },
	{ .name = MACHINE_EXTENSION, .build = build_extensions, .has_url = true },
	{ .name = "google/chrome/extension", .build = build_extensions, .has_url = true },
	{ .name = "google/chromeos/signinextension",
	  .build = build_extensions,
	  .has_url = true,
	  .chromeos = true },
	{ .name = MACHINE_UPDATER, .build = build_updater },
	{ .name = "google/machine-level-apps", .parts = apps_parts },
	{ .name = INSTALL "chrome/machine", .build = build_install, .by_request = true },
	{ .name = INSTALL "chrome/user", .build = build_install, .by_request = true },
	{ .name = INSTALL "chromeos/user", .build = build_install, .by_request = true },
};

const struct policy_type *policy_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcasecmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}
