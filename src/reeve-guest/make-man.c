/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes reeve-guest(8), whose options and calls are the program's own tables, to stdout.
 */
#include "base/man.h"
#include "program.h"
#include <stdio.h>

static const char description[] =
	"The agent inside of a virtual machine: its host has it start programs, mount disks and set the network, the "
	"clock and the names. It speaks gRPC, wire-compatible with maitred of ChromeOS's VM tools, over vsock, a unix "
	"socket or TCP; reeve-host is such a host.\n\n"
	"As the first process of a machine it is its init, too: it mounts what a system needs, loads the modules of "
	"/etc/modules, starts the programs of /etc/maitred, reaps processes, ends them all in good order and switches the "
	"machine off. It is one static binary and needs nothing else on the root.\n\n"
	"Over vsock only the host may call. A unix socket is for its user alone. Over TCP anybody may who shows the token "
	"of --token-file; without one, anybody.";

static const char calls_text[] =
	"Methods of the service vm_tools.Maitred; others are UNIMPLEMENTED. Mount makes a file system when it is asked "
	"to (mkfs_if_needed), with mkfs.TYPE of the root and only on a disk whose first MiB is empty. The stateful disk is "
	"what is mounted on /mnt/stateful, or the root.";

static const char init_text[] =
	"Limits of the kernel that many containers in one machine run into are raised (inotify, vm.max_map_count, "
	"net.core.rmem_max, open files, locked memory), and ConfigureNetwork switches forwarding on. Log lines go to "
	"/dev/kmsg, at most 900 bytes each and 200 in ten seconds; what was left out is counted in the next one. As a "
	"daemon it does none of that and logs to standard error.";

static const char closing[] =
	".SH KERNEL COMMAND LINE\n"
	".TP\n.BI maitred.listen_port= PORT\nOf the host, where it is told that the machine is ready (7777).\n"
	".TP\n.B maitred.no_startup_processes\nNothing of /etc/maitred is started.\n"
	".PP\nWords after \\(dq\\-\\-\\(dq that begin with a hyphen are options.\n"
	".SH SIGNALS\n"
	".TP\n.B SIGTERM\nAs init: switches off in good order. Else: stops when the calls that run have ended.\n"
	".TP\n.B SIGINT\nAs init, which gets it for Ctrl\\-Alt\\-Del: starts the machine again. Else as SIGTERM.\n"
	".SH FILES\n"
	".TP\n.I /etc/maitred/\nPrograms to begin with, in the order of their paths, each a LaunchProcessRequest in protobuf's text "
	"format. One with wait_for_exit holds up the next.\n"
	".TP\n.I /etc/modules\nPaths of kernel modules to load, in this order.\n"
	".TP\n.I /run/resolv.conf\nWhat SetResolvConfig writes; an init begins with public name servers, as maitred does.\n"
	".TP\n.I /dev/.container_token\nWhat ConfigureContainerGuest writes.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt was told to end.\n"
	".TP\n.B 1\nIt failed.\n"
	".TP\n.B 2\nThe command line is wrong.\n"
	".SH SEE ALSO\n.BR reeve\\-host (8),\n.BR reeve\\-container (1)\n";

static void add_calls(struct buf *out)
{
	buf_add_str(out, ".SH CALLS\n");
	man_paragraphs(out, calls_text);
	for (size_t i = 0; guest_tables[i]; i++)
		for (const struct grpc_method *m = guest_tables[i]; m->path; m++) {
			buf_add_str(out, ".TP\n.B ");
			man_text(out, strrchr(m->path, '/') + 1);
			buf_add_char(out, '\n');
			man_text(out, m->doc);
			buf_add_char(out, '\n');
		}
}

int main(void)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	man_head(&out, "REEVE\\-GUEST", 8, "reeve-guest",
		 "the agent of a virtual machine, or its init");
	buf_add_str(&out, ".SH SYNOPSIS\n.B reeve\\-guest\n[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n");
	man_paragraphs(&out, description);
	buf_add_str(&out, ".SH OPTIONS\n");
	man_options(&out, option_rows);
	buf_add_str(&out, ".SH AS INIT\n");
	man_paragraphs(&out, init_text);
	add_calls(&out);
	buf_add_str(&out, closing);
	return !out.failed && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
