/* SPDX-License-Identifier: Apache-2.0
 *
 * See conf.h. Why the values are what they are:
 *   set_tcp_nodelay          a hundred times more retained messages a second (Nagle and delayed acknowledgements)
 *   autosave_interval        a crash forgets a minute of the broker's memory; the channel puts it right before devices
 *                            are let in
 *   per_listener_settings    true loses wills in 2.0.11
 *   max_inflight_messages    what the server takes in with one commit; it acknowledges nothing before
 *   sys_interval 0           nobody reads $SYS; metrics are ours
 *   max_queued_messages      so many that only the bytes count: a number that is reached would cut short the retained
 *                            messages that we compare after each connection. Not 0, which means "no limit" everywhere
 *                            but where 2.0.11 refuses a publication: there it closes the connection
 */
#include "server/broker/conf.h"

static const char fixed[] = "# Written by reeved at each start of the broker.\n"
			    "per_listener_settings false\n"
			    "allow_anonymous false\n"
			    "allow_zero_length_clientid true\n"
			    "set_tcp_nodelay true\n"
			    "persistence true\n"
			    "persistence_location ./\n"
			    "persistence_file " CONF_KEPT "\n"
			    "autosave_interval 60\n"
			    "persistent_client_expiration 14d\n"
			    "max_inflight_messages 200\n"
			    "max_queued_messages 1000000\n"
			    "max_queued_bytes 67108864\n"
			    "queue_qos0_messages false\n"
			    "retain_available true\n"
			    "sys_interval 0\n"
			    "log_dest stderr\n"
			    "log_timestamp false\n"
			    "log_type error\n"
			    "log_type warning\n"
			    "connection_messages false\n";

void conf_add(struct buf *out, const struct conf *c)
{
	buf_add_str(out, fixed);
	buf_addf(out, "max_packet_size %lld\n", (long long)c->packet);
	if (c->memory > 0)
		buf_addf(out, "memory_limit %lld\n", (long long)c->memory);
	buf_addf(out, "plugin /proc/self/fd/%d\nplugin_opt_link %d\n", c->plugin_fd, c->link_fd);
	buf_add_str(out, "listener 0 " CONF_SOCKET "\n");
	buf_addf(out, "listener %d %s\n", c->port, c->address);
	if (c->connections > 0)
		buf_addf(out, "max_connections %lld\n", (long long)c->connections);
	if (c->cert_fd >= 0)
		buf_addf(out, "certfile /proc/self/fd/%d\nkeyfile /proc/self/fd/%d\n", c->cert_fd,
			 c->key_fd);
}
