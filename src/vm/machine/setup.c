/* SPDX-License-Identifier: Apache-2.0
 *
 * Setting up a machine that is ready: a table of calls to its agent, one after the other.
 */
#include "base/clock.h"
#include "base/log.h"
#include "vm/machine/machine-private.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_MS     20000
#define PROBE_MS    5000
#define ZONE_FOLDER "/usr/share/zoneinfo/"

#define GUEST_METHOD(name, request_type, response_type)                                            \
	{                                                                                          \
		.path = "/vm_tools.Maitred/" name,                                                 \
		.request = &vm_tools__##request_type##__descriptor,                                \
		.response = &vm_tools__##response_type##__descriptor,                              \
	}

const struct grpc_method machine_launch =
	GUEST_METHOD("LaunchProcess", launch_process_request, launch_process_response);
const struct grpc_method machine_mount = GUEST_METHOD("Mount", mount_request, mount_response);
static const struct grpc_method network =
	GUEST_METHOD("ConfigureNetwork", network_config_request, empty_message);
static const struct grpc_method resolver =
	GUEST_METHOD("SetResolvConfig", set_resolv_config_request, empty_message);
static const struct grpc_method clock_method =
	GUEST_METHOD("SetTime", set_time_request, empty_message);
static const struct grpc_method zone =
	GUEST_METHOD("SetTimezone", set_timezone_request, empty_message);

static const struct grpc_method version =
	GUEST_METHOD("GetKernelVersion", empty_message, get_kernel_version_response);

static void on_step(const struct grpc_result *result, void *user);

static void call(struct machine *m, const struct grpc_method *method, const void *request)
{
	grpc_client_call(m->guest, method, request, STEP_MS, on_step, m);
}

/* ---- the steps; each makes one call, or returns false when there is nothing to do ---- */

static bool set_network(struct machine *m)
{
	VmTools__NetworkConfigRequest request = VM_TOOLS__NETWORK_CONFIG_REQUEST__INIT;
	VmTools__IPv4Config c = VM_TOOLS__IPV4_CONFIG__INIT;
	c.address = inet_addr(GUEST_ADDRESS);
	c.netmask = inet_addr("255.255.255.0");
	c.gateway = inet_addr(GUEST_GATEWAY);
	request.ipv4_config = &c;
	call(m, &network, &request);
	return true;
}

static bool set_resolver(struct machine *m)
{
	VmTools__SetResolvConfigRequest request = VM_TOOLS__SET_RESOLV_CONFIG_REQUEST__INIT;
	VmTools__ResolvConfig c = VM_TOOLS__RESOLV_CONFIG__INIT;
	char *servers[] = { (char[]){ GUEST_DNS } };
	c.n_nameservers = 1;
	c.nameservers = servers;
	request.resolv_config = &c;
	call(m, &resolver, &request);
	return true;
}

static bool set_clock(struct machine *m)
{
	VmTools__SetTimeRequest request = VM_TOOLS__SET_TIME_REQUEST__INIT;
	VmTools__GuestTimestamp t = VM_TOOLS__GUEST_TIMESTAMP__INIT;
	int64_t now_ms = clock_utc_ms();
	t.seconds = now_ms / 1000;
	t.nanos = (int32_t)(now_ms % 1000 * 1000000);
	request.time = &t;
	call(m, &clock_method, &request);
	return true;
}

/* The host's own. A guest without time zones refuses; it then stays at UTC. */
static bool set_zone(struct machine *m)
{
	VmTools__SetTimezoneRequest request = VM_TOOLS__SET_TIMEZONE_REQUEST__INIT;
	char target[PATH_MAX];
	ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
	const char *name = NULL;
	if (n > 0) {
		target[n] = '\0';
		name = strstr(target, ZONE_FOLDER);
	}
	if (!name)
		return false;
	request.timezone_name = (char *)(uintptr_t)name + strlen(ZONE_FOLDER);
	call(m, &zone, &request);
	return true;
}

/* The k-th disk that is to be mounted: /dev/vda is the first of all. */
static const struct machine_disk *mounted_disk(const struct machine *m, size_t k, size_t *ret_i)
{
	for (size_t i = 0; i < m->spec.n_disks; i++)
		if (m->spec.disks[i].target && k-- == 0) {
			*ret_i = i;
			return &m->spec.disks[i];
		}
	return NULL;
}

