/* SPDX-License-Identifier: Apache-2.0
 *
 * All schemas of the admin API, for the OpenAPI document.
 */
#include "server/api/nouns.h"

static const struct field problem_fields[] = {
	FIELD_OF("type", AS_TEXT, 0, NULL),
	FIELD_OF("title", AS_TEXT, 0, NULL),
	FIELD_OF("status", AS_INT, 0, NULL),
	FIELD_OF("detail", AS_TEXT, 0, "What is wrong, with names"),
	FIELD_OF("code", AS_TEXT, 0, "For programs"),
	FIELD_OF("request_id", AS_TEXT, 0, "As in X-Request-Id"),
	FIELD_REF("errors", AS_ARRAY, FIELD_OPTIONAL, "Mistake", "Of plan and apply: all mistakes"),
	{ 0 },
};
static const struct schema problem_schema = { .name = "Problem", .fields = problem_fields };

static const struct field mistake_fields[] = {
	FIELD_OF("document", AS_INT, 0, "1, 2, …"),
	FIELD_OF("path", AS_TEXT, 0, "Where in it: \"fleets[0].settings\""),
	FIELD_OF("key", AS_TEXT, 0, NULL),
	FIELD_OF("detail", AS_TEXT, 0, NULL),
	{ 0 },
};
static const struct schema mistake_schema = { .name = "Mistake", .fields = mistake_fields };

const struct schema *const api_schemas[] = {
	&problem_schema,
	&mistake_schema,
	&organization_schema,
	&organization_new_schema,
	&organization_patch_schema,
	&fleet_schema,
	&fleet_new_schema,
	&fleet_patch_schema,
	&device_schema,
	&device_detail_schema,
	&device_setting_schema,
	&device_patch_schema,
	&device_count_schema,
	&device_report_schema,
	&sample_schema,
	&raw_report_schema,
	&setting_type_schema,
	&setting_schema,
	&setting_put_schema,
	&setting_put_answer_schema,
	&effective_setting_schema,
	&command_schema,
	&command_new_schema,
	&command_bulk_schema,
	&command_refused_schema,
	&command_type_schema,
	&command_param_schema,
	&enrollment_token_schema,
	&enrollment_token_new_schema,
	&api_token_schema,
	&api_token_new_schema,
	&administrator_schema,
	&administrator_new_schema,
	&administrator_patch_schema,
	&session_schema,
	&session_new_schema,
	&event_schema,
	&plan_schema,
	&plan_change_schema,
	&plan_request_schema,
	&document_schema,
	&document_fleet_schema,
	&document_device_schema,
	&export_schema,
	&key_schema,
	&key_verification_schema,
	&key_import_schema,
	&file_schema,
	&overview_schema,
	&overview_devices_schema,
	&restored_schema,
	&findings_schema,
	NULL,
};
