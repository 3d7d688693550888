/* SPDX-License-Identifier: Apache-2.0
 *
 * Every operation of the admin API, one row each: start here. The row is what dispatch, authorization,
 * limits and the OpenAPI document read; the handlers are in one file a noun.
 */
#include "server/api/api.h"
#include "server/api/nouns.h"

#define V1        "/api/v1"
#define JSON_BODY (1u << 20)
#define DOCUMENTS (64u << 20)
#define UPLOAD    (UINT64_C(64) << 30) /* limits.file bounds it further */

/* ---- parameters ---- */

#define ORG                                                                                        \
	{                                                                                          \
		"org", "string", "Organization, by id or name; else the first, or the principal's" \
	}
#define PAGING                                                                                     \
	{ "limit", "integer", "Rows of a page, 1 to 1000; default 100 (CSV: every row)" },         \
		{ "cursor", "string", "\"next\" of the page before" },                             \
	{                                                                                          \
		"format", "string", "json or csv; else by Accept"                                  \
	}
#define FILTER                                                                                     \
	{                                                                                          \
		"filter", "string", "Filter language: kind=linux and last_seen<7d"                 \
	}

typedef const struct http_param params[];
static params none = { { 0 } };
static params org = { ORG, { 0 } };
static params paging = { PAGING, { 0 } };
static params org_paging = { ORG, PAGING, { 0 } };
static params device_params = { ORG, FILTER, PAGING, { 0 } };
static params count_params = { ORG, FILTER, { 0 } };
static params command_params = { ORG,
				 { "device", "integer", "Only this device's" },
				 { "state", "string", "Only in this state" },
				 PAGING,
				 { 0 } };
static params sample_params = { { "name", "string", "Only these measurements" },
				{ "since", "string", "A time, or how long ago: 24h" },
				PAGING,
				{ 0 } };
static params picture_params = { { "number", "integer", "Which of several screens: 0, 1, …" },
				 { 0 } };
static params event_params = { ORG,
			       { "since", "integer", "Events beyond this one" },
			       { "newest", "boolean", "true: the newest first" },
			       { "device", "integer", "Only about this device" },
			       PAGING,
			       { 0 } };
static params stream_params = { ORG,
				{ "since", "integer", "Events beyond this one; else from now on" },
				{ "device", "integer", "Only about this device" },
				{ 0 } };
static params rotate_params = { ORG,
				{ "purpose", "string", "policy (default), verification or token" },
				{ 0 } };
static params private_params = { { "private", "boolean", "true: the private half, too" }, { 0 } };
static params file_params = { ORG, { "kind", "string", "file, app or upload" }, PAGING, { 0 } };
static params upload_params = { ORG,
				{ "kind", "string", "file (default) or app" },
				{ "name", "string",
				  "Unique among its kind; of an app, its package" },
				{ "content_type", "string", "Media type it is served with" },
				{ 0 } };

/* ---- rows ---- */

#define ANY(method_, path_, auth_, rate_, fn_, params_, statuses_, doc_)                           \
	.method = (method_), .pattern = V1 path_, .auth = (auth_), .rate = (rate_),                \
	.strict_query = true, .handler = (fn_), .name = #fn_, .params = (params_),                 \
	.statuses = (statuses_), .doc = (doc_)
#define ROW(method_, path_, scope_, fn_, params_, statuses_, doc_)                                 \
	ANY(method_, path_, AUTH_ADMIN, RATE_ADMIN, fn_, params_, statuses_, doc_),                \
		.scope = (scope_)

/* Answers with a schema. */
#define READ(path_, scope_, fn_, params_, answer_, doc_)                                           \
	{                                                                                          \
		ROW("GET", path_, scope_, fn_, params_, "200", doc_), .response_schema = (answer_) \
	}
/* A JSON body. */
#define WRITE(method_, path_, scope_, fn_, params_, body_, answer_, statuses_, doc_)               \
	{                                                                                          \
		ROW(method_, path_, scope_, fn_, params_, statuses_, doc_),                        \
			.body_max = JSON_BODY, .content_type = "application/json",                 \
			.request_schema = (body_), .response_schema = (answer_)                    \
	}
/* No body. */
#define DO(method_, path_, scope_, fn_, params_, answer_, statuses_, doc_)                         \
	{                                                                                          \
		ROW(method_, path_, scope_, fn_, params_, statuses_, doc_),                        \
			.response_schema = (answer_)                                               \
	}
/* A body that goes to a file. */
#define TAKE_FILE(path_, scope_, fn_, params_, type_, max_, body_, answer_, statuses_, doc_)       \
	{                                                                                          \
		ROW("POST", path_, scope_, fn_, params_, statuses_, doc_),                         \
			.body_max = (max_), .body_file = true, .content_type = (type_),            \
			.request_schema = (body_), .response_schema = (answer_)                    \
	}

#define JSON  "application/json"
#define BYTES "application/octet-stream"

