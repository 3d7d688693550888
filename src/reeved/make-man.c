/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes reeved(8), whose options are the rows of the configuration, to stdout.
 */
#include "base/man.h"
#include "server/config.h"
#include <stdio.h>

static const char description[] =
	"The server of a fleet: holds the desired state of every device, tells each what it is to be, and says who has "
	"drifted. It prints one line when it serves, logs to the standard error, and is administered by reeve(1), by its "
	"web console under /console/, and by the API under /api/v1/.\n\n"
	"Without options it serves on 127.0.0.1:8081 with its data in /var/lib/reeve. Beyond loopback it wants a "
	"certificate.\n\n"
	"Every option is also a key of the YAML file and an environment variable; an option comes before the variable, "
	"the variable before the file.";

static const char closing[] =
	".SH SIGNALS\n"
	".TP\n.B SIGHUP\nReads configuration, certificates and credentials again; what is bad stays as it was.\n"
	".TP\n.B SIGTERM\nAnswers what runs, then ends. A second one ends at once.\n"
	".SH FILES\nIn the data folder, which is for its user alone:\n"
	".TP\n.I store.sqlite\nAll that is known.\n"
	".TP\n.I admin.token\nThe first API token, made at the first start. After a backup was restored that comes from "
	"another server, it is void: stop the server and run \\fBreeved \\-\\-reset\\-admin\\-token\\fR.\n"
	".TP\n.I admin.password\nThe first administrator's password; to be removed when it was changed.\n"
	".TP\n.I keys/\nPrivate halves of the signing keys.\n"
	".TP\n.I files/\nContents of deployables.\n"
	".TP\n.I idempotency.key\nWhat repeated requests are recognized by; not part of backups.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt ended as it was told.\n"
	".TP\n.B 1\nIt failed.\n"
	".TP\n.B 2\nThe command line or the configuration is wrong.\n"
	".SH SEE ALSO\n.BR reeve (1),\n.BR reeve\\-agent (8)\n";

int main(void)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	man_head(&out, "REEVED", 8, "reeved", "the server of Reeve, a fleet manager");
	buf_add_str(&out, ".SH SYNOPSIS\n.B reeved\n[\\fIOPTION\\fR...]\n.SH DESCRIPTION\n");
	man_paragraphs(&out, description);
	buf_add_str(&out, ".SH OPTIONS\n");
	config_man(&out);
	buf_add_str(&out, closing);
	return !out.failed && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
