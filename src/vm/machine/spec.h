/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: what a virtual machine is started with, and its file (DIR/spec.json), from which it is known again after a restart.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "vm/host/registry.h"

#define MACHINE_DISKS_MAX  16
#define MACHINE_SHARES_MAX 8
#define MEMORY_MIN_MIB     64

struct machine_disk {
	char *path;
	uint64_t size; /* bytes of a new image when there is no file; 0: it must be there */
	bool read_only;
	char *target; /* where the guest mounts it, or NULL */
	char *fstype; /* "ext4", … or NULL */
};

struct machine_share {
	char *path, *target; /* of the host, in the guest */
	bool read_only;
};

struct machine_spec { /* owns its words */
	char name[NAME_SIZE];
	char *kernel, *initrd;
	char *append; /* more words for the kernel, or NULL */
	struct machine_disk disks[MACHINE_DISKS_MAX];
	size_t n_disks;
	struct machine_share shares[MACHINE_SHARES_MAX];
	size_t n_shares;
	int64_t memory_mib, cpus;
	/* not of the user's: */
	uint32_t cid;
	int64_t listen_port; /* of ours, that the guest calls; 0 over vsock */
	bool vsock;
};

void machine_spec_fini(struct machine_spec *s);
/* "PATH[:size=10G][:ro][:mount=/mnt[:fs=ext4]]"; a ':' of the path itself is not possible. ERR_INVALID. */
int machine_disk_parse(const char *text, struct machine_disk *ret, struct error *err) WARN_UNUSED;
/* "PATH:TARGET[:ro]", both absolute; no ',' in PATH, which virtiofsd would take for an end. ERR_INVALID. */
int machine_share_parse(const char *text, struct machine_share *ret, struct error *err) WARN_UNUSED;
/* "512", "512M", "10G" in bytes; 'unit' is what a bare number means. false: none. */
bool size_parse(const char *text, uint64_t unit, uint64_t *ret);
/* Whether it can be started here: the files are there and can be read, memory and processors are. ERR_INVALID, ERR_NOT_FOUND. */
int machine_spec_check(const struct machine_spec *s, struct error *err) WARN_UNUSED;
/* Files of new disks. */
int machine_spec_make_disks(const struct machine_spec *s, struct error *err) WARN_UNUSED;

json_t *machine_spec_json(const struct machine_spec *s);
int machine_spec_read(const json_t *j, struct machine_spec *ret, struct error *err) WARN_UNUSED;
