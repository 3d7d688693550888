/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the nouns show one another and routes.c: handlers, schemas, and the few
 * functions that one noun needs of another.
 */
#pragma once

#include "server/api/list.h"

/* ---- handlers, by file; their rows are in routes.c ---- */

http_handler organization_list, organization_create, organization_show, organization_update;
http_handler fleet_list, fleet_create, fleet_show, fleet_update, fleet_delete;
http_handler device_list, device_count, device_show, device_update, device_delete,
	device_unenroll_by_id, device_inventory_show, device_report_show, device_sample_list,
	device_raw_report_list, device_raw_report_show;
http_handler setting_type_list, setting_type_show, fleet_setting_list, fleet_setting_set,
	fleet_setting_unset, fleet_effective, device_setting_list, device_setting_set,
	device_setting_unset, device_effective;
http_handler command_list, command_create, command_show, command_cancel, command_picture_show,
	command_type_list;
http_handler enrollment_token_list, enrollment_token_create, enrollment_token_revoke;
http_handler api_token_list, api_token_create, api_token_revoke;
http_handler administrator_list, administrator_create, administrator_update, administrator_delete;
http_handler session_create, session_show, session_delete;
http_handler event_list, event_stream;
http_handler plan_show, plan_carry_out, export_show;
http_handler key_list, key_rotate, key_verification_show, key_verification_import;
http_handler file_list, file_create, file_show, file_content, file_delete;
http_handler overview_show, backup_create, backup_restore, store_check_run, openapi_show;

/* ---- schemas; schemas.c lists them for the OpenAPI document ---- */

extern const struct schema organization_schema, organization_new_schema, organization_patch_schema;
extern const struct schema fleet_schema, fleet_new_schema, fleet_patch_schema;
extern const struct schema device_schema, device_detail_schema, device_setting_schema,
	device_patch_schema, device_count_schema, device_report_schema, sample_schema,
	raw_report_schema;
extern const struct schema setting_type_schema, setting_schema, setting_put_schema,
	setting_put_answer_schema, effective_setting_schema;
extern const struct schema command_schema, command_new_schema, command_bulk_schema,
	command_refused_schema, command_type_schema, command_param_schema;
extern const struct schema enrollment_token_schema, enrollment_token_new_schema;
extern const struct schema api_token_schema, api_token_new_schema;
extern const struct schema administrator_schema, administrator_new_schema,
	administrator_patch_schema;
extern const struct schema session_schema, session_new_schema;
extern const struct schema event_schema;
extern const struct schema plan_schema, plan_change_schema, plan_request_schema, document_schema,
	document_fleet_schema, document_device_schema, export_schema;
extern const struct schema key_schema, key_verification_schema, key_import_schema;
extern const struct schema file_schema;
extern const struct schema overview_schema, overview_devices_schema, restored_schema,
	findings_schema;

/* NULL-ended. */
extern const struct schema *const api_schemas[];

/* ---- of one noun for another ---- */

/* A device with what is computed for it; texts in the arena or borrowed from the tree. */
struct device_view {
	struct device d;
	const char *verdict, *fleet, *fleet_path;
	int64_t version;
	bool managed;
};
/* 'tree': the fleets of the device's organization. */
void device_view_init(struct device_view *v, const struct device *d, enum verdict verdict,
		      int64_t version, const struct fleet_tree *tree, struct arena *a);
/* The device as JSON, read through 'c' (in apply(): through tx). */
int device_to_json(struct store_conn *c, int64_t id, struct arena *a, json_t **ret,
		   int64_t *ret_revision, struct error *err) WARN_UNUSED;
/* What is desired and observed of the device, setting by setting: DeviceSetting objects. */
int device_settings_to_json(struct store_conn *c, const struct device *d, struct arena *a,
			    json_t **ret, struct error *err) WARN_UNUSED;
/* ?filter=, or NULL when there is none: all devices. */
int device_filter(struct http_request *req, struct store_conn *c, int64_t org_id, const char *text,
		  const struct filter **ret, struct error *err) WARN_UNUSED;

/* The organization's next managed device beyond 'after_id' that has settings of its own; 0: no more. */
int device_next_with_settings(struct store_conn *c, int64_t org_id, int64_t after_id,
			      struct arena *a, int64_t *ret_id) WARN_UNUSED;
