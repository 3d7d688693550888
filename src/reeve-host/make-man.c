/* SPDX-License-Identifier: Apache-2.0
 *
 * Build tool: writes reeve-host(8), whose options and commands are the program's own tables, to stdout.
 */
#include "base/man.h"
#include "program.h"
#include "vm/host/hook.h"
#include <stdio.h>

static const char description[] =
	"The host of virtual machines and containers that speak the protocols of ChromeOS's VM tools: maitred, or "
	"reeve-guest, in machines and garcon, or reeve-container, in containers. Applications of containers appear in the "
	"menu of the user whom it runs as, their URLs, terminals and file dialogs on his desktop.\n\n"
	"With --server it enrolls itself with a Reeve server as a managed device, and its machines and containers as "
	"devices below it.\n\n"
	"The daemon is reeve-host serve; the other commands ask it over a socket in its state folder. When it serves it "
	"prints one line, reeve-host: ready, and where it listens.";

static const char hooks_text[] =
	"What an event of a container does is a program and its arguments, never a shell, and the hooks of the "
	"configuration replace it. A word in braces in an argument is what the event says; {enter} and {params} as whole "
	"arguments become as many as there are. An empty list switches a hook off. Every hook knows {vm}, {container} and {self}, reeve-host itself, "
	"and has REEVE_VM and REEVE_CONTAINER in its environment. mime_types reads its container's types from standard input, one "
	"EXTENSION=TYPE a line: {types}, with commas between them, holds the first 100 kB of them.";

static const char closing[] =
	".SH CONFIGURATION\n"
	"Machines that something else starts, their containers, and hooks:\n.PP\n.nf\n.RS\n"
	"vms:\n"
	"  \\- name: termina\n"
	"    cid: 5\n"
	"    listen: unix:/run/termina.sock\n"
	"    garcon: tcp:127.0.0.1:{port}\n"
	"    disk: /srv/termina.img\n"
	"    containers:\n"
	"      \\- name: penguin\n"
	"        address: 100.115.92.204\n"
	"        enter: [ssh, \\-t, user@100.115.92.204]\n"
	"        paths: [{inside: /home/user, outside: /srv/penguin/home}]\n"
	"hooks:\n"
	"  open_url: [firefox, \\-\\-, \\(dq{url}\\(dq]\n"
	".RE\n.fi\n"
	".SH SIGNALS\n"
	".TP\n.B SIGTERM, SIGINT\nLets calls end and stops; applications leave the menu.\n"
	".SH FILES\n"
	".TP\n.I STATE/control.sock\nWhere the commands reach the daemon; for its user alone.\n"
	".TP\n.I STATE/tokens/VM/CONTAINER\nThe token that a container says who it is with.\n"
	".TP\n.I STATE/no\\-kvm\nKVM was of no use since the host was booted: machines start without it. Remove it to try again.\n"
	".TP\n.I DATA_HOME/applications/reeve\\-*.desktop\nThe entries of the menu, as long as their container is up.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nIt is done.\n"
	".TP\n.B 1\nIt failed; select\\-file: nothing was chosen.\n"
	".TP\n.B 2\nThe command line or the configuration is wrong.\n"
	".TP\n.B 3\nThere is no such machine or container.\n"
	".TP\n.B 5\nIt cannot be done as things are.\n"
	".SH SEE ALSO\n.BR reeve (1),\n.BR reeve\\-container (1),\n.BR reeved (8)\n";

static void add_verbs(struct buf *out)
{
	buf_add_str(out, ".SH COMMANDS\n");
	for (size_t i = 0; verb_tables[i]; i++)
		for (const struct verb *v = verb_tables[i]; v->noun; v++) {
			buf_add_str(out, ".TP\n\\fB");
			man_text(out, v->noun);
			buf_add_str(out, v->name[0] ? " " : "");
			man_text(out, v->name);
			buf_add_str(out, "\\fR ");
			man_text(out, v->args);
			buf_add_char(out, '\n');
			man_text(out, v->help);
			buf_add_char(out, '\n');
		}
}

static void add_hooks(struct buf *out)
{
	buf_add_str(out, ".SH HOOKS\n");
	man_paragraphs(out, hooks_text);
	for (enum hook hook = 0; hook < HOOK_N; hook++) {
		buf_add_str(out, ".TP\n.B ");
		man_text(out, hook_name(hook));
		buf_add_char(out, '\n');
		man_text(out, hook_words(hook));
		buf_add_char(out, '\n');
	}
}

int main(void)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1u << 20);
	man_head(&out, "REEVE\\-HOST", 8, "reeve-host",
		 "the host of virtual machines and containers");
	buf_add_str(
		&out,
		".SH SYNOPSIS\n.B reeve\\-host\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR\n.SH DESCRIPTION\n");
	man_paragraphs(&out, description);
	add_verbs(&out);
	buf_add_str(&out, ".SH OPTIONS\n");
	man_options(&out, option_rows);
	add_hooks(&out);
	buf_add_str(&out, closing);
	return !out.failed && fputs(buf_str(&out), stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
