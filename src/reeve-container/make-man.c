/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes reeve-container(1), whose options and commands are the program's own tables, to stdout.
 */
#include "base/man.h"
#include "program.h"
#include <stdio.h>

static const char description[] =
	"The container's side of a host of virtual machines and containers: reeve-host, or any host that speaks the "
	"protocols of ChromeOS's VM tools. The daemon tells the host which applications this container has and which "
	"types its files are, starts applications for it, and says when the disk is nearly full. It goes on when the "
	"host goes away, and tells it everything again when it comes back.\n\n"
	"The other commands ask the host for one thing. Called as xdg-open or reeve-open the program opens its arguments "
	"on the host.\n\n"
	"The daemon belongs to the user whose applications it tells of. Installing and removing packages is root's: "
	"sudo or pkexec must allow it without a question.";

static const char closing[] =
	".SH SIGNALS\n"
	".TP\n.B SIGTERM, SIGINT\nSays good-bye to the host and stops; applications go on. An installation, a removal or a playbook that runs is "
	"waited for, a minute at most; after a second signal it is killed.\n"
	".SH FILES\n"
	".TP\n.I /dev/.container_token\nWho this container is, as the host knows it; waited for up to a minute.\n"
	".TP\n.I $XDG_DATA_HOME/applications, $XDG_DATA_DIRS/applications\nThe applications.\n"
	".TP\n.I /usr/share/mime/mime.cache, $XDG_DATA_HOME/mime/mime.cache\nThe types of files.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt is done.\n"
	".TP\n.B 1\nIt failed; select\\-file: nothing was chosen.\n"
	".TP\n.B 2\nThe command line is wrong.\n"
	".TP\n.B 4\nIt is not allowed.\n"
	".TP\n.B 5\nThe host does not take it as things are.\n"
	".SH SEE ALSO\n.BR reeve\\-host (8)\n";

static void add_verbs(struct buf *out)
{
	buf_add_str(out, ".SH COMMANDS\n");
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->name; v++) {
			buf_add_str(out, ".TP\n\\fB");
			man_text(out, v->name);
			buf_add_str(out, "\\fR ");
			man_text(out, v->args);
			buf_add_char(out, '\n');
			man_text(out, v->help);
			buf_add_char(out, '\n');
		}
}

int main(void)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	man_head(&out, "REEVE\\-CONTAINER", 1, "reeve-container", "a container's side of its host");
	buf_add_str(&out, ".SH SYNOPSIS\n.B reeve\\-container\n[\\fIOPTION\\fR...] "
			  "\\fICOMMAND\\fR\n.SH DESCRIPTION\n");
	man_paragraphs(&out, description);
	add_verbs(&out);
	buf_add_str(&out, ".SH OPTIONS\n");
	man_options(&out, option_rows);
	buf_add_str(&out, closing);
	return !out.failed && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