static bool mount_disk(struct machine *m, size_t k)
{
	VmTools__MountRequest request = VM_TOOLS__MOUNT_REQUEST__INIT;
	char device[16];
	size_t i = 0;
	const struct machine_disk *d = mounted_disk(m, k, &i);
	if (!d)
		return false;
	snprintf(device, sizeof device, "/dev/vd%c", (char)('a' + i));
	request.source = device;
	request.target = d->target;
	request.fstype = d->fstype ? d->fstype : (char[]){ "ext4" };
	request.mountflags = d->read_only ? 1 : 0; /* MS_RDONLY */
	request.create_target = 1;
	call(m, &machine_mount, &request);
	return true;
}

static bool mount_share(struct machine *m, size_t i)
{
	VmTools__MountRequest request = VM_TOOLS__MOUNT_REQUEST__INIT;
	char tag[32];
	if (i >= m->spec.n_shares)
		return false;
	snprintf(tag, sizeof tag, "share%zu", i);
	request.source = tag;
	request.target = m->spec.shares[i].target;
	request.fstype = (char[]){ "virtiofs" };
	request.mountflags = m->spec.shares[i].read_only ? 1 : 0; /* MS_RDONLY */
	request.create_target = 1;
	call(m, &machine_mount, &request);
	return true;
}

static size_t n_mounted_disks(const struct machine *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->spec.n_disks; i++)
		n += m->spec.disks[i].target != NULL;
	return n;
}

static bool mount_next(struct machine *m, size_t k)
{
	size_t n = n_mounted_disks(m);
	return k < n ? mount_disk(m, k) : mount_share(m, k - n);
}

static const struct step {
	const char *what;
	bool (*run)(struct machine *m);
	bool needed;
} steps[] = {
	{ "its network", set_network, true },
	{ "its name servers", set_resolver, true },
	{ "its clock", set_clock, true },
	{ "its time zone", set_zone, false },
};

/* ---- one after the other ---- */

static void next(struct machine *m)
{
	while (m->step < ARRAY_SIZE(steps))
		if (steps[m->step++].run(m))
			return;
	if (!mount_next(m, m->step++ - ARRAY_SIZE(steps))) {
		m->setting_up = false;
		machine_ready(m);
	}
}

/* By whoever was setting it up when he ended. */
static bool is_mounted(const struct machine *m, const VmTools__MountResponse *mounted)
{
	return m->adopted && mounted->error == EBUSY;
}

static void on_step(const struct grpc_result *result, void *user)
{
	struct machine *m = user;
	size_t done = m->step - 1;
	const VmTools__MountResponse *mounted = done >= ARRAY_SIZE(steps) ? result->response : NULL;
	const char *what = done < ARRAY_SIZE(steps)                        ? steps[done].what
			   : done - ARRAY_SIZE(steps) < n_mounted_disks(m) ? "a disk"
									   : "a shared folder";
	bool needed = done >= ARRAY_SIZE(steps) || steps[done].needed;
	if (!m->setting_up)
		return; /* it ended meanwhile */
	if (result->status.code != GRPC_OK && needed)
		machine_give_up(m, "setting up %s failed: %s", what, result->status.message);
	else if (mounted && mounted->error && !is_mounted(m, mounted))
		machine_give_up(m, "%s could not be mounted: %s", what, strerror(mounted->error));
	else
		next(m);
}

/* ---- one that was set up before we were there ---- */

static void on_probed(const struct grpc_result *result, void *user)
{
	struct machine *m = user;
	if (!m->setting_up)
		return; /* it ended meanwhile */
	m->setting_up = false;
	if (result->status.code == GRPC_OK)
		machine_ready(m);
	else
		machine_give_up(m, "its agent does not answer: %s", result->status.message);
}

void setup_begin(struct machine *m)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	m->setting_up = true;
	m->step = 0;
	if (m->is_set_up)
		grpc_client_call(m->guest, &version, &empty, PROBE_MS, on_probed, m);
	else
		next(m);
}
