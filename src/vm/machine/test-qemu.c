/* SPDX-License-Identifier: Apache-2.0
 *
 * qemu: command lines. Whatever a path is called, it stays one value of one option.
 */
#include "base/buf.h"
#include "vm/machine/qemu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct qemu_paths paths = { "/s/a,b/token", "/s/a,b/monitor", "/s/a,b/console",
					 "/s/a,b/pid", "/s/a,b/share" };

static const char *after(char **argv, const char *option, const char *beginning)
{
	for (; *argv; argv++)
		if (strcmp(*argv, option) == 0 && argv[1] &&
		    strncmp(argv[1], beginning, strlen(beginning)) == 0)
			return argv[1];
	fail_msg("%s %s… is not there", option, beginning);
	return NULL;
}

static struct machine_spec example(void)
{
	static char kernel[] = "/k"; /* longer than this function lives */
	struct machine_spec s = { .kernel = kernel,
				  .memory_mib = 256,
				  .cpus = 2,
				  .cid = 0x80000001,
				  .listen_port = 4711 };
	memcpy(s.name, "vm1", 4);
	return s;
}

static void test_line(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	struct machine_spec s = example();
	char disk[] = "/d/x,y=z,readonly=on", initrd[] = "/i", append[] = "debug";
	(void)state;
	arena_init(&a);
	s.disks[0] = (struct machine_disk){ .path = disk };
	s.disks[1] = (struct machine_disk){ .path = disk, .read_only = true };
	s.n_disks = 2;
	s.initrd = initrd;
	s.append = append;
	char **argv = qemu_argv(&a, &s, ACCELERATOR_TCG, &paths);
	assert_string_equal(argv[0], QEMU_PROGRAM);
	assert_string_equal(after(argv, "-drive", "if=none,id=d0,format=raw,discard=unmap,file"),
			    "if=none,id=d0,format=raw,discard=unmap,file=/d/x,,y=z,,readonly=on");
	assert_string_equal(
		after(argv, "-drive", "if=none,id=d1"),
		"if=none,id=d1,format=raw,discard=unmap,readonly=on,file=/d/x,,y=z,,readonly=on");
	assert_string_equal(after(argv, "-chardev", "file"),
			    "file,id=console,append=on,path=/s/a,,b/console");
	assert_string_equal(after(argv, "-chardev", "socket"),
			    "socket,id=qmp,server=on,wait=off,path=/s/a,,b/monitor");
	assert_string_equal(after(argv, "-fw_cfg", ""), "name=opt/reeve/token,file=/s/a,,b/token");
	assert_string_equal(after(argv, "-pidfile", ""), "/s/a,b/pid");
	assert_string_equal(after(argv, "-machine", ""), "q35,accel=tcg");
	assert_string_equal(after(argv, "-m", ""), "256");
	assert_string_equal(after(argv, "-smp", ""), "2");
	assert_string_equal(
		after(argv, "-append", ""),
		"console=ttyS0 quiet panic=-1 debug -- --address=10.0.2.15/24,10.0.2.2 --listen=tcp:0.0.0.0:8888 "
		"--ready=tcp:10.0.2.2:4711 --token-file=/sys/firmware/qemu_fw_cfg/by_name/opt/reeve/token/raw");
}

static void test_vsock(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	struct machine_spec s = example();
	(void)state;
	arena_init(&a);
	s.vsock = true;
	s.cid = 40;
	char **argv = qemu_argv(&a, &s, ACCELERATOR_KVM, &paths);
	assert_string_equal(after(argv, "-device", "vhost"), "vhost-vsock-pci,guest-cid=40");
	assert_string_equal(after(argv, "-netdev", ""), "user,id=n0"); /* no way in but vsock */
	assert_string_equal(after(argv, "-machine", ""), "q35,accel=kvm");
	for (char **p = argv; *p; p++)
		assert_null(strstr(*p, "token"));
}

static void test_shares(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	struct machine_spec s = example();
	char folder[] = "/f", target[] = "/t";
	(void)state;
	arena_init(&a);
	s.shares[0] = s.shares[1] = (struct machine_share){ .path = folder, .target = target };
	s.n_shares = 2;
	char **argv = qemu_argv(&a, &s, ACCELERATOR_TCG, &paths);
	assert_string_equal(after(argv, "-machine", ""), "q35,accel=tcg,memory-backend=memory");
	assert_string_equal(after(argv, "-object", ""),
			    "memory-backend-memfd,id=memory,share=on,size=256M");
	assert_string_equal(after(argv, "-chardev", "socket,id=s1"),
			    "socket,id=s1,path=/s/a,,b/share1");
	assert_string_equal(after(argv, "-device", "vhost-user-fs-pci,chardev=s1"),
			    "vhost-user-fs-pci,chardev=s1,tag=share1");
}

/* As /proc has it: words that end with a NUL each. */
static void test_accelerator(void **state)
{
	struct machine_spec s = example();
	char append[] = "-machine q35,accel=kvm";
	(void)state;
	s.append = append;
	s.n_shares = 1; /* more words after the accelerator */
	for (enum accelerator wanted = ACCELERATOR_TCG; wanted <= ACCELERATOR_KVM; wanted++) {
		CLEANUP(arena_fini) struct arena a;
		CLEANUP(buf_fini) struct buf words;
		arena_init(&a);
		buf_init(&words, 65536);
		for (char **word = qemu_argv(&a, &s, wanted, &paths); *word; word++)
			buf_add(&words, *word, strlen(*word) + 1);
		assert_int_equal(qemu_accelerator(buf_span(&words)), wanted);
	}
	assert_int_equal(qemu_accelerator((struct span){ NULL, 0 }), ACCELERATOR_TCG);
	assert_int_equal(qemu_accelerator(span_str("-machine")), ACCELERATOR_TCG);
}

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		unsigned port;
	} cases[] = {
		{ "Hub -1 (n0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
		  "  TCP[HOST_FORWARD]  12       127.0.0.1 37913       10.0.2.15  8888     0     0\r\n",
		  37913 },
		{ "TCP[HOST_FORWARD] 9 127.0.0.1 22 10.0.2.15 22 0 0\nTCP[HOST_FORWARD] 9 127.0.0.1 23 10.0.2.15 8888 0 0",
		  23 },
		{ "TCP[ESTABLISHED] 9 127.0.0.1 22 10.0.2.15 8888 0 0", 0 },
		{ "TCP[HOST_FORWARD] 9 127.0.0.1 70000 10.0.2.15 8888 0 0", 0 },
		{ "TCP[HOST_FORWARD]", 0 },
		{ "", 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(qemu_forwarded_port(cases[i].text), cases[i].port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),   cmocka_unit_test(test_vsock),
		cmocka_unit_test(test_shares), cmocka_unit_test(test_accelerator),
		cmocka_unit_test(test_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
