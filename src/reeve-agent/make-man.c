/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes reeve-agent(8), whose options are the rows of its configuration, to stdout.
 */
#include "agent/config.h"
#include "base/man.h"
#include <stdio.h>

static const char description[] =
	"Makes this machine a managed device of a Reeve server: enrolls it, pulls its desired state, enforces that and "
	"reports what is there. It goes on enforcing while the server is away, and puts everything back when the machine "
	"is unenrolled.\n\n"
	"With --observe it reports and changes nothing. Every option is also a key of the file, with underscores for "
	"dashes.";

static const char closing[] =
	".SH SIGNALS\n"
	".TP\n.B SIGHUP\nSyncs now.\n"
	".TP\n.B SIGTERM\nStops.\n"
	".SH FILES\n"
	".TP\n.I /etc/reeve/agent.yaml\nThe configuration. Only there: \\fBallow_wipe\\fR (false), whether the server may "
	"have this machine wiped, and \\fBwipe_program\\fR, how: a list of program and arguments.\n"
	".TP\n.I /var/lib/reeve\\-agent\nWhat it remembers, among it the device token and what was there before it "
	"changed anything.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt was stopped, or the machine was unenrolled; with \\fB\\-\\-once\\fR: all went well.\n"
	".TP\n.B 1\nIt failed.\n"
	".TP\n.B 2\nThe command line or the configuration is wrong.\n"
	".SH SEE ALSO\n.BR reeve (1),\n.BR reeved (8)\n";

int main(void)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	man_head(&out, "REEVE\\-AGENT", 8, "reeve-agent", "the agent of Reeve, a fleet manager");
	buf_add_str(&out, ".SH SYNOPSIS\n.B reeve\\-agent\n[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n");
	man_paragraphs(&out, description);
	buf_add_str(&out, ".SH OPTIONS\n");
	agent_config_man(&out);
	buf_add_str(&out, closing);
	return !out.failed && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
