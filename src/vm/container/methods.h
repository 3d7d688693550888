/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of ContainerListener that a container makes, as rows for net/grpc's client. The listener's other calls (shader
 * caches, screen savers) have no use here.
 */
#pragma once

#include "net/grpc/method.h"
#include "vm/proto/container_host.pb-c.h"

#define CALL_MS   20000            /* a host's answer */
#define PERSON_MS (60 * 60 * 1000) /* a person's */

extern const struct grpc_method host_ready, host_shutdown, host_applications, host_pending,
	host_open_url, host_install_progress, host_uninstall_progress, host_playbook_progress,
	host_open_terminal, host_mime_types, host_file_watch, host_low_disk, host_security_key,
	host_select_file, host_disk_info, host_request_space, host_release_space, host_metrics;
