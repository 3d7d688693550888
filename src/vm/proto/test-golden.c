/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as ChromeOS's own definitions encode them (made with protoc from those): field numbers, zigzag or not, order.
 */
#include "vm/proto/container_host.pb-c.h"
#include "vm/proto/vm_guest.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIZE    512
#define T(text) ((char *)(uintptr_t)(text)) /* the structs have char * */

/* Also read back and written once more: nothing of it is unknown to us. */
static void check(const void *message, const char *hex)
{
	const ProtobufCMessage *m = message;
	uint8_t bytes[SIZE], again[SIZE];
	char text[2 * SIZE + 1] = "";
	assert_true(protobuf_c_message_get_packed_size(m) <= SIZE);
	size_t n = protobuf_c_message_pack(m, bytes);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, hex);
	ProtobufCMessage *read = protobuf_c_message_unpack(m->descriptor, NULL, n, bytes);
	assert_non_null(read);
	assert_int_equal(read->n_unknown_fields, 0);
	assert_int_equal(protobuf_c_message_pack(read, again), n);
	assert_memory_equal(again, bytes, n);
	protobuf_c_message_free_unpacked(read, NULL);
}

/* ---- Maitred ---- */

static void network(void **state)
{
	VmTools__IPv4Config ip = VM_TOOLS__IPV4_CONFIG__INIT;
	VmTools__NetworkConfigRequest m = VM_TOOLS__NETWORK_CONFIG_REQUEST__INIT;
	ip.address = 106722148;
	ip.netmask = 4244635647;
	ip.gateway = 89944932;
	m.ipv4_config = &ip;
	check(&m, "0a0f0d64735c0615fffffffc1d64735c05");
}

static void launch(void **state)
{
	char *shell[] = { T("sh"), T("-c"), T("exit 3") };
	char *getty[] = { T("agetty"), T("115200"), T("ttyS0"), T("linux") };
	VmTools__LaunchProcessRequest__EnvEntry
		pair = VM_TOOLS__LAUNCH_PROCESS_REQUEST__ENV_ENTRY__INIT,
		*env[] = { &pair };
	VmTools__LaunchProcessRequest m = VM_TOOLS__LAUNCH_PROCESS_REQUEST__INIT, again = m;
	pair.key = T("A");
	pair.value = T("B");
	m.argv = shell;
	m.n_argv = 3;
	m.env = env;
	m.n_env = 1;
	m.wait_for_exit = 1;
	check(&m, "0a0273680a022d630a0665786974203312060a01411201422801");
	again.argv = getty;
	again.n_argv = 4;
	again.respawn = 1;
	check(&again, "0a066167657474790a063131353230300a0574747953300a056c696e75781801");
}

