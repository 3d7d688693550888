/* SPDX-License-Identifier: Apache-2.0
 *
 * One row a call, see methods.h.
 */
#include "vm/container/methods.h"

#define HOST_METHOD(name, path_, request_, response_)                                              \
	const struct grpc_method name = {                                                          \
		.path = "/vm_tools.container.ContainerListener/" path_,                            \
		.request = &vm_tools__container__##request_##__descriptor,                         \
		.response = &response_##__descriptor,                                              \
	}

HOST_METHOD(host_ready, "ContainerReady", container_startup_info, vm_tools__empty_message);
HOST_METHOD(host_shutdown, "ContainerShutdown", container_shutdown_info, vm_tools__empty_message);
HOST_METHOD(host_applications, "UpdateApplicationList", update_application_list_request,
	    vm_tools__empty_message);
HOST_METHOD(host_pending, "PendingUpdateApplicationListCalls", pending_app_list_update_count,
	    vm_tools__empty_message);
HOST_METHOD(host_open_url, "OpenUrl", open_url_request, vm_tools__empty_message);
HOST_METHOD(host_install_progress, "InstallLinuxPackageProgress",
	    install_linux_package_progress_info, vm_tools__empty_message);
HOST_METHOD(host_uninstall_progress, "UninstallPackageProgress", uninstall_package_progress_info,
	    vm_tools__empty_message);
HOST_METHOD(host_playbook_progress, "ApplyAnsiblePlaybookProgress",
	    apply_ansible_playbook_progress_info, vm_tools__empty_message);
HOST_METHOD(host_open_terminal, "OpenTerminal", open_terminal_request, vm_tools__empty_message);
HOST_METHOD(host_mime_types, "UpdateMimeTypes", update_mime_types_request, vm_tools__empty_message);
HOST_METHOD(host_file_watch, "FileWatchTriggered", file_watch_triggered_info,
	    vm_tools__empty_message);
HOST_METHOD(host_low_disk, "LowDiskSpaceTriggered", low_disk_space_triggered_info,
	    vm_tools__empty_message);
HOST_METHOD(host_security_key, "ForwardSecurityKeyMessage", forward_security_key_message_request,
	    vm_tools__container__forward_security_key_message_response);
HOST_METHOD(host_select_file, "SelectFile", select_file_request,
	    vm_tools__container__select_file_response);
HOST_METHOD(host_disk_info, "GetDiskInfo", get_disk_info_request,
	    vm_tools__container__get_disk_info_response);
HOST_METHOD(host_request_space, "RequestSpace", request_space_request,
	    vm_tools__container__request_space_response);
HOST_METHOD(host_release_space, "ReleaseSpace", release_space_request,
	    vm_tools__container__release_space_response);
HOST_METHOD(host_metrics, "ReportMetrics", report_metrics_request,
	    vm_tools__container__report_metrics_response);
