/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of reeve-host and the tables of its commands: parsing, --help and reeve-host(8) read them.
 */
#include "program.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments arguments = { .log_level = "info", .output = "table" };
const struct option option_rows[] = {
	{ 's', "state", OPTION_STR, "DIR",
	  "what is remembered (/var/lib/reeve-host, or ~/.local/state/reeve-host)",
	  &arguments.state, "REEVE_HOST_STATE" },
	{ 'l', "listen", OPTION_LIST, "ADDRESS",
	  "for machines and containers (vsock:8889 and vsock:7777)", &arguments.listen, NULL },
	{ 0, "config", OPTION_STR, "FILE", "machines, containers and hooks, YAML",
	  &arguments.config, "REEVE_HOST_CONFIG" },
	{ 0, "data-home", OPTION_STR, "DIR",
	  "whose applications/ is the menu ($XDG_DATA_HOME, ~/.local/share)", &arguments.data_home,
	  NULL },
	{ 0, "no-menu", OPTION_FLAG, NULL, "applications do not appear in the menu",
	  &arguments.no_menu, NULL },
	{ 0, "server", OPTION_STR, "URL",
	  "Reeve server to which this host and its machines belong (none)", &arguments.server,
	  "REEVE_HOST_SERVER" },
	{ 0, "enrollment-token", OPTION_STR, "TOKEN", "to enroll there with",
	  &arguments.enrollment_token, "REEVE_HOST_ENROLLMENT_TOKEN" },
	{ 0, "enrollment-token-file", OPTION_STR, "FILE", "has the token as its first line",
	  &arguments.enrollment_token_file, "REEVE_HOST_ENROLLMENT_TOKEN_FILE" },
	{ 0, "ca", OPTION_STR, "FILE", "PEM file that the server's certificate is verified with",
	  &arguments.ca, "REEVE_HOST_CA" },
	{ 0, "insecure-http", OPTION_FLAG, NULL,
	  "http:// to a server beyond loopback is allowed: tokens are readable on the way",
	  &arguments.insecure_http, NULL },
	{ 'o', "output", OPTION_STR, "table|json", "how lists are printed", &arguments.output,
	  NULL },
	{ 0, "kernel", OPTION_STR, "FILE", "of vm start: what it boots", &arguments.kernel, NULL },
	{ 0, "initrd", OPTION_STR, "FILE",
	  "of vm start: the first file system, with reeve-guest as /init", &arguments.initrd,
	  NULL },
	{ 0, "append", OPTION_STR, "WORDS", "of vm start: more for the kernel's command line",
	  &arguments.append, NULL },
	{ 0, "disk", OPTION_LIST, "FILE[:size=10G][:ro][:mount=/PATH[:fs=TYPE]]",
	  "of vm start: /dev/vda, /dev/vdb, …; made when it has a size and is not there",
	  &arguments.disks, NULL },
	{ 0, "share", OPTION_LIST, "FOLDER:/TARGET[:ro]",
	  "of vm start: a folder of this host in the guest, with virtiofsd", &arguments.shares,
	  NULL },
	{ 0, "memory", OPTION_STR, "SIZE", "of vm start (512M)", &arguments.memory, NULL },
	{ 0, "cpus", OPTION_INT, "N", "of vm start (1)", &arguments.cpus, NULL },
	{ 0, "force", OPTION_FLAG, NULL, "of vm stop: without asking the guest", &arguments.force,
	  NULL },
	{ 0, "detach", OPTION_FLAG, NULL, "of vm exec: do not wait for the program's end",
	  &arguments.detach, NULL },
	{ 0, "console", OPTION_FLAG, NULL, "of vm exec: its output goes to the machine's console",
	  &arguments.console, NULL },
	{ 0, "type", OPTION_STR, "TYPE",
	  "of select-file: open-file, open-multi-file, saveas-file, folder, upload-folder",
	  &arguments.type, NULL },
	{ 0, "title", OPTION_STR, "TEXT", "of select-file: above the dialog", &arguments.title,
	  NULL },
	{ 0, "path", OPTION_STR, "PATH", "of select-file: where it begins", &arguments.path, NULL },
	{ 0, "extensions", OPTION_STR, "LIST", "of select-file: of what is shown, \"png,jpeg\"",
	  &arguments.extensions, NULL },
	{ 0, "log-level", OPTION_STR, "LEVEL", "error, warn, info or debug (info)",
	  &arguments.log_level, "REEVE_HOST_LOG_LEVEL" },
	{ 'h', "help", OPTION_FLAG, NULL, "this text", &arguments.help, NULL },
	{ 0, "version", OPTION_FLAG, NULL, "which one it is", &arguments.version, NULL },
	{ .name = NULL },
};

const struct verb *const verb_tables[] = { serve_verbs, vm_verbs, container_verbs, portal_verbs,
					   NULL };

char *absolute_path(const char *path)
{
	char *whole = NULL, folder[4096];
	if (!path)
		return NULL;
	if (path[0] == '/' || !getcwd(folder, sizeof folder))
		whole = strdup(path);
	else if (asprintf(&whole, "%s/%s", folder, path) < 0)
		whole = NULL;
	if (!whole)
		abort();
	return whole;
}
