/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-guest: the agent inside of a virtual machine; as PID 1 its init too.
 *
 * As PID 1 it mounts what a system needs, and ends by switching the machine off; it never just exits, which would
 * make the kernel panic.
 */
#include "base/file.h"
#include "base/log.h"
#include "program.h"
#include "vm/guest/machine.h"
#include "vm/guest/modules.h"
#include "vm/guest/mounting.h"
#include "vm/guest/spawn.h"
#include "vm/guest/sysctl.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOFILE_MAX 1048576

static int print_help(void)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 8192);
	options_help(option_rows, &text);
	printf("Usage: reeve-guest [OPTION]...\n\n%s", buf_str(&text));
	return 0;
}

/* The kernel may start an init without them, and what is opened next would become them. */
static void open_standard_files(void)
{
	int fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 3)
		fd = dup(fd);
	if (fd >= 3)
		close(fd);
}

/* The kernel's log is there before any disk is and after all are gone, and what collects logs reads it. Without /dev/kmsg (a
 * container) stderr stays. The kernel's own limit drops lines without a word; ours (base/log.c) says so. */
static void log_as_init(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* A line feed or nothing, for this one; or it is fixed on the kernel's command line. */
	(void)!sysctl_set("kernel/printk_devkmsg", "on\n");
	log_to_kernel(fd, "reeve-guest");
}

/* Until a host sets others: there are hosts that never do. */
static void set_first_names(void)
{
	const struct resolv_config none = { 0 };
	struct error err;
	if (machine_set_resolv(&none, &err))
		log_warn("no name servers", F_STR("error", err.message));
}

static int become_init(struct error *err)
{
	const struct rlimit files = { NOFILE_MAX, NOFILE_MAX };
	const struct rlimit locked = { RLIM_INFINITY, RLIM_INFINITY };
	umask(0);
	int r = mount_for_init(err);
	if (r)
		return r;
	log_as_init();
	modules_load("/etc/modules");
	sysctl_for_init();
	set_first_names();
	(void)!setsid();
	(void)!ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	clearenv();
	setenv("PATH", SPAWN_PATH, 1);
	(void)!setrlimit(RLIMIT_NOFILE, &files);
	(void)!setrlimit(RLIMIT_MEMLOCK, &locked);
	(void)!reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del comes as SIGINT */
	return 0;
}

/* Words for maitred on the kernel's command line: the port of the host, and whether to begin with nothing. */
static void set_init_defaults(struct guest_options *o)
{
	static char ready[64];
	CLEANUP(buf_fini) struct buf line;
	unsigned port = 7777;
	buf_init(&line, 8192);
	(void)!file_read("/proc/cmdline", &line); /* not there: no words */
	const char *word = strstr(buf_str(&line), "maitred.listen_port=");
	if (word)
		(void)!sscanf(word, "maitred.listen_port=%u", &port);
	snprintf(ready, sizeof ready, "vsock:%u:%u", VMADDR_CID_HOST, port);
	if (!o->ready)
		o->ready = ready;
	if (!o->startup && !strstr(buf_str(&line), "maitred.no_startup_processes"))
		o->startup = "/etc/maitred";
}

static int complain(int r, const struct error *err)
{
	const char *why = r > 0 ? err->message : strerror(-r);
	log_error("cannot go on", F_STR("error", why));
	return r > 0 ? err_exit_code(err->code) : 1;
}

static void switch_off(int how)
{
	sync();
	(void)!reboot(how);
}

static int serve(bool init)
{
	struct guest guest;
	struct error err;
	int r = guest_open(&guest, &arguments.guest, &err);
	if (r == 0)
		r = guest_run(&guest);
	int code = r ? complain(r, &err) : 0;
	if (init)
		switch_off(guest.reboot); /* before a worker that hangs is waited for */
	guest_close(&guest);
	return code;
}

static int run(bool init)
{
	struct error err;
	int code = 0, r = init ? become_init(&err) : 0;
	if (init)
		set_init_defaults(&arguments.guest);
	if (arguments.no_ready)
		arguments.guest.ready = NULL;
	if (r)
		code = complain(r, &err);
	else
		code = serve(init);
	if (init)
		switch_off(RB_POWER_OFF);
	return code;
}

int main(int argc, char *argv[])
{
	struct error err;
	int n_args, r = options_parse(option_rows, argc, argv, &n_args, &err);
	bool init = getpid() == 1;
	open_standard_files();
	if (r == 0 && n_args > 0 &&
	    !init) /* the kernel gives an init words it does not know itself */
		r = error_set(&err, ERR_INVALID, "“%s” is no option", argv[1]);
	if (r > 0) {
		fprintf(stderr, "reeve-guest: %s\n", err.message);
		if (!init)
			return err_exit_code(err.code);
	}
	if (arguments.help)
		return print_help();
	if (arguments.version)
		return printf("reeve-guest %s\n", REEVE_VERSION) < 0;
	arguments.guest.init = init;
	return run(init);
}