static void launched(void **state)
{
	static const struct {
		VmTools__ProcessStatus status;
		int32_t code;
		const char *hex;
	} rows[] = {
		{ VM_TOOLS__PROCESS_STATUS__EXITED, 0, "0801" },
		{ VM_TOOLS__PROCESS_STATUS__EXITED, 3, "08011006" },
		{ VM_TOOLS__PROCESS_STATUS__SIGNALED, 9, "08021012" },
		{ VM_TOOLS__PROCESS_STATUS__LAUNCHED, 0, "0803" },
		{ VM_TOOLS__PROCESS_STATUS__FAILED, 0, "0804" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		VmTools__LaunchProcessResponse m = VM_TOOLS__LAUNCH_PROCESS_RESPONSE__INIT;
		m.status = rows[i].status;
		m.code = rows[i].code;
		check(&m, rows[i].hex);
	}
}

static void mounts(void **state)
{
	VmTools__MountRequest m = VM_TOOLS__MOUNT_REQUEST__INIT;
	VmTools__MountResponse good = VM_TOOLS__MOUNT_RESPONSE__INIT, bad = good;
	m.source = T("/dev/vdb");
	m.target = T("/mnt/container_rootfs");
	m.fstype = T("ext4");
	m.mountflags = 1;
	check(&m,
	      "0a082f6465762f76646212152f6d6e742f636f6e7461696e65725f726f6f7466731a04657874342001");
	check(&good, "");
	bad.error = 22;
	check(&bad, "082c");
}

static void resizes(void **state)
{
	VmTools__ResizeFilesystemRequest m = VM_TOOLS__RESIZE_FILESYSTEM_REQUEST__INIT;
	VmTools__ResizeFilesystemResponse started = VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__INIT;
	VmTools__GetResizeStatusResponse status = VM_TOOLS__GET_RESIZE_STATUS_RESPONSE__INIT;
	VmTools__GetResizeBoundsResponse bounds = VM_TOOLS__GET_RESIZE_BOUNDS_RESPONSE__INIT;
	m.size = (uint64_t)1 << 30;
	check(&m, "088080808004");
	check(&started, "");
	started.status = VM_TOOLS__RESIZE_FILESYSTEM_RESPONSE__STATUS__STARTED;
	check(&started, "0802");
	status.resize_in_progress = 1;
	status.current_size = 300;
	status.target_size = (uint64_t)1 << 30;
	check(&status, "080110ac02188080808004");
	bounds.minimum_size = 300;
	check(&bounds, "08ac02");
}

/* A uid of 0 is not the same as none. */
static void users(void **state)
{
	char *groups[] = { T("sudo"), T("video") };
	VmTools__SetUpUserRequest m = VM_TOOLS__SET_UP_USER_REQUEST__INIT;
	VmTools__SetUpUserResponse response = VM_TOOLS__SET_UP_USER_RESPONSE__INIT;
	m.username = T("me");
	check(&m, "0a026d65");
	m.wanted_case = VM_TOOLS__SET_UP_USER_REQUEST__WANTED_UID;
	check(&m, "0a026d651000");
	m.uid = 1000;
	m.group_names = groups;
	m.n_group_names = 2;
	check(&m, "0a026d6510e8071a047375646f1a05766964656f");
	response.success = 1;
	response.username = T("me");
	check(&response, "08011a026d65");
}

/* ---- ContainerListener ---- */

static void ready(void **state)
{
	VmTools__Container__ContainerStartupInfo m =
		VM_TOOLS__CONTAINER__CONTAINER_STARTUP_INFO__INIT;
	m.token = T("3f1bc010-c87b-452c-8a6c-798edb9bf13a");
	m.garcon_port = 10000;
	check(&m,
	      "0a2433663162633031302d633837622d343532632d386136632d37393865646239626631336110904e");
}

static void open_url(void **state)
{
	VmTools__Container__OpenUrlRequest m = VM_TOOLS__CONTAINER__OPEN_URL_REQUEST__INIT;
	m.url = T("http://localhost:8000/");
	m.token = T("tok");
	check(&m, "0a16687474703a2f2f6c6f63616c686f73743a383030302f1203746f6b");
}

static void mime_types(void **state)
{
	VmTools__Container__UpdateMimeTypesRequest__MimeTypeMappingsEntry
		png = VM_TOOLS__CONTAINER__UPDATE_MIME_TYPES_REQUEST__MIME_TYPE_MAPPINGS_ENTRY__INIT,
		*entries[] = { &png };
	VmTools__Container__UpdateMimeTypesRequest m =
		VM_TOOLS__CONTAINER__UPDATE_MIME_TYPES_REQUEST__INIT;
	png.key = T("png");
	png.value = T("image/png");
	m.token = T("tok");
	m.mime_type_mappings = entries;
	m.n_mime_type_mappings = 1;
	check(&m, "0a03746f6b12100a03706e671209696d6167652f706e67");
}

static void applications(void **state)
{
	VmTools__Container__Application__LocalizedString__StringWithLocale
		plain = VM_TOOLS__CONTAINER__APPLICATION__LOCALIZED_STRING__STRING_WITH_LOCALE__INIT,
		french = plain, *names[] = { &plain, &french };
	VmTools__Container__Application__LocalizedString name =
		VM_TOOLS__CONTAINER__APPLICATION__LOCALIZED_STRING__INIT;
	VmTools__Container__Application__LocaleStrings__StringsWithLocale
		words = VM_TOOLS__CONTAINER__APPLICATION__LOCALE_STRINGS__STRINGS_WITH_LOCALE__INIT,
		*lists[] = { &words };
	VmTools__Container__Application__LocaleStrings keywords =
		VM_TOOLS__CONTAINER__APPLICATION__LOCALE_STRINGS__INIT;
	VmTools__Container__Application vim = VM_TOOLS__CONTAINER__APPLICATION__INIT,
					*all[] = { &vim };
	VmTools__Container__UpdateApplicationListRequest m =
		VM_TOOLS__CONTAINER__UPDATE_APPLICATION_LIST_REQUEST__INIT;
	char *types[] = { T("text/plain") }, *values[] = { T("Text"), T("editor") },
	     *extensions[] = { T("txt") };
	plain.value = french.value = T("Vim");
	french.locale = T("fr");
	name.values = names;
	name.n_values = 2;
	words.value = values;
	words.n_value = 2;
	keywords.values = lists;
	keywords.n_values = 1;
	vim.desktop_file_id = vim.executable_file_name = T("vim");
	vim.name = &name;
	vim.mime_types = types;
	vim.n_mime_types = 1;
	vim.no_display = 1;
	vim.package_id = T("vim;1;amd64;");
	vim.keywords = &keywords;
	vim.extensions = extensions;
	vim.n_extensions = 1;
	vim.exec = T("vim %F");
	m.token = T("tok");
	m.application = all;
	m.n_application = 1;
	check(&m,
	      "0a03746f6b12590a0376696d12120a05120356696d0a090a026672120356696d220a746578742f706c61696e2801"
	      "420c76696d3b313b616d6436343b4a100a0e1204546578741206656469746f72520376696d5a0374787462067669"
	      "6d202546");
}

static void progress(void **state)
{
	VmTools__Container__InstallLinuxPackageProgressInfo m =
		VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__INIT;
	m.token = T("tok");
	m.status = VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__DOWNLOADING;
	m.progress_percent = 52;
	m.command_uuid = T("u");
	check(&m, "0a03746f6b100218342a0175");
}

static void disks(void **state)
{
	VmTools__Container__RequestSpaceRequest request =
		VM_TOOLS__CONTAINER__REQUEST_SPACE_REQUEST__INIT;
	VmTools__Container__RequestSpaceResponse
		granted = VM_TOOLS__CONTAINER__REQUEST_SPACE_RESPONSE__INIT,
		failed = granted;
	VmTools__Container__GetDiskInfoResponse info =
		VM_TOOLS__CONTAINER__GET_DISK_INFO_RESPONSE__INIT;
	request.token = T("tok");
	request.space_requested = (uint64_t)1 << 30;
	check(&request, "0a03746f6b108080808004");
	granted.space_granted = (uint64_t)1 << 30;
	check(&granted, "088080808004");
	failed.error = -1; /* not zigzag: ten bytes */
	check(&failed, "10ffffffffffffffffff01");
	info.available_space = 1;
	info.expandable_space = 2;
	info.disk_size = 3;
	check(&info, "100118022003");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network),    cmocka_unit_test(launch),
		cmocka_unit_test(launched),   cmocka_unit_test(mounts),
		cmocka_unit_test(ready),      cmocka_unit_test(open_url),
		cmocka_unit_test(mime_types), cmocka_unit_test(applications),
		cmocka_unit_test(progress),   cmocka_unit_test(disks),
		cmocka_unit_test(resizes),    cmocka_unit_test(users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
