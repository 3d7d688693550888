/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of mqtt.mode and mqtt.public: which MQTT broker. Pure.
 */
#pragma once

#include "base/err.h"
#include <stdbool.h>

struct broker_mode {
	enum { BROKER_OFF, BROKER_EMBEDDED, BROKER_EXTERNAL } type;
	int port;       /* EMBEDDED: 0 is any free one */
	bool tls;       /* EXTERNAL */
	char host[254]; /* EXTERNAL; an IPv6 address without its brackets */
	char user[128]; /* EXTERNAL; "": none was named */
};

/* "off", "embedded[:PORT]" (1883), "mqtt[s]://[USER@]HOST[:PORT]" (1883, 8883). ERR_INVALID: what is wrong, to be read
 * behind "key: ". A password in the address is refused: it would be seen in a list of processes. */
int broker_mode_parse(const char *text, struct broker_mode *ret, struct error *err) WARN_UNUSED;