const struct http_route api_routes[] = {
	READ("/organizations", "organizations:read", organization_list, paging, "OrganizationList",
	     "Organizations"),
	WRITE("POST", "/organizations", "organizations:write", organization_create, none,
	      "OrganizationNew", "Organization", "201 409", "Creates one with its root fleet"),
	READ("/organizations/{org}", "organizations:read", organization_show, none, "Organization",
	     "One organization"),
	WRITE("PATCH", "/organizations/{org}", "organizations:write", organization_update, none,
	      "OrganizationPatch", "Organization", "200 409 412", "Changes what is given"),

	READ("/fleets", "fleets:read", fleet_list, org_paging, "FleetList", "Fleets of the tree"),
	WRITE("POST", "/fleets", "fleets:write", fleet_create, org, "FleetNew", "Fleet", "201 409",
	      "Creates a fleet"),
	READ("/fleets/{fleet}", "fleets:read", fleet_show, org, "Fleet", "One fleet"),
	WRITE("PATCH", "/fleets/{fleet}", "fleets:write", fleet_update, org, "FleetPatch", "Fleet",
	      "200 409 412", "Renames or moves it"),
	DO("DELETE", "/fleets/{fleet}", "fleets:write", fleet_delete, org, NULL, "204 409 412",
	   "Deletes it; its fleets and devices go to its parent"),
	READ("/fleets/{fleet}/settings", "settings:read", fleet_setting_list, org_paging,
	     "SettingList", "What is set on the fleet itself"),
	WRITE("PUT", "/fleets/{fleet}/settings/{name}", "settings:write", fleet_setting_set, org,
	      "SettingPut", "SettingChanged", "200 409", "Sets one"),
	DO("DELETE", "/fleets/{fleet}/settings/{name}", "settings:write", fleet_setting_unset, org,
	   NULL, "204", "Unsets one"),
	READ("/fleets/{fleet}/effective", "settings:read", fleet_effective, org_paging,
	     "EffectiveSettingList", "What is in force for the fleet"),

	READ("/devices", "devices:read", device_list, device_params, "DeviceList",
	     "Devices that match, managed ones unless the filter says otherwise"),
	READ("/devices/count", "devices:read", device_count, count_params, "DeviceCount",
	     "How many match"),
	READ("/devices/{id}", "devices:read", device_show, none, "DeviceDetail",
	     "One device, in full"),
	WRITE("PATCH", "/devices/{id}", "devices:write", device_update, none, "DevicePatch",
	      "Device", "200 409 412", "Renames or moves it"),
	DO("DELETE", "/devices/{id}", "devices:write", device_delete, none, NULL, "204 409 412",
	   "Removes its record and all that hangs on it"),
	DO("POST", "/devices/{id}/unenroll", "devices:write", device_unenroll_by_id, none, "Device",
	   "200 409", "It is no longer managed, and hears 410"),
	READ("/devices/{id}/inventory", "devices:read", device_inventory_show, none, "Inventory",
	     "Its inventory, by section"),
	READ("/devices/{id}/report", "devices:read", device_report_show, none, "DeviceReport",
	     "Its last report"),
	READ("/devices/{id}/samples", "devices:read", device_sample_list, sample_params,
	     "SampleList", "What it measured over time"),
	READ("/devices/{id}/raw-reports", "devices:read", device_raw_report_list, paging,
	     "RawReportList", "Its last reports as they came over the wire"),
	READ("/devices/{id}/raw-reports/{kind}", "devices:read", device_raw_report_show, none,
	     "Bytes", "One of them"),
	READ("/devices/{id}/settings", "settings:read", device_setting_list, paging, "SettingList",
	     "What is set on the device itself"),
	WRITE("PUT", "/devices/{id}/settings/{name}", "settings:write", device_setting_set, none,
	      "SettingPut", "SettingChanged", "200 409", "Sets one"),
	DO("DELETE", "/devices/{id}/settings/{name}", "settings:write", device_setting_unset, none,
	   NULL, "204", "Unsets one"),
	READ("/devices/{id}/effective", "settings:read", device_effective, paging,
	     "EffectiveSettingList", "What is in force for the device"),

	READ("/settings", "settings:read", setting_type_list, paging, "SettingTypeList",
	     "The catalogue"),
	READ("/settings/{name}", "settings:read", setting_type_show, none, "SettingType",
	     "A row of it"),
	TAKE_FILE("/plan", "settings:read", plan_show, org, JSON, DOCUMENTS, "PlanRequest", "Plan",
		  "200", "What applying the documents would change; writes nothing"),
	TAKE_FILE("/apply", "settings:write", plan_carry_out, org, JSON, DOCUMENTS, "PlanRequest",
		  "Plan", "200 409", "Changes it, all or nothing"),
	READ("/export", "settings:read", export_show, org, "Export",
	     "The organization as a document that apply reads"),

	READ("/command-types", "commands:read", command_type_list, paging, "CommandTypeList",
	     "What may be sent to which devices, with its parameters"),
	READ("/commands", "commands:read", command_list, command_params, "CommandList",
	     "Commands, the newest first"),
	WRITE("POST", "/commands", "commands:write", command_create, org, "CommandNew",
	      "CommandOrSent", "201 409", "Sends one to a device, or to all that match"),
	READ("/commands/{id}", "commands:read", command_show, none, "Command", "One command"),
	READ("/commands/{id}/picture", "commands:read", command_picture_show, picture_params,
	     "Bytes", "A picture that the device uploaded for it"),
	DO("POST", "/commands/{id}/cancel", "commands:write", command_cancel, none, "Command",
	   "200 409", "Cancels it, if it is not finished"),

	READ("/enrollment-tokens", "enrollment_tokens:read", enrollment_token_list, org_paging,
	     "EnrollmentTokenList", "Enrollment tokens"),
	WRITE("POST", "/enrollment-tokens", "enrollment_tokens:write", enrollment_token_create, org,
	      "EnrollmentTokenNew", "EnrollmentToken", "201 409", "Makes one, and shows it once"),
	DO("DELETE", "/enrollment-tokens/{id}", "enrollment_tokens:write", enrollment_token_revoke,
	   none, NULL, "204 409", "Revokes it"),

	READ("/events", "events:read", event_list, event_params, "EventList", "The audit log"),
	READ("/events/stream", "events:read", event_stream, stream_params, "EventStream",
	     "The audit log, live: server-sent events, resumed by Last-Event-ID"),

	READ("/keys", "keys:read", key_list, org_paging, "KeyList", "Signing keys"),
	DO("POST", "/keys/rotate", "keys:write", key_rotate, rotate_params, "Key", "201 409",
	   "Makes a new one; the one before is retired"),
	READ("/keys/verification", "keys:read", key_verification_show, private_params,
	     "KeyVerification", "The verification key"),
	WRITE("PUT", "/keys/verification", "keys:write", key_verification_import, none, "KeyImport",
	      "Key", "200", "Imports one"),

	READ("/files", "files:read", file_list, file_params, "FileList", "Files and applications"),
	TAKE_FILE("/files", "files:write", file_create, upload_params, BYTES, UPLOAD, NULL, "File",
		  "201 409 507", "Uploads one, or replaces its content"),
	READ("/files/{id}", "files:read", file_show, none, "File", "One file"),
	READ("/files/{id}/content", "files:read", file_content, none, "Bytes",
	     "Its content, with ranges"),
	DO("DELETE", "/files/{id}", "files:write", file_delete, none, NULL, "204 409",
	   "Deletes it, unless a setting still deploys it"),

	READ("/api-tokens", "api_tokens:read", api_token_list, paging, "ApiTokenList",
	     "API tokens"),
	WRITE("POST", "/api-tokens", "api_tokens:write", api_token_create, none, "ApiTokenNew",
	      "ApiToken", "201 409", "Makes one, and shows it once"),
	DO("DELETE", "/api-tokens/{id}", "api_tokens:write", api_token_revoke, none, NULL,
	   "204 409", "Revokes it"),
	READ("/administrators", "administrators:read", administrator_list, paging,
	     "AdministratorList", "Administrators"),
	WRITE("POST", "/administrators", "administrators:write", administrator_create, none,
	      "AdministratorNew", "Administrator", "201 409", "Creates one"),
	WRITE("PATCH", "/administrators/{id}", "administrators:write", administrator_update, none,
	      "AdministratorPatch", "Administrator", "200 409", "Changes what is given"),
	DO("DELETE", "/administrators/{id}", "administrators:write", administrator_delete, none,
	   NULL, "204 409", "Deletes it"),

	{ ANY("POST", "/sessions", AUTH_NONE, RATE_LOGIN, session_create, none, "201 401",
	      "Logs in"),
	  .body_max = 4096, .content_type = JSON, .request_schema = "SessionNew",
	  .response_schema = "Session" },
	READ("/sessions/current", NULL, session_show, none, "Session", "The session in use"),
	DO("DELETE", "/sessions/current", NULL, session_delete, none, NULL, "204", "Logs out"),

	READ("/overview", "devices:read", overview_show, org, "Overview", "Counts"),
	READ("/backup", "server:write", backup_create, none, "Bytes",
	     "The whole server as one tar file"),
	TAKE_FILE("/restore", "server:write", backup_restore, none, NULL, UPLOAD, NULL, "Restored",
		  "200 409 507", "Becomes what the backup says"),
	READ("/check", "server:write", store_check_run, none, "Findings",
	     "Whether the store and its files are sound"),
	{ ANY("GET", "/openapi.json", AUTH_NONE, RATE_ADMIN, openapi_show, none, "200",
	      "This document"),
	  .response_schema = "OpenApi" },
	{ 0 },
};
