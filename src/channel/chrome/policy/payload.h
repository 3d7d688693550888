/* SPDX-License-Identifier: Apache-2.0
 *
 * What is inside of a policy: from a device's desired state to the bytes that its types carry. Pure: the
 * same desired state gives the same bytes, in ascending order of fields.
 *
 *   settings.c         CloudPolicySettings: browsers, users, public accounts
 *   device-settings.c  ChromeDeviceSettingsProto: ChromeOS devices
 *   extensions.c       the JSON of one extension, and where it is
 *   install.c          verdicts on extensions that a client asks about
 */
#pragma once

#include "base/buf.h"
#include "base/crypto.h"
#include "model/desired.h"
#include "model/fleet-tree.h"

#define PAYLOAD_MAX                                                                                \
	(1000u << 10) /* a client keeps at most 1 MiB of one policy, with its signature */

/* How near the scopes of a desired state are: 0 is the device itself. */
struct nearness {
	int64_t fleets[FLEET_DEPTH_MAX]; /* the device's chain, nearest first */
	size_t n;
};
void nearness_of(const struct fleet_tree *t, int64_t fleet_id, struct nearness *ret);

/* Appends the settings that browsers know. flat: for clients from before sub-messages, which know every
 * policy as field id + 2. An explicit chrome.<Policy> and a setting that maps to the same policy: the
 * nearer scope wins, on the same scope the explicit one. Too large: out->failed. */
void payload_settings(const struct desired *d, const struct nearness *near, bool flat,
		      struct buf *out);

/* Appends the settings of a ChromeOS device. ERR_INVALID: chromeos.device_payload is not base64. */
int payload_device(const struct desired *d, struct buf *out, struct error *err) WARN_UNUSED;
/* Whether the device has such an account (chromeos.accounts). */
bool payload_has_account(const struct desired *d, const char *account_id);

/* Appends the updater's settings; ERR_NOT_FOUND: there are none. */
int payload_updater(const struct desired *d, struct buf *out, struct error *err) WARN_UNUSED;

struct extension_policy {
	const char *id;              /* 32 letters, from a to p */
	struct span json;            /* what the client downloads */
	uint8_t sha256[SHA256_SIZE]; /* of it */
};
#define EXTENSIONS_MAX 256
/* The extensions that have policies, ascending by id, in the arena. */
size_t payload_extensions(const struct desired *d, struct arena *a, struct extension_policy **ret);
/* Appends ExternalPolicyData. 'base': "https://host:port" without a path. */
void payload_external(const struct extension_policy *e, const char *base, int64_t device_id,
		      struct buf *out);
#define EXTENSION_POLICY_PATH "/devicemanagement/data/extension-policy/"

/* Appends ExtensionInstallPolicies: what chrome.ExtensionInstallBlocklist and …Allowlist say of each. */
struct extension_version {
	const char *id, *version;
};
void payload_install(const struct desired *d, const struct extension_version *asked, size_t n,
		     struct buf *out);
