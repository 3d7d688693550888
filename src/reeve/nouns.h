/* SPDX-License-Identifier: Apache-2.0
 *
 * The nouns, each exported by the file of its name (noun-device.c …). Listed in commands.c.
 */
#pragma once

#include "reeve/command.h"

extern const struct noun noun_admin, noun_api_token, noun_app, noun_apply, noun_backup, noun_check,
	noun_command, noun_completion, noun_device, noun_enrollment_token, noun_event, noun_export,
	noun_file, noun_fleet, noun_help, noun_key, noun_org, noun_overview, noun_plan,
	noun_restore, noun_setting;
