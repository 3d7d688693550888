/* SPDX-License-Identifier: Apache-2.0
 *
 * Status reports of ChromeOS as facts: the device's and the session's part.
 *
 * Samples without a time of their own (clients until 2018) were taken every two minutes, the last of
 * them just before the report.
 */
#include "channel/chrome/report/facts.h"

#define SAMPLE_PERIOD_MS (2 * 60 * 1000)
#define BYTES_MAX        (INT64_C(1) << 60)
#define KIB              1024

/* What may be shown of a status. Not here: user_dm_token, which is a secret. */
const struct fact_row device_status_rows[] = {
	{ "os_version", "os", "version" },
	{ "firmware_version", "os", "firmware_version" },
	{ "boot_mode", "os", "boot_mode" },
	{ "browser_version", "os", "browser_version" },
	{ "channel", "os", "channel" },
	{ "os_update_status", "os", "update" },
	{ "timezone_info", "os", "timezone" },
	{ "network_interfaces", "network", "interfaces" },
	{ "network_states", "network", "states" },
	{ "bluetooth_adapter_info", "network", "bluetooth" },
	{ "volume_infos", "disks", "volumes" },
	{ "storage_status", "disks", NULL },
	{ "stateful_partition_info", "disks", "stateful_partition" },
	{ "root_device_total_storage_bytes", "disks", "root_device_bytes" },
	{ "users", "users", "users" },
	{ "device_location", "location", NULL },
	{ "active_periods", "activity", "periods" },
	{ "active_times", "activity", "times" },
	{ "system_ram_total", "hardware", "memory_bytes" },
	{ "memory_info", "hardware", "memory" },
	{ "cpu_temp_infos", "hardware", "cpu_temperatures" },
	{ "cpu_info", "hardware", "cpus" },
	{ "power_status", "hardware", "power" },
	{ "system_status", "hardware", "system" },
	{ "smbios_info", "hardware", "smbios" },
	{ "write_protect_switch", "hardware", "write_protect_switch" },
	{ "sound_volume", "hardware", "sound_volume" },
	{ "running_kiosk_app", "session", "kiosk_app" },
	{ NULL, NULL, NULL },
};

const struct fact_row session_status_rows[] = {
	{ "installed_app_id", "session", "app_ids" },
	{ "installed_extension_id", "session", "extension_ids" },
	{ "app_launch_stat", "session", "launches" },
	{ "device_local_account_id", "session", "account" },
	{ "installed_apps", "session", "apps" },
	{ "installed_extensions", "session", "extensions" },
	{ "android_status", "session", "android" },
	{ "time_zone", "session", "time_zone" },
	{ "app_infos", "session", "app_infos" },
	{ NULL, NULL, NULL },
};

/* ---- samples ---- */

/* When the i-th of n samples without a time was taken. */
static int64_t sampled_ms(const struct facts *f, size_t i, size_t n)
{
	return f->now_ms - (int64_t)(n - 1 - i) * SAMPLE_PERIOD_MS;
}

/* The newest ones count. */
static size_t first_of(size_t n)
{
	return n > SAMPLES_OF_A_KIND ? n - SAMPLES_OF_A_KIND : 0;
}

static void sample_cpu(struct facts *f, const Dm__DeviceStatusReportRequest *m)
{
	size_t n = m->n_cpu_utilization_pct_samples;
	for (size_t i = first_of(n); i < n; i++)
		facts_sample(f, "cpu.used_percent", sampled_ms(f, i, n),
			     m->cpu_utilization_pct_samples[i], 100);
	n = m->n_cpu_utilization_infos;
	for (size_t i = first_of(n); i < n; i++)
		facts_sample(f, "cpu.used_percent", m->cpu_utilization_infos[i]->timestamp,
			     m->cpu_utilization_infos[i]->cpu_utilization_pct, 100);
}

static void sample_memory(struct facts *f, const Dm__DeviceStatusReportRequest *m)
{
	size_t n = m->n_system_ram_free_samples;
	for (size_t i = first_of(n); i < n; i++)
		facts_sample(f, "memory.free_bytes", sampled_ms(f, i, n),
			     m->system_ram_free_samples[i], BYTES_MAX);
	n = m->n_system_ram_free_infos;
	for (size_t i = first_of(n); i < n; i++)
		facts_sample(f, "memory.free_bytes", m->system_ram_free_infos[i]->timestamp,
			     m->system_ram_free_infos[i]->size_in_bytes, BYTES_MAX);
	if (m->memory_info && m->memory_info->has_free_memory_kib)
		facts_sample(f, "memory.free_bytes", f->now_ms,
			     (int64_t)m->memory_info->free_memory_kib * KIB, BYTES_MAX);
}

static void sample_temperature(struct facts *f, const Dm__DeviceStatusReportRequest *m)
{
	int32_t hottest = INT32_MIN;
	for (size_t i = 0; i < m->n_cpu_temp_infos; i++)
		if (m->cpu_temp_infos[i]->cpu_temp > hottest)
			hottest = m->cpu_temp_infos[i]->cpu_temp;
	if (m->n_cpu_temp_infos > 0)
		facts_sample(f, "cpu.temperature_c", f->now_ms, hottest, 200);
}

static void sample_disks(struct facts *f, const Dm__DeviceStatusReportRequest *m)
{
	int64_t total = 0;
	for (size_t i = 0; i < m->n_volume_infos; i++) {
		int64_t bytes = m->volume_infos[i]->storage_free;
		if (bytes < 0 || bytes > BYTES_MAX - total) {
			facts_problem(f, ERR_INVALID, "storage_free is out of range.");
			return;
		}
		total += bytes;
	}
	if (m->n_volume_infos > 0)
		facts_sample(f, "disk.free_bytes", f->now_ms, total, BYTES_MAX);
}

/* ---- parts ---- */

static void check_location(struct facts *f, const Dm__DeviceLocation *l)
{
	bool wrong = l->has_latitude && !(l->latitude >= -90 && l->latitude <= 90);
	wrong |= l->has_longitude && !(l->longitude >= -180 && l->longitude <= 180);
	if (wrong)
		facts_problem(f, ERR_INVALID, "The device's location is nowhere on earth.");
}

static const char *model_of(const Dm__DeviceStatusReportRequest *m)
{
	if (m->system_status && m->system_status->marketing_name)
		return m->system_status->marketing_name;
	return m->smbios_info ? m->smbios_info->product_name : NULL;
}

void facts_of_device_status(struct facts *f, const Dm__DeviceStatusReportRequest *m)
{
	f->model = facts_text(f, model_of(m));
	f->os_version = facts_text(f, m->os_version);
	f->agent_version = facts_text(f, m->browser_version);
	facts_attribute(f, "boot_mode", m->boot_mode);
	facts_attribute(f, "firmware_version", m->firmware_version);
	facts_put_rows(f, &m->base, device_status_rows);
	if (m->device_location)
		check_location(f, m->device_location);
	for (size_t i = 0; i < m->n_users; i++)
		if (!m->users[i]->has_type)
			facts_problem(f, ERR_INVALID, "A user without a type.");
	sample_cpu(f, m);
	sample_memory(f, m);
	sample_temperature(f, m);
	sample_disks(f, m);
}

void facts_of_session_status(struct facts *f, const Dm__SessionStatusReportRequest *m)
{
	facts_put_rows(f, &m->base, session_status_rows);
	for (size_t i = 0; i < m->n_app_launch_stat; i++)
		if (m->app_launch_stat[i]->n_timestamp > 50)
			facts_problem(f, ERR_INVALID, "More than 50 launches of one application.");
}
