/* SPDX-License-Identifier: Apache-2.0
 *
 * Command lines, see qemu.h. Machine type q35: microvm hangs at times under emulation.
 */
#include "vm/machine/qemu.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>

#define ARGS_MAX    128
#define MACHINE_KVM "q35,accel=kvm"

struct line {
	struct arena *arena;
	char **argv;
	size_t n;
};

static void add(struct line *l, const char *word)
{
	if (l->n < ARGS_MAX)
		l->argv[l->n++] = arena_strdup(l->arena, word);
}

static void add_pair(struct line *l, const char *option, const char *value)
{
	add(l, option);
	add(l, value);
}

const char *qemu_value(struct arena *a, const char *text)
{
	char *out = arena_alloc(a, 2 * strlen(text) + 1);
	size_t n = 0;
	for (; *text; text++) {
		out[n++] = *text;
		if (*text == ',')
			out[n++] = ',';
	}
	return out;
}

/* Words before "--" are the kernel's, what follows is reeve-guest's. */
static void add_kernel(struct line *l, const struct machine_spec *s)
{
	CLEANUP(buf_fini) struct buf words;
	buf_init(&words, 4096);
	buf_addf(&words, "console=ttyS0 quiet panic=-1%s%s --", s->append ? " " : "",
		 s->append ? s->append : "");
	buf_addf(&words, " --address=" GUEST_ADDRESS "/24," GUEST_GATEWAY);
	if (s->vsock)
		buf_add_str(&words, " --listen=vsock:8888 --ready=vsock:2:7777");
	else
		buf_addf(&words,
			 " --listen=tcp:0.0.0.0:%d --ready=tcp:" GUEST_GATEWAY ":%lld"
			 " --token-file=/sys/firmware/qemu_fw_cfg/by_name/opt/reeve/token/raw",
			 GUEST_PORT, (long long)s->listen_port);
	add_pair(l, "-kernel", s->kernel);
	if (s->initrd)
		add_pair(l, "-initrd", s->initrd);
	add_pair(l, "-append", buf_str(&words));
}

static void add_disk(struct line *l, const struct machine_disk *d, size_t i)
{
	struct arena *a = l->arena;
	add_pair(l, "-drive",
		 arena_printf(a, "if=none,id=d%zu,format=raw,discard=unmap%s,file=%s", i,
			      d->read_only ? ",readonly=on" : "", qemu_value(a, d->path)));
	add_pair(l, "-device", arena_printf(a, "virtio-blk-pci,drive=d%zu,id=disk%zu", i, i));
}

static void add_share(struct line *l, size_t i, const struct qemu_paths *p)
{
	struct arena *a = l->arena;
	add_pair(l, "-chardev",
		 arena_printf(a, "socket,id=s%zu,path=%s%zu", i, qemu_value(a, p->share), i));
	add_pair(l, "-device",
		 arena_printf(a, "vhost-user-fs-pci,chardev=s%zu,tag=share%zu", i, i));
}

static void add_network(struct line *l, const struct machine_spec *s, const struct qemu_paths *p)
{
	struct arena *a = l->arena;
	if (s->vsock) {
		add_pair(l, "-device", arena_printf(a, "vhost-vsock-pci,guest-cid=%u", s->cid));
		add_pair(l, "-netdev", "user,id=n0");
	} else {
		add_pair(l, "-netdev",
			 arena_printf(a, "user,id=n0,hostfwd=tcp:127.0.0.1:0-" GUEST_ADDRESS ":%d",
				      GUEST_PORT));
		add_pair(l, "-fw_cfg",
			 arena_printf(a, "name=opt/reeve/token,file=%s", qemu_value(a, p->token)));
	}
	add_pair(l, "-device", "virtio-net-pci,netdev=n0");
}

char **qemu_argv(struct arena *a, const struct machine_spec *s, enum accelerator accelerator,
		 const struct qemu_paths *p)
{
	struct line l = { .arena = a, .argv = arena_new_n(a, char *, ARGS_MAX + 1) };
	bool kvm = accelerator == ACCELERATOR_KVM;
	add(&l, QEMU_PROGRAM);
	add_pair(&l, "-name", qemu_value(a, s->name));
	add(&l, "-nodefaults");
	add(&l, "-no-user-config");
	add(&l, "-no-reboot");
	add_pair(&l, "-display", "none");
	add_pair(&l, "-machine",
		 arena_printf(a, "%s%s", kvm ? MACHINE_KVM : "q35,accel=tcg",
			      s->n_shares ? ",memory-backend=memory" : ""));
	add_pair(&l, "-cpu", kvm ? "host" : "max");
	add_pair(&l, "-smp", arena_printf(a, "%lld", (long long)s->cpus));
	add_pair(&l, "-m", arena_printf(a, "%lld", (long long)s->memory_mib));
	if (s->n_shares) /* virtiofsd writes into the guest's memory */
		add_pair(&l, "-object",
			 arena_printf(a, "memory-backend-memfd,id=memory,share=on,size=%lldM",
				      (long long)s->memory_mib));
	add_kernel(&l, s);
	add_pair(&l, "-chardev",
		 arena_printf(a, "file,id=console,append=on,path=%s", qemu_value(a, p->console)));
	add_pair(&l, "-serial", "chardev:console");
	add_pair(
		&l, "-chardev",
		arena_printf(a, "socket,id=qmp,server=on,wait=off,path=%s", qemu_value(a, p->qmp)));
	add_pair(&l, "-mon", "chardev=qmp,mode=control");
	add_pair(&l, "-device", "virtio-rng-pci");
	add_network(&l, s, p);
	for (size_t i = 0; i < s->n_disks; i++)
		add_disk(&l, &s->disks[i], i);
	for (size_t i = 0; i < s->n_shares; i++)
		add_share(&l, i, p);
	/* it cannot go to the background without the calls of "spawn" and "elevateprivileges" */
	add_pair(&l, "-sandbox", "on,obsolete=deny,resourcecontrol=deny");
	add_pair(&l, "-pidfile", p->pid);
	add(&l, "-daemonize");
	return l.argv;
}

enum accelerator qemu_accelerator(struct span cmdline)
{
	struct span word;
	while (span_get_until(&cmdline, '\0', &word))
		if (span_eq_str(word, "-machine"))
			return span_get_until(&cmdline, '\0', &word) &&
					       word.n >= strlen(MACHINE_KVM) &&
					       memcmp(word.p, MACHINE_KVM, strlen(MACHINE_KVM)) == 0
				       ? ACCELERATOR_KVM
				       : ACCELERATOR_TCG;
	return ACCELERATOR_TCG;
}

/* "  TCP[HOST_FORWARD]  12       127.0.0.1 37913       10.0.2.15  8888     0     0" */
unsigned qemu_forwarded_port(const char *text)
{
	for (const char *p = text; (p = strstr(p, "TCP[HOST_FORWARD]")); p++) {
		unsigned port = 0, guest_port = 0;
		char fd[16], host[64], guest[64];
		if (sscanf(p, "TCP[HOST_FORWARD] %15s %63s %u %63s %u", fd, host, &port, guest,
			   &guest_port) == 5 &&
		    guest_port == GUEST_PORT && port > 0 && port < 65536)
			return port;
	}
	return 0;
}
