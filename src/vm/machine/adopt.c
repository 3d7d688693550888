/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines that ran before we did: found by their folders, taken over by pid and monitor.
 */
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the process is qemu with our monitor's path among its words: its number may be somebody else's by now. */
static bool is_ours(const struct machine *m, pid_t pid)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf words;
	char path[64];
	arena_init(&a);
	buf_init(&words, 65536);
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	const char *mark =
		arena_printf(&a, "path=%s", qemu_value(&a, machine_path(&a, m, "monitor")));
	if (file_read(path, &words) < 0)
		return false;
	for (size_t i = 0; i < words.n; i += strlen(words.p + i) + 1)
		if (strstr(words.p + i, mark))
			return true;
	return false;
}

pid_t adopt_pid(const struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf text;
	arena_init(&a);
	buf_init(&text, 64);
	if (file_read(machine_path(&a, m, "pid"), &text) < 0)
		return 0;
	long pid = strtol(buf_str(&text), NULL, 10);
	return pid > 1 && is_ours(m, (pid_t)pid) ? (pid_t)pid : 0;
}

void adopt(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf token;
	struct error err = { .message = "" };
	pid_t pid = adopt_pid(m);
	arena_init(&a);
	buf_init(&token, sizeof m->token - 1);
	if (pid == 0) {
		bool ran = access(machine_path(&a, m, "pid"), F_OK) == 0;
		machine_clean(m);
		registry_vm_set(m->all->host->registry, m->vm, ran ? VM_CRASHED : VM_STOPPED,
				"it ended while reeve-host did not run");
		return;
	}
	int r = file_read(machine_path(&a, m, "token"), &token);
	snprintf(m->token, sizeof m->token, "%s", buf_str(&token));
	if (r == 0 && !m->spec.vsock)
		r = machine_open_port(m, &err);
	if (r == 0)
		r = machine_attach(m, pid, &err);
	if (r) {
		machine_fail(m, "it could not be taken over: %s",
			     r > 0 ? err.message : strerror(-r));
		return;
	}
	log_info("a virtual machine runs already", F_STR("vm", m->spec.name), F_INT("pid", pid));
	m->told_ready =
		true; /* it said so to whoever was here before; the steps find out whether it is */
	registry_vm_set(m->all->host->registry, m->vm, VM_READY, NULL);
	machine_limit(m, MACHINE_READY_MS);
	machine_told_ready(m);
}
