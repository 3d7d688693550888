/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of reeve-guest: parsing, --help and reeve-guest(8) read them.
 */
#include "program.h"

struct arguments arguments = { .guest.interface = "eth0" };
const struct option option_rows[] = {
	{ 'l', "listen", OPTION_LIST, "ADDRESS",
	  "vsock:PORT, unix:PATH, tcp:ADDR:PORT (vsock:8888)", &arguments.guest.listen, NULL },
	{ 0, "allow-cid", OPTION_LIST, "CID", "who may call over vsock (2, the host)",
	  &arguments.guest.allow_cid, NULL },
	{ 0, "ready", OPTION_STR, "ADDRESS",
	  "where to say that we are ready (vsock:2:7777 as init)", &arguments.guest.ready, NULL },
	{ 0, "no-ready", OPTION_FLAG, NULL, "do not say it", &arguments.no_ready, NULL },
	{ 0, "interface", OPTION_STR, "NAME", "whose address is set (eth0)",
	  &arguments.guest.interface, NULL },
	{ 0, "address", OPTION_STR, "ADDR/BITS,GATEWAY", "set it at the start",
	  &arguments.guest.address, NULL },
	{ 0, "token-file", OPTION_STR, "FILE", "what callers over TCP show, and we show the host",
	  &arguments.guest.token_file, NULL },
	{ 0, "startup", OPTION_STR, "FOLDER", "programs to begin with (/etc/maitred as init)",
	  &arguments.guest.startup, NULL },
	{ 'h', "help", OPTION_FLAG, NULL, "this text", &arguments.help, NULL },
	{ 0, "version", OPTION_FLAG, NULL, "which one it is", &arguments.version, NULL },
	{ .name = NULL },
};
