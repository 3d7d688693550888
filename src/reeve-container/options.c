/* SPDX-License-Identifier: Apache-2.0
 *
 * Options and commands of reeve-container, for the program and for its man page.
 */
#include "program.h"

struct arguments arguments = { .host = "vsock:2:8889",
			       .token_file = "/dev/.container_token",
			       .mime_folder = "/usr/share/mime",
			       .log_level = "info",
			       .check_ms = 30000,
			       .low_disk_mib = 1024 };
bool help, version;

const struct option option_rows[] = {
	{ 0, "host", OPTION_STR, "ADDRESS", "where the host listens (vsock:2:8889)",
	  &arguments.host, "REEVE_CONTAINER_HOST" },
	{ 0, "token-file", OPTION_STR, "FILE", "who we are (/dev/.container_token)",
	  &arguments.token_file, "REEVE_CONTAINER_TOKEN_FILE" },
	{ 0, "vm-token-file", OPTION_STR, "FILE",
	  "a secret for both directions, where they go over TCP", &arguments.vm_token_file,
	  "REEVE_CONTAINER_VM_TOKEN_FILE" },
	{ 'l', "listen", OPTION_STR, "ADDRESS",
	  "for the host (the first free vsock port from 10000 to 19999)", &arguments.listen, NULL },
	{ 0, "port", OPTION_INT, "N", "what the host is told (the port of --listen)",
	  &arguments.port, NULL },
	{ 0, "check-every", OPTION_DURATION, "TIME", "whether the host knows us still (30s)",
	  &arguments.check_ms, NULL },
	{ 0, "low-disk", OPTION_INT, "MIB", "less than that is told to the host (1024)",
	  &arguments.low_disk_mib, NULL },
	{ 0, "mime-folder", OPTION_STR, "DIR", "where the system's mime.cache is (/usr/share/mime)",
	  &arguments.mime_folder, NULL },
	{ 0, "allow-root", OPTION_FLAG, NULL, "the daemon may be root's", &arguments.allow_root,
	  NULL },
	{ 0, "type", OPTION_STR, "TYPE",
	  "of the dialog: open-file, open-multi-file, saveas-file, folder, upload-folder",
	  &arguments.type, NULL },
	{ 0, "title", OPTION_STR, "TEXT", "of the dialog", &arguments.title, NULL },
	{ 0, "path", OPTION_STR, "PATH", "where the dialog begins", &arguments.path, NULL },
	{ 0, "extensions", OPTION_STR, "LIST", "of files in the dialog", &arguments.extensions,
	  NULL },
	{ 0, "log-level", OPTION_STR, "LEVEL", "error, warn, info or debug (info)",
	  &arguments.log_level, "REEVE_CONTAINER_LOG_LEVEL" },
	{ 'h', "help", OPTION_FLAG, NULL, "this text", &help, NULL },
	{ 0, "version", OPTION_FLAG, NULL, "which one it is", &version, NULL },
	{ .name = NULL },
};

const struct verb *const verb_tables[] = { daemon_verbs, open_verbs, disk_verbs, NULL };
