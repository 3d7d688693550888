/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of request types: all of 2015 and all of today. "body" and "answer" are fields of
 * DeviceManagementRequest and DeviceManagementResponse. What a client of today calls otherwise than the
 * protocol's own comment has both names.
 */
#include "channel/chrome/endpoint.h"

#include <string.h>

#define TYPE(name_, alias_, body_, answer_, auth_, handler_)                                       \
	{                                                                                          \
		.name = (name_), .alias = (alias_), .body = (body_), .answer = (answer_),          \
		.auth = CHROME_AUTH_##auth_, .handler = (handler_)                                 \
	}

const struct chrome_type chrome_types[] = {
	/* coming and going */
	TYPE("register", NULL, 1, 3, OAUTH, chrome_register),
	TYPE("register_browser", NULL, 23, 3, ENROLLMENT, chrome_register_browser),
	TYPE("register_policy_agent", NULL, 23, 3, ENROLLMENT, chrome_register_browser),
	TYPE("token_based_register", NULL, 41, 40, ENROLLMENT, chrome_register_browser),
	TYPE("certificate_based_register", NULL, 18, 3, NONE, chrome_register_certificate),
	TYPE("register_profile", NULL, 1, 3, NONE, chrome_refuse_unsupported),
	TYPE("unregister", NULL, 2, 4, DEVICE, chrome_unregister),
	/* policy */
	TYPE("policy", NULL, 3, 5, DEVICE, chrome_policy),
	TYPE("ping", NULL, 3, 5, DEVICE_OR_OAUTH, chrome_ping),
	TYPE("policy_validation_report", NULL, 27, 26, DEVICE, chrome_validation_report),
	/* reports */
	{ "status_upload", "status", 4, { 5, 30 }, 6, CHROME_AUTH_DEVICE, chrome_status, false },
	TYPE("chrome_desktop_report", NULL, 26, 23, DEVICE, chrome_desktop_report),
	TYPE("chrome_profile_report", NULL, 40, 38, DEVICE, chrome_raw_report),
	TYPE("chrome_os_user_report", NULL, 33, 32, DEVICE, chrome_raw_report),
	/* commands */
	TYPE("remote_commands", NULL, 13, 14, DEVICE, chrome_remote_commands),
	/* before enrollment */
	TYPE("enterprise_check", NULL, 6, 8, NONE, chrome_enterprise_check),
	TYPE("enterprise_psm_check", NULL, 37, 35, NONE, chrome_refuse_unsupported),
	TYPE("device_state_retrieval", NULL, 9, 11, NONE, chrome_device_state),
	TYPE("device_initial_enrollment_state", NULL, 28, 27, NONE, chrome_initial_state),
	TYPE("check_user_account", NULL, 36, 34, OAUTH, chrome_check_account),
	TYPE("check_android_management", NULL, 17, 18, OAUTH, chrome_check_android),
	/* devices and who uses them */
	TYPE("device_pairing", NULL, 11, 12, OAUTH, chrome_pair),
	{ "check_device_pairing",
	  NULL,
	  12,
	  { 0 },
	  13,
	  CHROME_AUTH_DEVICE_OR_OAUTH,
	  chrome_check_pairing,
	  true },
	TYPE("device_attribute_update_permission", "attribute_update_permission", 14, 15,
	     DEVICE_OR_OAUTH, chrome_attribute_permission),
	TYPE("device_attribute_update", "attribute_update", 15, 16, DEVICE_OR_OAUTH,
	     chrome_attribute_update),
	/* keys, certificates, accounts */
	TYPE("cert_upload", NULL, 7, 9, DEVICE, chrome_cert_upload),
	TYPE("api_authorization", NULL, 8, 10, DEVICE, chrome_api_authorization),
	TYPE("browser_public_key_upload", NULL, 38, 36, DEVICE, chrome_public_key),
	TYPE("fm_registration_token_upload", NULL, 42, 41, DEVICE, chrome_fm_token),
	TYPE("gcm_id_update", NULL, 16, 17, DEVICE, chrome_gcm_id),
	TYPE("client_cert_provisioning", NULL, 34, 33, DEVICE, chrome_refuse_unsupported),
	TYPE("generate_chrome_profile_challenge", NULL, 44, 44, DEVICE, chrome_refuse_unsupported),
	/* taken note of */
	TYPE("public_saml_user_request", NULL, 32, 31, DEVICE, chrome_acknowledge),
	TYPE("upload_euicc_info", NULL, 39, 37, DEVICE, chrome_acknowledge),
	TYPE("promotion_eligibility", NULL, 43, 42, OAUTH, chrome_acknowledge),
	/* of which no field is known, or that nobody sends any more */
	TYPE("user_management_status_and_policies", NULL, 0, 0, NONE, chrome_refuse_unsupported),
	TYPE("active_directory_enroll_play_user", NULL, 0, 19, NONE, chrome_refuse_dead),
	TYPE("active_directory_play_activity", NULL, 0, 20, NONE, chrome_refuse_dead),
	TYPE("active_directory_user_signin", NULL, 0, 22, NONE, chrome_refuse_dead),
	TYPE("app_install_report", NULL, 0, 25, NONE, chrome_refuse_dead),
	TYPE("refresh_account", NULL, 0, 28, NONE, chrome_refuse_dead),
	{ 0 },
};

const struct chrome_type *chrome_type_find(const char *name)
{
	for (const struct chrome_type *t = chrome_types; t->name; t++)
		if (strcmp(t->name, name) == 0 || (t->alias && strcmp(t->alias, name) == 0))
			return t;
	return NULL;
}
