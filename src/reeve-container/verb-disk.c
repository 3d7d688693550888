/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-container disk: how large this container's disk is, and asking the host to change that. Prints protobuf's JSON, with all
 * fields: int64 is a string there.
 */
#include "program.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define ERROR_NOT_HERE 4 /* of the host: this is no container whose disk can change */

static int print_info(int64_t error, uint64_t available, uint64_t expandable, uint64_t size)
{
	printf("{\"error\":\"%" PRId64 "\",\"availableSpace\":\"%" PRIu64
	       "\",\"expandableSpace\":\"%" PRIu64 "\",\"diskSize\":\"%" PRIu64 "\"}\n",
	       error, available, expandable, size);
	return 0;
}

/* What we can see ourselves. */
static int print_own_info(void)
{
	struct statvfs st;
	if (statvfs("/mnt/stateful", &st) != 0 && statvfs("/", &st) != 0)
		return print_info(1, 0, 0, 0);
	return print_info(0, (uint64_t)st.f_bavail * st.f_frsize, 0,
			  (uint64_t)st.f_blocks * st.f_frsize);
}

static int get_disk_info(char *token, uint64_t unused, struct error *err)
{
	VmTools__Container__GetDiskInfoRequest m = VM_TOOLS__CONTAINER__GET_DISK_INFO_REQUEST__INIT;
	struct grpc_result result;
	enum grpc_code code = GRPC_OK;
	(void)unused;
	m.token = token;
	int r = ask_host(&host_disk_info, &m, CALL_MS, &result, &code, err);
	if (code == GRPC_UNIMPLEMENTED) /* hosts since 2023 */
		return print_own_info();
	if (r)
		return r;
	const VmTools__Container__GetDiskInfoResponse *i = result.response;
	if (i->error == ERROR_NOT_HERE)
		r = print_own_info();
	else
		r = print_info(i->error, i->available_space, i->expandable_space, i->disk_size);
	grpc_result_fini(&result);
	return r;
}

static int request_space(char *token, uint64_t n, struct error *err)
{
	VmTools__Container__RequestSpaceRequest m =
		VM_TOOLS__CONTAINER__REQUEST_SPACE_REQUEST__INIT;
	struct grpc_result result;
	m.token = token;
	m.space_requested = n;
	int r = ask_host(&host_request_space, &m, CALL_MS, &result, NULL, err);
	if (r)
		return r;
	const VmTools__Container__RequestSpaceResponse *a = result.response;
	printf("{\"spaceGranted\":\"%" PRIu64 "\",\"error\":\"%" PRId64 "\"}\n", a->space_granted,
	       a->error);
	grpc_result_fini(&result);
	return 0;
}

static int release_space(char *token, uint64_t n, struct error *err)
{
	VmTools__Container__ReleaseSpaceRequest m =
		VM_TOOLS__CONTAINER__RELEASE_SPACE_REQUEST__INIT;
	struct grpc_result result;
	m.token = token;
	m.space_to_release = n;
	int r = ask_host(&host_release_space, &m, CALL_MS, &result, NULL, err);
	if (r)
		return r;
	const VmTools__Container__ReleaseSpaceResponse *a = result.response;
	printf("{\"spaceReleased\":\"%" PRIu64 "\",\"error\":\"%" PRId64 "\"}\n", a->space_released,
	       a->error);
	grpc_result_fini(&result);
	return 0;
}

static const struct action {
	const char *name;
	bool takes_number;
	int (*run)(char *token, uint64_t n, struct error *err);
} actions[] = {
	{ "get_disk_info", false, get_disk_info },
	{ "request_space", true, request_space },
	{ "release_space", true, release_space },
};

static bool parse_bytes(const char *word, uint64_t *ret)
{
	size_t n = strspn(word, "0123456789");
	*ret = strtoull(word, NULL, 10);
	return n > 0 && n < 20 && word[n] == '\0';
}

static int disk(char *const args[], int n, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		const struct action *a = &actions[i];
		uint64_t bytes = 0;
		if (strcmp(args[0], a->name) != 0)
			continue;
		if (n != 1 + a->takes_number || (a->takes_number && !parse_bytes(args[1], &bytes)))
			break;
		char *token = our_token(err);
		return token ? a->run(token, bytes, err) : (int)err->code;
	}
	return error_set(
		err, ERR_INVALID,
		"disk get_disk_info, disk request_space BYTES or disk release_space BYTES");
}

const struct verb disk_verbs[] = {
	{ "disk", "get_disk_info|request_space N|release_space N", 1, 2, disk,
	  "this container's disk, as JSON" },
	{ .name = NULL },
};
